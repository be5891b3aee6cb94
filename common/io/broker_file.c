#include "common/io/broker_file.h"

#include "common/io/conf_file.h"
#include "common/io/file.h"
#include "common/mem.h"
#include "common/str.h"

#include <string.h>

struct row {
    char endpoint[WF_ENDPOINT_MAX + 1], key[2 * WF_KEY_SIZE + 1];
    char name[WF_NAME_MAX + 1], site[WF_NAME_MAX + 1];
    int awaited;
    uint64_t missed;
};

struct rows {
    size_t n;
    struct row v[WF_BROKERS_MAX];
};

#define AT(field) WF_CONF_AT(struct row, field)

static const struct wf_conf_option options[] = {
    {"endpoint", WF_CONF_STR, AT(endpoint), "1", NULL, NULL, "Address of the broker."},
    {"key", WF_CONF_STR, AT(key), "64", "64", NULL, "Its key, hex."},
    {"name", WF_CONF_STR, AT(name), NULL, NULL, NULL, "Its name."},
    {"site", WF_CONF_STR, AT(site), NULL, NULL, NULL, "Where it is."},
    {"awaited", WF_CONF_BOOL, AT(awaited), NULL, NULL, "no", "It may wait for us."},
    {"missed", WF_CONF_U64, AT(missed), "0", "1000000", "0",
     "So often it was not there."},
};

static const struct wf_conf_section sections[] = {
    {"broker", options, ARRAY_LEN(options), offsetof(struct rows, v), sizeof(struct row),
     WF_BROKERS_MAX, offsetof(struct rows, n)},
};

static const struct wf_conf_schema schema = {NULL, 0, sections, ARRAY_LEN(sections)};

int broker_file_load(const char *path, struct wf_broker_table *t, struct wf_err *err)
{
    struct rows *r = wf_calloc(1, sizeof *r);
    int rc = r != NULL ? conf_file_load(path, &schema, r, err) : WEFT_ENOMEM;

    for (size_t i = 0; rc == 0 && i < r->n; i++) {
        struct wf_broker b = {.learned = 1,
                              .awaited = r->v[i].awaited,
                              .missed = (unsigned) r->v[i].missed};
        size_t len = 0;

        if (wf_unhex(b.key.b, sizeof b.key.b, r->v[i].key, &len) != 0 ||
            len != sizeof b.key.b) {
            rc = wf_err_set(err, WEFT_ECONF, "%.160s: a key is not hex", path);
            break;
        }
        (void) wf_str_copy(b.endpoint, sizeof b.endpoint, r->v[i].endpoint);
        (void) wf_str_copy(b.name, sizeof b.name, r->v[i].name);
        (void) wf_str_copy(b.site, sizeof b.site, r->v[i].site);
        wf_brokers_recall(t, &b);
    }
    wf_free(r);
    return rc == WEFT_ENOENT ? 0 : rc;
}

int broker_file_save(const char *path, const struct wf_broker_table *t,
                     struct wf_err *err)
{
    struct wf_buf text = WF_BUF_INIT(16384);
    char key[2 * WF_KEY_SIZE + 1];
    int rc;

    (void) wf_buf_printf(&text, "# Written by weft: brokers that another one told of.\n");
    for (unsigned i = 0; i < t->n; i++) {
        const struct wf_broker *b = &t->v[i];

        if ((b->learned || b->awaited) && b->endpoint[0] != '\0') {
            wf_hex(key, b->key.b, sizeof b->key.b);
            (void) wf_buf_printf(&text,
                                 "broker\n    endpoint = \"%s\"\n    key = %s\n"
                                 "    name = \"%s\"\n    site = \"%s\"\n"
                                 "    awaited = %s\n    missed = %u\n",
                                 b->endpoint, key, b->name, b->site,
                                 b->awaited ? "yes" : "no", b->missed);
        }
    }
    rc = text.err != 0 ? wf_err_set(err, text.err, "no memory for the list of brokers")
                       : file_write(path, text.p, text.len, 0600, err);
    wf_buf_fini(&text);
    return rc;
}
