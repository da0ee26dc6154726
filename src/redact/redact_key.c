/*-------------------------------------------------------------------------
 *
 * redact_key.c
 *		Keyed hashes for the actions "hash" and "fake" and the vault, and
 *		sealed values.
 *
 * A plain hash of a telephone number is undone by hashing all telephone
 * numbers, so a token is an HMAC-SHA-256 under a key that the database does
 * not hold: intel.redact_key_file names a file of the server. Every policy
 * has a key of its own, derived from that one, and the entity goes into the
 * message, so tokens of two policies or entities cannot be joined.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/secret_file.h"
#include "redact/redact_key.h"

#define KEY_LEN 32
#define MIN_KEY_FILE 16
#define MAX_KEY_FILE 1024

static uint8 master_key[KEY_LEN];
static char *master_path = NULL; /* the file that it was read from */
static struct stat master_stat;

static void
hmac(const uint8 *key, int key_len, const char *parts[], const int lens[],
	 int nparts, uint8 *out)
{
	StringInfoData message;
	unsigned int len = KEY_LEN;

	initStringInfo(&message);
	for (int i = 0; i < nparts; i++)
	{
		appendBinaryStringInfo(&message, parts[i], lens[i]);
		appendStringInfoCharMacro(&message, '\0');
	}
	if (HMAC(EVP_sha256(), key, key_len, (unsigned char *) message.data,
			 message.len, out, &len) == NULL)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not compute a keyed hash")));
	explicit_bzero(message.data, message.len);
	pfree(message.data);
}

/* Has the file changed since it was read? Its checks are done then. */
static bool
is_same_file(const char *path)
{
	struct stat st;

	return master_path != NULL && strcmp(master_path, path) == 0 &&
		   stat(path, &st) == 0 && st.st_ino == master_stat.st_ino &&
		   st.st_dev == master_stat.st_dev &&
		   st.st_size == master_stat.st_size &&
		   st.st_mtim.tv_sec == master_stat.st_mtim.tv_sec &&
		   st.st_mtim.tv_nsec == master_stat.st_mtim.tv_nsec;
}

static void
read_master_key(const char *path)
{
	static const char label[] = "intel redaction master key";
	const char *parts[] = {label};
	const int lens[] = {sizeof(label) - 1};
	char buf[MAX_KEY_FILE];
	size_t n;

	if (stat(path, &master_stat) != 0)
		memset(&master_stat, 0, sizeof(master_stat));
	PG_TRY();
	{
		n = secret_file_read(path, path,
							 "intel.redact_key_file names it; symbolic links "
							 "are not followed.",
							 buf, sizeof(buf));
		if (n < MIN_KEY_FILE)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("redaction key file \"%s\" is too short", path),
				 errdetail("It must have at least %d bytes.", MIN_KEY_FILE)));
		hmac((const uint8 *) buf, n, parts, lens, 1, master_key);
	}
	PG_FINALLY();
	{
		explicit_bzero(buf, sizeof(buf));
	}
	PG_END_TRY();
}

/* Read the key file, unless it is the one that was read before. */
static void
load_master_key(void)
{
	const char *path = guc_redact_key_file;

	if (path == NULL || path[0] == '\0')
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("there is no key for redaction"),
			 errdetail("Actions \"hash\" and \"fake\", and the vault, need "
					   "one."),
			 errhint("Write 32 random bytes to a file that only the "
					 "server may read, and name it in "
					 "intel.redact_key_file.")));
	if (is_same_file(path))
		return;
	if (master_path != NULL)
		pfree(master_path);
	master_path = NULL;
	read_master_key(path);
	master_path = MemoryContextStrdup(TopMemoryContext, path);
}

/* A key of its own for a purpose. */
static void
derive_key(const char *purpose, uint8 key[KEY_LEN])
{
	const char *parts[] = {purpose};
	const int lens[] = {strlen(purpose)};

	load_master_key();
	hmac(master_key, KEY_LEN, parts, lens, 1, key);
}

void
redact_key_hash(const char *policy, const char *purpose, const char *value,
				int len, uint8 *hash)
{
	const char *parts[] = {purpose, value};
	const int lens[] = {strlen(purpose), len};
	uint8 key[KEY_LEN];

	StaticAssertStmt(KEY_LEN == REDACT_HASH_LEN, "a hash is as long as a key");
	derive_key(policy, key);
	hmac(key, KEY_LEN, parts, lens, 2, hash);
	explicit_bzero(key, sizeof(key));
}

