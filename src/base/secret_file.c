/*-------------------------------------------------------------------------
 *
 * secret_file.c
 *		Reading a file that only the server's user may read.
 *
 * What is checked is the file that was opened, not its name: between the two
 * a name can come to mean another file.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/fd.h"

#include "base/secret_file.h"

static void
raise_too_large(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("secret file \"%s\" is too large for a key", name)));
}

/* Raises unless fd is a private, regular, small file of the server's user. */
static void
check_file(int fd, const char *name, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat secret file \"%s\": %m", name)));
	if (!S_ISREG(st.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("secret file \"%s\" is not a regular file", name)));
	if (st.st_uid != geteuid())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("secret file \"%s\" does not belong to the server's "
						"user",
						name)));
	if ((st.st_mode & 07777) != 0600 && (st.st_mode & 07777) != 0400)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("secret file \"%s\" is not private", name),
						errdetail("Its mode is %04o.",
								  (unsigned int) (st.st_mode & 07777)),
						errhint("Set its mode to 0600 or 0400.")));
	if ((size_t) st.st_size > size)
		raise_too_large(name);
}

static int
open_file(const char *path, const char *name, const char *hint)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer */
	int fd = OpenTransientFile(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC |
										 O_NONBLOCK | PG_BINARY);

	if (fd < 0)
	{
		int sqlstate = errno == EACCES
						   ? ERRCODE_INSUFFICIENT_PRIVILEGE
						   : ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;

		ereport(ERROR, (errcode(sqlstate),
						errmsg("could not open secret file \"%s\": %m", name),
						hint != NULL ? errhint("%s", hint) : 0));
	}
	return fd;
}

size_t
secret_file_read(const char *path, const char *name, const char *hint,
				 char *buffer, size_t size)
{
	int fd = open_file(path, name, hint);
	size_t have = 0;
	char more;

	check_file(fd, name, size);
	for (;;)
	{
		/* one byte beyond size tells that the file has grown */
		ssize_t got = have < size ? read(fd, buffer + have, size - have)
								  : read(fd, &more, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read secret file \"%s\": %m", name)));
		if (got > 0 && have == size)
			raise_too_large(name);
		if (got == 0)
			break;
		have += got;
	}
	CloseTransientFile(fd);
	return have;
}
