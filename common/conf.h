/* conf.h - configuration text into a struct, by one table of options
 *
 * A program has one table of options, and one for each kind of section; they drive the
 * parser, the defaults, the command line and the help.  The text is ZPL: common/zpl.h
 * says which.  Sections may repeat, and hold options only.
 *
 * Pure: text in, struct out, no allocation.  Strings stand in fixed arrays in the struct.
 */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include "common/buf.h"
#include "common/err.h"

#define WF_CONF_OPTIONS_MAX 64 /* options in one table */
#define WF_CONF_LIST_MAX    16
#define WF_CONF_LIST_ITEM   256

enum wf_conf_type {
    WF_CONF_STR,      /* char[size]; min and max are lengths in bytes */
    WF_CONF_U64,      /* uint64_t */
    WF_CONF_SIZE,     /* uint64_t, bytes: 64K */
    WF_CONF_DURATION, /* uint64_t, ms: 5s */
    WF_CONF_BOOL,     /* int */
    WF_CONF_LIST,     /* struct wf_conf_list: the key repeats, one item each */
};

struct wf_conf_list {
    size_t n;
    char item[WF_CONF_LIST_MAX][WF_CONF_LIST_ITEM];
};

/* min and max are text as in the file, NULL: no bound.  Without a default (def NULL) the
 * value starts empty or 0, and the key must be given if `min` says more than that:
 * a string or a list with min "1", anything else with any min. */
struct wf_conf_option {
    const char *key;
    enum wf_conf_type type;
    size_t offset; /* of the field in the struct */
    size_t size;   /* of the field */
    const char *min, *max, *def;
    const char *help; /* one sentence; NULL hides the option from the help */
};

/* The place of a field, for tables: {"listen", WF_CONF_STR, WF_CONF_AT(struct x, listen),
 * "1", NULL, "tcp://...", "Address to listen on."}. */
#define WF_CONF_AT(type, field) offsetof(type, field), sizeof(((type *) 0)->field)

/* A section that may come up to max_items times; its items are a fixed array of structs
 * at offset_items, zeroed before their options are set, their number a size_t at
 * offset_count. */
struct wf_conf_section {
    const char *name;
    const struct wf_conf_option *opts;
    size_t nopts;
    size_t offset_items;
    size_t item_size;
    size_t max_items;
    size_t offset_count;
};

struct wf_conf_schema {
    const struct wf_conf_option *opts;
    size_t nopts;
    const struct wf_conf_section *sections;
    size_t nsections;
};

/* Write every option's default into `obj`.  A default that its own table refuses is our
 * mistake and aborts. */
void wf_conf_init(const struct wf_conf_option *opts, size_t nopts, void *obj);

/* Set one option from text, as the command line does.  A list gets one more item.
 * 0 or WEFT_ECONF with text. */
int wf_conf_set(const struct wf_conf_option *opts, size_t nopts, void *obj,
                const char *key, const char *value, struct wf_err *err);

/* Set defaults, then read `text` into `obj`.  0 or WEFT_ECONF with text that names the
 * line; `obj` then holds what was read before it and must not be used. */
int wf_conf_parse(const struct wf_conf_schema *schema, const char *text, size_t len,
                  void *obj, struct wf_err *err);

/* Append one paragraph an option: key, kind, default, range, sentence. */
int wf_conf_help(const struct wf_conf_option *opts, size_t nopts, struct wf_buf *out);

#endif
