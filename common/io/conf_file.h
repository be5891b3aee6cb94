/* conf_file.h - load a configuration file by its table of options */
#ifndef COMMON_IO_CONF_FILE_H
#define COMMON_IO_CONF_FILE_H

#include "common/conf.h"

/* Parse the text of a file into `obj`; texts of errors name lines. */
typedef int conf_parse_fn(void *obj, const char *text, size_t len, struct wf_err *err);

/* Read a file whole and parse it.  WEFT_ENOENT, WEFT_EIO, WEFT_ECONF and what `parse`
 * returns; texts begin with the path. */
int conf_file_read(const char *path, conf_parse_fn *parse, void *obj, struct wf_err *err);

/* Defaults, then the file, into `obj`.  WEFT_ENOENT, WEFT_EIO, WEFT_ECONF; texts begin
 * with the path. */
int conf_file_load(const char *path, const struct wf_conf_schema *schema, void *obj,
                   struct wf_err *err);

#endif
