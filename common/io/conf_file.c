#include "common/io/conf_file.h"

#include "common/io/file.h"

#include <string.h>

#define TEXT_MAX ((size_t) 1 << 20)

int conf_file_load(const char *path, const struct wf_conf_schema *schema, void *obj,
                   struct wf_err *err)
{
    struct wf_buf text = WF_BUF_INIT(TEXT_MAX);
    struct wf_err why = {0, ""};
    int rc = file_read(path, &text, err);

    if (rc == WEFT_ETOOBIG) {
        rc = wf_err_set(err, WEFT_ECONF, "%.128s: larger than a configuration may be",
                        path);
    } else if (rc == 0) {
        rc = wf_conf_parse(schema, text.p != NULL ? (const char *) text.p : "", text.len,
                           obj, &why);
        if (rc != 0) {
            (void) wf_err_set(err, rc, "%.100s: %.150s", path, why.text);
        }
    }
    wf_buf_fini(&text);
    return rc;
}
