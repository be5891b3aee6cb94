/* file.h - bounded reads of small kernel files under a root folder
 *
 * Paths are relative to `root`, an open folder: "/" of the machine, or a folder of
 * fixture files in a test.  One read at offset 0 gives a kernel file's present content,
 * so an open descriptor can be read again and again without an open.  What does not fit
 * is cut.
 */
#ifndef AGENT_PROBE_FILE_H
#define AGENT_PROBE_FILE_H

#include "common/defs.h"

/* Enough for the head of any file that the probe reads. */
#define PROBE_FILE_MAX 4096
#define PROBE_PATH_MAX 512

/* Folder entries looked at, and the length of their names. */
#define PROBE_DIR_MAX  1024
#define PROBE_NAME_MAX 64

/* Descriptor for reading, or WEFT_ENOENT.  The path is printf-formatted. */
int probe_file_open(int root, const char *fmt, ...) WF_PRINTF(2, 3);

/* Bytes read into buf, or WEFT_ENOENT when there is no such file or it will not be read.
 */
int probe_file_read(int root, char *buf, size_t cap, const char *fmt, ...)
    WF_PRINTF(4, 5);

/* The same from an open descriptor; -1 is allowed and is WEFT_ENOENT. */
int probe_fd_read(int fd, char *buf, size_t cap);

/* A file that holds one number. */
int probe_fd_u64(int fd, uint64_t *ret_v);
int probe_file_u64(int root, uint64_t *ret_v, const char *fmt, ...) WF_PRINTF(3, 4);

/* Names in a folder that start with `prefix`, sorted, so that numbering is the same after
 * every start; the smallest `max` of them.  Returns their number, 0 without the folder.
 */
size_t probe_dir_list(int root, const char *path, const char *prefix,
                      char (*ret_names)[PROBE_NAME_MAX], size_t max);

#endif
