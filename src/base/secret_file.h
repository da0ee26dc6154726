/*-------------------------------------------------------------------------
 *
 * secret_file.h
 *		Reading a file that only the server's user may read. secret_file.c is
 *		the only file that does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef INTEL_BASE_SECRET_FILE_H
#define INTEL_BASE_SECRET_FILE_H

/*
 * Read at most size bytes of the file at path into buffer and return their
 * number. It must be a regular file of the server's user with mode 0600 or
 * 0400, not a symbolic link. Raises 42501 when it is not private, 55000 when
 * it is absent, something else than a file, or longer. Messages show name;
 * hint, where to look (may be NULL). The caller wipes the buffer, also when
 * this raises.
 */
extern size_t secret_file_read(const char *path, const char *name,
							   const char *hint, char *buffer, size_t size);

#endif /* INTEL_BASE_SECRET_FILE_H */
