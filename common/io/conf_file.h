/* conf_file.h - load a configuration file by its table of options */
#ifndef COMMON_IO_CONF_FILE_H
#define COMMON_IO_CONF_FILE_H

#include "common/conf.h"

/* Defaults, then the file, into `obj`.  WEFT_ENOENT, WEFT_EIO, WEFT_ECONF; texts begin
 * with the path. */
int conf_file_load(const char *path, const struct wf_conf_schema *schema, void *obj,
                   struct wf_err *err);

#endif
