#include "common/conf.h"

#include "common/check.h"
#include "common/parse.h"
#include "common/str.h"
#include "common/zpl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NOT_FOUND SIZE_MAX

static void *field(const struct wf_conf_option *o, void *obj)
{
    return (char *) obj + o->offset;
}

static int number(enum wf_conf_type type, const char *s, uint64_t *ret)
{
    return type == WF_CONF_SIZE       ? wf_parse_size(s, ret)
           : type == WF_CONF_DURATION ? wf_parse_duration_ms(s, ret)
                                      : wf_parse_u64(s, ret);
}

/* A bound of the table, which is in the option's own unit. */
static uint64_t bound(enum wf_conf_type type, const char *s, uint64_t otherwise)
{
    uint64_t v = otherwise;

    WF_CHECK(s == NULL || number(type, s, &v) == 0);
    return v;
}

static int in_range(const struct wf_conf_option *o, uint64_t v)
{
    return v >= bound(o->type, o->min, 0) && v <= bound(o->type, o->max, UINT64_MAX);
}

static int store_number(const struct wf_conf_option *o, void *obj, const char *value)
{
    uint64_t v;

    WF_CHECK(o->size == sizeof v);
    if (number(o->type, value, &v) != 0 || !in_range(o, v)) {
        return WEFT_EINVAL;
    }
    memcpy(field(o, obj), &v, sizeof v);
    return 0;
}

static int store_bool(const struct wf_conf_option *o, void *obj, const char *value)
{
    int v;

    WF_CHECK(o->size == sizeof v);
    if (wf_parse_bool(value, &v) != 0) {
        return WEFT_EINVAL;
    }
    memcpy(field(o, obj), &v, sizeof v);
    return 0;
}

static int store_str(const struct wf_conf_option *o, void *obj, const char *value)
{
    size_t len = strlen(value);

    if (len >= o->size || !in_range(o, len)) {
        return WEFT_EINVAL;
    }
    memcpy(field(o, obj), value, len + 1);
    return 0;
}

static int store_item(const struct wf_conf_option *o, void *obj, const char *value)
{
    struct wf_conf_list *list = field(o, obj);

    WF_CHECK(o->size == sizeof *list);
    if (list->n >=
        wf_min_u64(bound(o->type, o->max, WF_CONF_LIST_MAX), WF_CONF_LIST_MAX)) {
        return WEFT_EFULL;
    }
    if (*value == '\0' ||
        wf_str_copy(list->item[list->n], sizeof list->item[0], value) != 0) {
        return WEFT_EINVAL;
    }
    list->n++;
    return 0;
}

/* 0, WEFT_EINVAL (not such a value, out of range), WEFT_EFULL (list). */
static int store(const struct wf_conf_option *o, void *obj, const char *value)
{
    switch (o->type) {
    case WF_CONF_STR:
        return store_str(o, obj, value);
    case WF_CONF_BOOL:
        return store_bool(o, obj, value);
    case WF_CONF_LIST:
        return store_item(o, obj, value);
    case WF_CONF_U64:
    case WF_CONF_SIZE:
    case WF_CONF_DURATION:
        break;
    }
    return store_number(o, obj, value);
}

void wf_conf_init(const struct wf_conf_option *opts, size_t nopts, void *obj)
{
    WF_CHECK(nopts <= WF_CONF_OPTIONS_MAX);
    for (size_t i = 0; i < nopts; i++) {
        memset(field(&opts[i], obj), 0, opts[i].size);
        WF_CHECK(opts[i].def == NULL || (opts[i].type != WF_CONF_LIST &&
                                         store(&opts[i], obj, opts[i].def) == 0));
    }
}

/* What values an option takes: "a whole number from 1 to 10". */
static const char *accepted(const struct wf_conf_option *o, char *dst, size_t cap)
{
    static const char *const kinds[] = {
        [WF_CONF_STR] = "text",
        [WF_CONF_U64] = "a whole number",
        [WF_CONF_SIZE] = "a size such as 64K or 4M",
        [WF_CONF_DURATION] = "a duration such as 250ms, 5s or 2h",
        [WF_CONF_BOOL] = "yes or no",
        [WF_CONF_LIST] = "text",
    };
    const char *what = kinds[o->type];

    if (o->type == WF_CONF_STR) {
        uint64_t max = wf_min_u64(bound(o->type, o->max, UINT64_MAX), o->size - 1);

        (void) snprintf(dst, cap, "text of %s to %" PRIu64 " bytes",
                        o->min != NULL ? o->min : "0", max);
    } else if (o->type == WF_CONF_LIST) {
        (void) snprintf(dst, cap, "text of 1 to %d bytes", WF_CONF_LIST_ITEM - 1);
    } else if (o->type == WF_CONF_BOOL || (o->min == NULL && o->max == NULL)) {
        (void) snprintf(dst, cap, "%s", what);
    } else if (o->max == NULL) {
        (void) snprintf(dst, cap, "%s, at least %s", what, o->min);
    } else {
        (void) snprintf(dst, cap, "%s, from %s to %s", what,
                        o->min != NULL ? o->min : "0", o->max);
    }
    return dst;
}

