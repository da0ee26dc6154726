/*-------------------------------------------------------------------------
 *
 * llm_secret.c
 *		Keys of providers, by reference only: the one file that reads them.
 *
 * A key is never in a table, a setting, a statement, WAL or a dump. The names
 * that a reference can reach are closed: variables with a fixed prefix and
 * files of one directory, so a reference cannot be turned into a way to read
 * the server's environment or its files.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/guc.h"
#include "base/secret_file.h"
#include "llm/llm_secret.h"

#define ENV_SCHEME "env:"
#define FILE_SCHEME "file:"
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
		(strncmp(reference, ENV_SCHEME, strlen(ENV_SCHEME)) != 0 &&
		 strncmp(reference, FILE_SCHEME, strlen(FILE_SCHEME)) != 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("reference to a secret is malformed"),
						errhint("Write \"env:NAME\" or \"file:NAME\".")));

	PG_TRY();
	{
		if (reference[0] == 'e')
			read_variable(name + 1, buffer);
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