void
redact_key_base32(const uint8 *bytes, int n, char *out)
{
	static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint32 bits = 0;
	int nbits = 0;

	for (int i = 0; i < n; i++)
	{
		if (nbits < 5)
		{
			bits = bits << 8 | *bytes++;
			nbits += 8;
		}
		nbits -= 5;
		out[i] = base32[(bits >> nbits) & 31];
	}
	out[n] = '\0';
}

void
redact_key_token(const char *policy, const char *entity, const char *value,
				 int len, char *token)
{
	uint8 hash[REDACT_HASH_LEN];

	redact_key_hash(policy, entity, value, len, hash);
	redact_key_base32(hash, REDACT_TOKEN_LEN, token);
}

/* ---- sealing -------------------------------------------------------- */

/*
 * A sealed value: version (1), nonce (12), AES-256-GCM of the value, tag (16).
 * The label is authenticated with it, so a value cannot be moved to another.
 */
#define SEAL_VERSION 1
#define NONCE_LEN 12
#define TAG_LEN 16
/* No name of a policy has a blank. */
#define SEAL_PURPOSE "vault key"

static bool
seal(EVP_CIPHER_CTX *ctx, const uint8 *key, const char *label,
	 const char *value, int len, uint8 *out)
{
	int n;

	return EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, out + 1) &&
		   EVP_EncryptUpdate(ctx, NULL, &n, (const uint8 *) label,
							 strlen(label)) &&
		   EVP_EncryptUpdate(ctx, out + 1 + NONCE_LEN, &n,
							 (const uint8 *) value, len) &&
		   EVP_EncryptFinal_ex(ctx, out + 1 + NONCE_LEN + n, &n) &&
		   EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN,
							   out + 1 + NONCE_LEN + len);
}

static bool
unseal(EVP_CIPHER_CTX *ctx, const uint8 *key, const char *label,
	   const uint8 *sealed, int len, uint8 *out)
{
	int n;

	return EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed + 1) &&
		   EVP_DecryptUpdate(ctx, NULL, &n, (const uint8 *) label,
							 strlen(label)) &&
		   EVP_DecryptUpdate(ctx, out, &n, sealed + 1 + NONCE_LEN, len) &&
		   EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN,
							   (void *) (sealed + 1 + NONCE_LEN + len)) &&
		   EVP_DecryptFinal_ex(ctx, out + n, &n) == 1;
}

bytea *
redact_key_seal(const char *label, const char *value, int len)
{
	int size = VARHDRSZ + 1 + NONCE_LEN + len + TAG_LEN;
	bytea *sealed = palloc(size);
	uint8 *data = (uint8 *) VARDATA(sealed);
	uint8 key[KEY_LEN];
	EVP_CIPHER_CTX *ctx;
	bool ok;

	SET_VARSIZE(sealed, size);
	data[0] = SEAL_VERSION;
	derive_key(SEAL_PURPOSE, key);
	ok = pg_strong_random(data + 1, NONCE_LEN);
	ctx = EVP_CIPHER_CTX_new();
	ok = ok && ctx != NULL && seal(ctx, key, label, value, len, data);
	EVP_CIPHER_CTX_free(ctx);
	explicit_bzero(key, sizeof(key));
	if (!ok)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not seal a value for the vault")));
	return sealed;
}

char *
redact_key_unseal(const char *label, bytea *sealed, int *len)
{
	const uint8 *data = (const uint8 *) VARDATA_ANY(sealed);
	int n = (int) VARSIZE_ANY_EXHDR(sealed) - 1 - NONCE_LEN - TAG_LEN;
	uint8 key[KEY_LEN];
	EVP_CIPHER_CTX *ctx = NULL;
	char *value = NULL;
	bool ok = n >= 0 && data[0] == SEAL_VERSION;

	derive_key(SEAL_PURPOSE, key);
	if (ok)
	{
		value = palloc(n + 1);
		ctx = EVP_CIPHER_CTX_new();
		ok = ctx != NULL && unseal(ctx, key, label, data, n, (uint8 *) value);
		EVP_CIPHER_CTX_free(ctx);
	}
	explicit_bzero(key, sizeof(key));
	if (!ok)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("value of the vault cannot be opened"),
				 errdetail("It was stored under another key, or has been "
						   "changed.")));
	value[n] = '\0';
	*len = n;
	return value;
}