/* Edit distance (Levenshtein) of names shorter than WF_ZPL_NAME; longer ones are far. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WF_ZPL_NAME];
    size_t n = strlen(b);

    if (strlen(a) >= WF_ZPL_NAME || n >= WF_ZPL_NAME) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            size_t skip = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = replace < skip ? replace : skip;
        }
    }
    return row[n];
}

/* The nearest name so far to one that nobody knows. */
struct guess {
    const char *name;
    size_t distance;
};

static void consider(struct guess *g, const char *unknown, const char *name)
{
    size_t d = distance(unknown, name);

    /* Further than a third of the word is no typing error. */
    if (d <= strlen(name) / 3 + 1 && (g->name == NULL || d < g->distance)) {
        *g = (struct guess){name, d};
    }
}

/* Report a key or section that nobody knows. */
static int unknown(const char *what, const char *key, const struct guess *g,
                   struct wf_err *err)
{
    char shown[WF_ZPL_NAME];

    (void) wf_str_escape(shown, sizeof shown, key, strlen(key));
    return g->name == NULL
               ? wf_err_set(err, WEFT_ECONF, "unknown %s `%s`", what, shown)
               : wf_err_set(err, WEFT_ECONF, "unknown %s `%s`; did you mean `%s`?", what,
                            shown, g->name);
}

static size_t find(const struct wf_conf_option *opts, size_t nopts, const char *key)
{
    for (size_t i = 0; i < nopts; i++) {
        if (strcmp(opts[i].key, key) == 0) {
            return i;
        }
    }
    return NOT_FOUND;
}

int wf_conf_set(const struct wf_conf_option *opts, size_t nopts, void *obj,
                const char *key, const char *value, struct wf_err *err)
{
    size_t i = find(opts, nopts, key);
    char shown[WF_ZPL_NAME];
    char range[96];
    int rc;

    if (i == NOT_FOUND) {
        struct guess g = {NULL, 0};

        for (size_t j = 0; j < nopts; j++) {
            consider(&g, key, opts[j].key);
        }
        return unknown("key", key, &g, err);
    }
    rc = store(&opts[i], obj, value);
    if (rc == WEFT_EFULL) {
        return wf_err_set(err, WEFT_ECONF, "`%s` is given more than %" PRIu64 " times",
                          key, bound(WF_CONF_U64, opts[i].max, WF_CONF_LIST_MAX));
    }
    if (rc != 0) {
        (void) wf_str_escape(shown, sizeof shown, value, strlen(value));
        return wf_err_set(err, WEFT_ECONF, "`%s` cannot be `%s`: give %s", key, shown,
                          accepted(&opts[i], range, sizeof range));
    }
    return 0;
}

/* The table that lines go to: the top level's, or the open section's. */
struct scope {
    const struct wf_conf_option *opts; /* NULL: no section is open */
    size_t nopts;
    void *obj;
    uint64_t seen;    /* bit i: opts[i] was given */
    const char *name; /* of the section; NULL at the top */
    unsigned line;    /* where the section started */
};

static void scope_open(struct scope *s, const struct wf_conf_option *opts, size_t nopts,
                       void *obj)
{
    *s = (struct scope){.opts = opts, .nopts = nopts, .obj = obj};
    wf_conf_init(opts, nopts, obj);
}

static int required(const struct wf_conf_option *o)
{
    int by_length = o->type == WF_CONF_STR || o->type == WF_CONF_LIST;

    return o->def == NULL && o->min != NULL &&
           (!by_length || bound(o->type, o->min, 0) > 0);
}

/* At the end of a scope, all that must be given was given. */
static int scope_close(const struct scope *s, struct wf_err *err)
{
    for (size_t i = 0; i < s->nopts; i++) {
        if (required(&s->opts[i]) && (s->seen & UINT64_C(1) << i) == 0) {
            return s->name == NULL
                       ? wf_err_set(err, WEFT_ECONF, "`%s` must be given", s->opts[i].key)
                       : wf_err_set(err, WEFT_ECONF,
                                    "line %u: section `%s` must give `%s`", s->line,
                                    s->name, s->opts[i].key);
        }
    }
    return 0;
}

