#include "common/io/conf_file.h"

#include "common/io/file.h"

#include <string.h>

#define TEXT_MAX ((size_t) 1 << 20)

int conf_file_read(const char *path, conf_parse_fn *parse, void *obj, struct wf_err *err)
{
    struct wf_buf text = WF_BUF_INIT(TEXT_MAX);
    struct wf_err why = {0, ""};
    int rc = file_read(path, &text, err);

    if (rc == WEFT_ETOOBIG) {
        rc = wf_err_set(err, WEFT_ECONF, "%.128s: larger than a configuration may be",
                        path);
    } else if (rc == 0) {
        rc = parse(obj, text.p != NULL ? (const char *) text.p : "", text.len, &why);
        if (rc != 0) {
            (void) wf_err_set(err, rc, "%.100s: %.150s", path, why.text);
        }
    }
    wf_buf_fini(&text);
    return rc;
}

struct by_schema {
    const struct wf_conf_schema *schema;
    void *obj;
};

static int parse_by_schema(void *arg, const char *text, size_t len, struct wf_err *err)
{
    const struct by_schema *by = arg;

    return wf_conf_parse(by->schema, text, len, by->obj, err);
}

int conf_file_load(const char *path, const struct wf_conf_schema *schema, void *obj,
                   struct wf_err *err)
{
    struct by_schema by = {schema, obj};

    return conf_file_read(path, parse_by_schema, &by, err);
}
