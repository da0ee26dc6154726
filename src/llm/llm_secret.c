/*-------------------------------------------------------------------------
 *
 * llm_secret.c
 *		Keys of providers, by reference only: the one file that reads them.
 *
 * A key is never in a table of intel, a setting, a statement, WAL or a dump.
 * The names that a reference can reach are closed: variables with a fixed
 * prefix, files of one directory, and secrets of Supabase's vault, so a
 * reference cannot be turned into a way to read the server's environment or
 * its files.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/guc.h"
#include "base/identity.h"
#include "base/query.h"
#include "base/secret_file.h"
#include "llm/llm_secret.h"

#define ENV_SCHEME "env:"
#define FILE_SCHEME "file:"
#define VAULT_SCHEME "vault:"
#define ENV_PREFIX "INTEL_SECRET_"
#define NAME_MAX_LEN 100

void
llm_secret_wipe(void *memory, size_t len)
{
	if (memory != NULL)
		explicit_bzero(memory, len);
}

/* Letters, digits, "_", and inside also "-" and ".": never a path. */
static bool
name_is_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_LEN || name[0] == '.' || name[0] == '-')
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
						"0123456789_-.") == len;
}

bool
llm_secret_is_reference(const char *text)
{
	return strncmp(text, ENV_SCHEME, strlen(ENV_SCHEME)) == 0 ||
		   strncmp(text, FILE_SCHEME, strlen(FILE_SCHEME)) == 0 ||
		   llm_secret_is_vault(text);
}

bool
llm_secret_is_vault(const char *text)
{
	return strncmp(text, VAULT_SCHEME, strlen(VAULT_SCHEME)) == 0;
}

static void
read_variable(const char *name, char *buffer)
{
	char variable[sizeof(ENV_PREFIX) + NAME_MAX_LEN];
	const char *value;

	snprintf(variable, sizeof(variable), "%s%s", ENV_PREFIX, name);
	value = getenv(variable);
	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("environment variable \"%s\" is not set", variable),
				 errhint("Set it in the environment of the server and "
						 "restart, or refer to a file with \"file:NAME\".")));
	if (strlen(value) > LLM_SECRET_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("environment variable \"%s\" is too long for a key",
						variable)));
	strcpy(buffer, value);
}

static void
read_file(const char *name, char *buffer)
{
	char path[MAXPGPATH];
	size_t have;

	/* a relative directory is below the data directory, which is our cwd */
	if (snprintf(path, sizeof(path), "%s/%s", guc_secret_directory, name) >=
		(int) sizeof(path))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path of secret file \"%s\" is too long", name)));

	have = secret_file_read(path, name,
							"Secret files are in the directory that "
							"intel.secret_directory names; symbolic links "
							"are not followed.",
							buffer, LLM_SECRET_MAX);
	/* editors end the last line */
	while (have > 0 && (buffer[have - 1] == '\n' || buffer[have - 1] == '\r'))
		have--;
	if (memchr(buffer, '\0', have) != NULL)
		have = 0; /* reported as unusable below */
	buffer[have] = '\0';
}

/* Who owns a relation, or a schema. */
static Oid
owner_of_relation(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

static Oid
owner_of_schema(Oid schema)
{
	HeapTuple tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/*
 * The view of the vault, locked; InvalidOid when there is none. What the
 * current user may do there does not matter yet.
 */
static Oid
find_vault(void)
{
	for (;;)
	{
		Oid schema = get_namespace_oid("vault", true);
		Oid view = OidIsValid(schema)
					   ? get_relname_relid("decrypted_secrets", schema)
					   : InvalidOid;

		if (!OidIsValid(view))
			return InvalidOid;
		/* another one may be in its place by the time it is locked */
		LockRelationOid(view, AccessShareLock);
		if (get_namespace_oid("vault", true) == schema &&
			get_relname_relid("decrypted_secrets", schema) == view)
			return view;
		UnlockRelationOid(view, AccessShareLock);
	}
}

/*
 * The owner of the vault, who is to read it. Callers of a model need not be
 * able to: the key goes to the provider and not to them. Nor may it be read
 * with rights beyond the vault's own: whoever can create a schema of that
 * name could put a view in it that runs his code. So it is read as the view's
 * owner, who could do so anyway; and only where the schema is his as well, so
 * that nobody can exchange the view meanwhile.
 */
static Oid
vault_owner(void)
{
	Oid view = find_vault();
	Oid owner;

	if (!OidIsValid(view))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no vault in this database"),
				 errhint("A reference \"vault:NAME\" needs the extension "
						 "supabase_vault.")));
	owner = owner_of_relation(view);
	if (owner != owner_of_schema(get_rel_namespace(view)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("view \"vault.decrypted_secrets\" and its schema "
						"have different owners")));
	return owner;
}

void
llm_secret_check_vault(void)
{
	Oid view = find_vault();

	QueryArg arg = query_arg_oid(OIDOID, view);
	QueryResult *rows;

	if (!OidIsValid(view))
		return; /* it may come later, as in a restore */
	rows = query_run_restricted("SELECT has_schema_privilege('vault', 'USAGE')"
								" AND has_table_privilege($1, 'SELECT')",
								&arg, 1, ActiveSnapshotSet());
	if (!query_bool(rows, 0, 0, false))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the vault"),
				 errhint("Only who may read vault.decrypted_secrets may give "
						 "a provider a key of it.")));
}

static void
read_vault(const char *name, char *buffer)
{
	Oid owner = vault_owner();
	IdentitySave save;
	QueryArg arg = query_arg_text(name);
	QueryResult *rows;
	char *value;
	size_t len;

	identity_enter(owner, NULL, NULL, &save);
	rows = query_run_restricted("SELECT decrypted_secret::pg_catalog.text"
								" FROM vault.decrypted_secrets"
								" WHERE name = $1",
								&arg, 1, ActiveSnapshotSet());
	identity_leave(&save);

	value = rows->nrows == 1 ? query_text(rows, 0, 0) : NULL;
	if (value == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("there is no single secret \"%s\" in the vault",
							   name)));
	len = strlen(value);
	if (len <= LLM_SECRET_MAX)
		memcpy(buffer, value, len + 1);
	llm_secret_wipe(value, len);
	llm_secret_wipe(rows->rows[0]->t_data, rows->rows[0]->t_len);
	if (len > LLM_SECRET_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("secret \"%s\" of the vault is too long for a key",
						name)));
}

static void
check_key(const char *reference, const char *key)
{
	bool usable = key[0] != '\0';

	for (const char *p = key; *p != '\0'; p++)
		usable = usable && *p > ' ' && *p < 0x7f;
	if (!usable)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("secret \"%s\" is not a usable key", reference),
						errdetail("A key is one line of printable ASCII "
								  "characters without spaces.")));
}

void
llm_secret_read(const char *reference, char buffer[LLM_SECRET_MAX + 1])
{
	const char *name = strchr(reference, ':');

	if (name == NULL || !name_is_valid(name + 1) ||
		!llm_secret_is_reference(reference))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("reference to a secret is malformed"),
						errhint("Write \"env:NAME\", \"file:NAME\" or "
								"\"vault:NAME\".")));

	PG_TRY();
	{
		if (reference[0] == 'e')
			read_variable(name + 1, buffer);
		else if (reference[0] == 'v')
			read_vault(name + 1, buffer);
		else
			read_file(name + 1, buffer);
		check_key(reference, buffer);
	}
	PG_CATCH();
	{
		llm_secret_wipe(buffer, LLM_SECRET_MAX + 1);
		PG_RE_THROW();
	}
	PG_END_TRY();
}