static int scope_set(struct scope *s, const struct wf_zpl_item *item, struct wf_err *err)
{
    size_t i = find(s->opts, s->nopts, item->name);
    struct wf_err why;

    if (i != NOT_FOUND) {
        if (s->opts[i].type != WF_CONF_LIST && (s->seen & UINT64_C(1) << i) != 0) {
            return wf_err_set(err, WEFT_ECONF, "line %u: `%s` is given twice", item->line,
                              item->name);
        }
        if (!item->has_value) {
            return wf_err_set(err, WEFT_ECONF, "line %u: `%s` needs a value: %s = ...",
                              item->line, item->name, item->name);
        }
        s->seen |= UINT64_C(1) << i;
    }
    if (wf_conf_set(s->opts, s->nopts, s->obj, item->name, item->value, &why) != 0) {
        return wf_err_set(err, WEFT_ECONF, "line %u: %s", item->line, why.text);
    }
    return 0;
}

static const struct wf_conf_section *find_section(const struct wf_conf_schema *schema,
                                                  const char *name)
{
    for (size_t i = 0; i < schema->nsections; i++) {
        if (strcmp(schema->sections[i].name, name) == 0) {
            return &schema->sections[i];
        }
    }
    return NULL;
}

static int unknown_section(const struct wf_conf_schema *schema,
                           const struct wf_zpl_item *item, struct wf_err *err)
{
    struct guess g = {NULL, 0};
    struct wf_err why;

    for (size_t i = 0; i < schema->nsections; i++) {
        consider(&g, item->name, schema->sections[i].name);
    }
    (void) unknown("section", item->name, &g, &why);
    return wf_err_set(err, WEFT_ECONF, "line %u: %s", item->line, why.text);
}

static int section_open(const struct wf_conf_section *section, void *obj,
                        const struct wf_zpl_item *item, struct scope *s,
                        struct wf_err *err)
{
    size_t *count = (size_t *) (void *) ((char *) obj + section->offset_count);
    char *items = (char *) obj + section->offset_items;

    if (item->has_value) {
        return wf_err_set(
            err, WEFT_ECONF,
            "line %u: `%s` is a section: its options follow, each on a line "
            "indented by 4 spaces",
            item->line, item->name);
    }
    if (*count >= section->max_items) {
        return wf_err_set(err, WEFT_ECONF, "line %u: more than %zu sections `%s`",
                          item->line, section->max_items, item->name);
    }
    items += *count * section->item_size;
    memset(items, 0, section->item_size);
    scope_open(s, section->opts, section->nopts, items);
    s->name = section->name;
    s->line = item->line;
    (*count)++;
    return 0;
}

/* One line, in `top` or in `section`, which it may close and open. */
static int line(const struct wf_conf_schema *schema, const struct wf_zpl_item *item,
                struct scope *top, struct scope *section, struct wf_err *err)
{
    const struct wf_conf_section *next;
    int rc;

    if (item->level != 0) {
        return section->opts != NULL
                   ? scope_set(section, item, err)
                   : wf_err_set(err, WEFT_ECONF, "line %u: indented, but in no section",
                                item->line);
    }
    rc = scope_close(section, err);
    if (rc != 0) {
        return rc;
    }
    *section = (struct scope){0};
    next = find_section(schema, item->name);
    if (next != NULL) {
        return section_open(next, top->obj, item, section, err);
    }
    if (!item->has_value && find(top->opts, top->nopts, item->name) == NOT_FOUND) {
        return unknown_section(schema, item, err);
    }
    return scope_set(top, item, err);
}

int wf_conf_parse(const struct wf_conf_schema *schema, const char *text, size_t len,
                  void *obj, struct wf_err *err)
{
    struct scope top;
    struct scope section = {0};
    struct wf_zpl z;
    struct wf_zpl_item item;
    int rc;

    scope_open(&top, schema->opts, schema->nopts, obj);
    for (size_t i = 0; i < schema->nsections; i++) {
        memset((char *) obj + schema->sections[i].offset_count, 0, sizeof(size_t));
    }
    rc = wf_zpl_init(&z, text, len, err);
    if (rc != 0) {
        return rc;
    }
    while ((rc = wf_zpl_next(&z, &item, err)) > 0) {
        rc = line(schema, &item, &top, &section, err);
        if (rc != 0) {
            return rc;
        }
    }
    if (rc == 0) {
        rc = scope_close(&section, err);
    }
    return rc != 0 ? rc : scope_close(&top, err);
}

int wf_conf_help(const struct wf_conf_option *opts, size_t nopts, struct wf_buf *out)
{
    char range[96];

    for (size_t i = 0; i < nopts; i++) {
        const struct wf_conf_option *o = &opts[i];

        if (o->help == NULL) {
            continue;
        }
        (void) wf_buf_printf(out, "  %s\n      %s\n      Takes %s", o->key, o->help,
                             accepted(o, range, sizeof range));
        if (o->type == WF_CONF_LIST) {
            (void) wf_buf_printf(out, "; may be given again");
        }
        if (o->def != NULL && *o->def != '\0') {
            (void) wf_buf_printf(out, "; default %s", o->def);
        }
        (void) wf_buf_printf(out, "%s.\n", required(o) ? "; must be given" : "");
    }
    return out->err;
}
