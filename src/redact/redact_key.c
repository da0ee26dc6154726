/*-------------------------------------------------------------------------
 *
 * redact_key.c
 *		Keyed tokens for the action "hash".
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
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/stringinfo.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "base/guc.h"
#include "redact/redact_key.h"

#define KEY_LEN 32
#define MIN_KEY_FILE 16
#define MAX_KEY_FILE 1024

static uint8 master_key[KEY_LEN];
static char *master_path = NULL; /* the file that it was read from */

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

static void
check_key_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read redaction key file \"%s\": %m",
							   path)));
	if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXO | S_IWGRP | S_IXGRP)))
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("redaction key file \"%s\" can be read by others", path),
			 errhint("Give it permissions u=rw (0600).")));
}

/* Read the key file, unless it is the one that was read before. */
static void
load_master_key(void)
{
	const char *path = guc_redact_key_file;
	static const char label[] = "intel redaction master key";
	const char *parts[] = {label};
	const int lens[] = {sizeof(label) - 1};
	char buf[MAX_KEY_FILE];
	FILE *file;
	int n;

	if (path == NULL || path[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no key for redaction action \"hash\""),
				 errhint("Write 32 random bytes to a file that only the "
						 "server may read, and name it in "
						 "intel.redact_key_file.")));
	if (master_path != NULL && strcmp(master_path, path) == 0)
		return;
	check_key_file(path);
	file = AllocateFile(path, "rb");
	if (file == NULL)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not read redaction key file \"%s\": %m",
							   path)));
	n = fread(buf, 1, sizeof(buf), file);
	FreeFile(file);
	if (n < MIN_KEY_FILE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("redaction key file \"%s\" is too short", path),
				 errdetail("It must have at least %d bytes.", MIN_KEY_FILE)));
	hmac((const uint8 *) buf, n, parts, lens, 1, master_key);
	explicit_bzero(buf, sizeof(buf));
	if (master_path != NULL)
		pfree(master_path);
	master_path = MemoryContextStrdup(TopMemoryContext, path);
}

void
redact_key_token(const char *policy, const char *entity, const char *value,
				 int len, char *token)
{
	static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
	const char *policy_parts[] = {policy};
	const int policy_lens[] = {strlen(policy)};
	const char *parts[] = {entity, value};
	const int lens[] = {strlen(entity), len};
	uint8 key[KEY_LEN];
	uint8 hash[KEY_LEN];
	uint32 bits = 0;
	int nbits = 0;
	int at = 0;

	load_master_key();
	hmac(master_key, KEY_LEN, policy_parts, policy_lens, 1, key);
	hmac(key, KEY_LEN, parts, lens, 2, hash);
	for (int i = 0; i < REDACT_TOKEN_LEN; i++)
	{
		if (nbits < 5)
		{
			bits = bits << 8 | hash[at++];
			nbits += 8;
		}
		nbits -= 5;
		token[i] = base32[(bits >> nbits) & 31];
	}
	token[REDACT_TOKEN_LEN] = '\0';
	explicit_bzero(key, sizeof(key));
}
