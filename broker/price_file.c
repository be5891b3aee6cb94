#include "broker/price_file.h"

#include "common/conf.h"
#include "common/io/conf_file.h"
#include "common/mem.h"
#include "common/parse.h"
#include "common/str.h"
#include "common/zpl.h"
#include "proto/name.h"

#include <string.h>

#define USD_PLACES   12 /* pusd */
#define EVENT_PLACES 6  /* PRICES_EVENT */
#define HOUR_S       3600u
#define GB           UINT64_C(1000000000)

/* A section as it was written. */
struct section {
    char name[WF_NAME_MAX + 1];
    char from[WF_NAME_MAX + 1], to[WF_NAME_MAX + 1];
    char usd_h[32], usd_gb[32];
    char paid[16];
    char events[32];
};

#define AT(field) WF_CONF_AT(struct section, field)

static const struct wf_conf_option class_options[] = {
    {"name", WF_CONF_STR, AT(name), "1", NULL, NULL,
     "Node class, as the agent.conf of its nodes says; * for those without a line."},
    {"usd_h", WF_CONF_STR, AT(usd_h), "1", NULL, NULL,
     "Dollars that a slot costs for an hour, such as 0.08."},
    {"paid", WF_CONF_STR, AT(paid), "1", NULL, "on-demand",
     "How: owned, reserved, on-demand or spot.  What is owned or reserved is paid "
     "whether "
     "used or not, so placement counts it as free."},
    {"interruptions_per_day", WF_CONF_STR, AT(events), NULL, NULL, NULL,
     "How often a node is taken away, such as 0.5; default: 1 for spot, else 0."},
};

static const struct wf_conf_option tier_options[] = {
    {"from", WF_CONF_STR, AT(from), "1", NULL, NULL,
     "Tier that sends: edge, onprem, cloud, or * for any."},
    {"to", WF_CONF_STR, AT(to), "1", NULL, NULL, "Tier that gets."},
    {"usd_gb", WF_CONF_STR, AT(usd_gb), "1", NULL, NULL,
     "Dollars for 10^9 bytes, such as 0.09."},
};

static const struct wf_conf_option site_options[] = {
    {"from", WF_CONF_STR, AT(from), "1", NULL, NULL,
     "Site that sends, or * for any.  A line of sites comes before those of tiers.  "
     "Within a site nothing is paid, unless from and to both name it."},
    {"to", WF_CONF_STR, AT(to), "1", NULL, NULL, "Site that gets."},
    {"usd_gb", WF_CONF_STR, AT(usd_gb), "1", NULL, NULL,
     "Dollars for 10^9 bytes, such as 0.01."},
};

static const struct kind {
    const char *name;
    enum wf_price_kind kind;
    const struct wf_conf_option *opts;
    size_t nopts;
} kinds[] = {
    {"class", WF_PRICE_NODE, class_options, ARRAY_LEN(class_options)},
    {"tiers", WF_PRICE_TIERS, tier_options, ARRAY_LEN(tier_options)},
    {"sites", WF_PRICE_SITES, site_options, ARRAY_LEN(site_options)},
};

/* The section that is being read, and the lines before it. */
struct reader {
    struct price_line *lines; /* owned, room for PRICE_LINES_MAX */
    unsigned *at;             /* owned: where each began */
    size_t n;
    const struct kind *kind; /* NULL: no section is open */
    struct section s;
    uint32_t seen; /* bit i: option i was given */
};

/* -- values ---------------------------------------------------------------------------
 */

static int is_any(const char *s)
{
    return strcmp(s, PRICE_ANY) == 0;
}

static int name_ok(const char *s)
{
    return is_any(s) || wf_name_ok(wf_slice_of(s));
}

static int tier_ok(const char *s)
{
    return is_any(s) || wf_tier_parse(s) > WF_TIER_NONE;
}

/* `usd` for so many units as one price, rounded to nearest.  What is not 0 must not
 * become it in silence. */
static int price_of(const char *usd, uint64_t units, uint64_t max, uint64_t *ret_pusd)
{
    uint64_t v, each;

    if (wf_parse_decimal(usd, USD_PLACES, &v) != 0) {
        return WEFT_EINVAL;
    }
    each = v / units + (v % units >= (units + 1) / 2);
    if (each > max || (each == 0 && v != 0)) {
        return WEFT_EINVAL;
    }
    *ret_pusd = each;
    return 0;
}

static int read_price(const struct section *s, struct price_line *l, struct wf_err *err)
{
    if (s->usd_h[0] != '\0' &&
        price_of(s->usd_h, HOUR_S, PRICES_NODE_MAX, &l->pusd) != 0) {
        return wf_err_set(err, WEFT_ECONF,
                          "`usd_h` cannot be `%s`: give dollars such as 0.08, up to "
                          "3600000, or 0",
                          s->usd_h);
    }
    if (s->usd_gb[0] != '\0' && price_of(s->usd_gb, GB, PRICES_BYTE_MAX, &l->pusd) != 0) {
        return wf_err_set(
            err, WEFT_ECONF,
            "`usd_gb` cannot be `%s`: give dollars such as 0.09, from 0.001 "
            "to 1000000, or 0",
            s->usd_gb);
    }
    return 0;
}

static int read_class(const struct section *s, struct price_line *l, struct wf_err *err)
{
    int paid = price_paid_parse(s->paid);

    if (s->name[0] != '\0' && !name_ok(s->name)) {
        return wf_err_set(err, WEFT_ECONF,
                          "`name` cannot be `%s`: a class is of a-z 0-9 . _ -, or *",
                          s->name);
    }
    if (paid < 0) {
        return wf_err_set(
            err, WEFT_ECONF,
            "`paid` cannot be `%s`: give owned, reserved, on-demand or spot", s->paid);
    }
    l->paid = (enum price_paid) paid;
    l->events_day = l->paid == PRICE_SPOT ? PRICES_EVENT : 0;
    if (s->events[0] != '\0' &&
        (wf_parse_decimal(s->events, EVENT_PLACES, &l->events_day) != 0 ||
         l->events_day > PRICES_EVENT_MAX)) {
        return wf_err_set(err, WEFT_ECONF,
                          "`interruptions_per_day` cannot be `%s`: give a number such as "
                          "0.5, up to 86400",
                          s->events);
    }
    (void) wf_str_copy(l->from, sizeof l->from, s->name);
    return read_price(s, l, err);
}

static int read_link(const struct section *s, struct price_line *l, struct wf_err *err)
{
    const char *const ends[] = {s->from, s->to};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const char *key = i == 0 ? "from" : "to";

        if (ends[i][0] == '\0') {
            continue;
        }
        if (l->kind == WF_PRICE_TIERS && !tier_ok(ends[i])) {
            return wf_err_set(err, WEFT_ECONF,
                              "`%s` cannot be `%s`: give edge, onprem, cloud or *", key,
                              ends[i]);
        }
        if (l->kind == WF_PRICE_SITES && !name_ok(ends[i])) {
            return wf_err_set(err, WEFT_ECONF,
                              "`%s` cannot be `%s`: a site is of a-z 0-9 . _ -, or *",
                              key, ends[i]);
        }
    }
    (void) wf_str_copy(l->from, sizeof l->from, s->from);
    (void) wf_str_copy(l->to, sizeof l->to, s->to);
    return read_price(s, l, err);
}

/* What there is of the open section, as a line. */
static int read_section(const struct reader *r, struct price_line *ret,
                        struct wf_err *err)
{
    *ret = (struct price_line){.kind = r->kind->kind};
    return ret->kind == WF_PRICE_NODE ? read_class(&r->s, ret, err)
                                      : read_link(&r->s, ret, err);
}

/* -- lines of the file ----------------------------------------------------------------
 */

/* The end of a section: all was given, and not given before. */
static int close_section(struct reader *r, struct wf_err *err)
{
    struct price_line *l = &r->lines[r->n];
    struct wf_err why;

    if (r->kind == NULL) {
        return 0;
    }
    for (size_t i = 0; i < r->kind->nopts; i++) {
        const struct wf_conf_option *o = &r->kind->opts[i];

        if ((r->seen & 1u << i) == 0 && o->def == NULL && o->min != NULL) {
            return wf_err_set(err, WEFT_ECONF, "line %u: section `%s` must give `%s`",
                              r->at[r->n], r->kind->name, o->key);
        }
    }
    if (read_section(r, l, &why) != 0) {
        return wf_err_set(err, WEFT_ECONF, "line %u: %s", r->at[r->n], why.text);
    }
    for (size_t i = 0; i < r->n; i++) {
        if (r->lines[i].kind == l->kind && strcmp(r->lines[i].from, l->from) == 0 &&
            strcmp(r->lines[i].to, l->to) == 0) {
            return wf_err_set(err, WEFT_ECONF,
                              "line %u: the same `%s` as in line %u is priced again",
                              r->at[r->n], r->kind->name, r->at[i]);
        }
    }
    r->n++;
    r->kind = NULL;
    return 0;
}

static int open_section(struct reader *r, const struct wf_zpl_item *item,
                        struct wf_err *err)
{
    const struct kind *kind = NULL;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        kind = strcmp(kinds[i].name, item->name) == 0 ? &kinds[i] : kind;
    }
    if (kind == NULL) {
        return wf_err_set(err, WEFT_ECONF,
                          "line %u: unknown section `%s`: give class, tiers or sites",
                          item->line, item->name);
    }
    if (item->has_value) {
        return wf_err_set(
            err, WEFT_ECONF,
            "line %u: `%s` is a section: its options follow, each on a line "
            "indented by 4 spaces",
            item->line, item->name);
    }
    if (r->n == PRICE_LINES_MAX) {
        return wf_err_set(err, WEFT_ECONF, "line %u: more than %u sections", item->line,
                          PRICE_LINES_MAX);
    }
    r->kind = kind;
    r->at[r->n] = item->line;
    r->seen = 0;
    r->s = (struct section){0};
    wf_conf_init(kind->opts, kind->nopts, &r->s);
    return 0;
}

/* An option of the open section.  The whole section is read again, so that the line of
 * what is wrong is the one that is told. */
static int set_option(struct reader *r, const struct wf_zpl_item *item,
                      struct wf_err *err)
{
    struct price_line l;
    struct wf_err why;

    if (r->kind == NULL) {
        return wf_err_set(err, WEFT_ECONF, "line %u: indented, but in no section",
                          item->line);
    }
    if (item->value[0] == '\0') {
        return wf_err_set(err, WEFT_ECONF, "line %u: `%s` needs a value: %s = ...",
                          item->line, item->name, item->name);
    }
    for (size_t i = 0; i < r->kind->nopts; i++) {
        if (strcmp(r->kind->opts[i].key, item->name) == 0) {
            if ((r->seen & 1u << i) != 0) {
                return wf_err_set(err, WEFT_ECONF, "line %u: `%s` is given twice",
                                  item->line, item->name);
            }
            r->seen |= 1u << i;
        }
    }
    if (wf_conf_set(r->kind->opts, r->kind->nopts, &r->s, item->name, item->value,
                    &why) != 0 ||
        read_section(r, &l, &why) != 0) {
        return wf_err_set(err, WEFT_ECONF, "line %u: %s", item->line, why.text);
    }
    return 0;
}

static int read_all(struct reader *r, const char *text, size_t len, struct wf_err *err)
{
    struct wf_zpl_item item;
    struct wf_zpl z;
    int rc = wf_zpl_init(&z, text, len, err);

    while (rc == 0 && (rc = wf_zpl_next(&z, &item, err)) == 1) {
        if (item.level != 0) {
            rc = set_option(r, &item, err);
        } else {
            rc = close_section(r, err);
            if (rc == 0) {
                rc = open_section(r, &item, err);
            }
        }
    }
    return rc == 0 ? close_section(r, err) : rc;
}

/* Room for all lines is what the core checks: try them on a book of our own. */
static int try_out(const struct reader *r, struct wf_err *err)
{
    struct pricing p;
    int rc = pricing_init(&p, 1);

    if (rc == 0) {
        rc = pricing_put(&p, r->lines, r->n);
        pricing_fini(&p);
    }
    if (rc == WEFT_ENOMEM) {
        return wf_err_set(err, rc, "out of memory");
    }
    return rc == 0 ? 0
                   : wf_err_set(err, WEFT_ECONF, "lines for more than %u sites",
                                PRICES_SITES_MAX);
}

int price_file_parse(const char *text, size_t len, struct price_file *ret_file,
                     struct wf_err *err)
{
    struct reader r = {.lines = wf_calloc(PRICE_LINES_MAX + 1, sizeof *r.lines),
                       .at = wf_calloc(PRICE_LINES_MAX + 1, sizeof *r.at)};
    int rc;

    if (r.lines == NULL || r.at == NULL) {
        rc = wf_err_set(err, WEFT_ENOMEM, "out of memory");
    } else {
        rc = read_all(&r, text, len, err);
    }
    if (rc == 0) {
        rc = try_out(&r, err);
    }
    if (rc == 0) {
        *ret_file = (struct price_file){r.lines, r.n};
        r.lines = NULL;
    }
    wf_free(r.lines);
    wf_free(r.at);
    return rc;
}

static int parse_into(void *file, const char *text, size_t len, struct wf_err *err)
{
    return price_file_parse(text, len, file, err);
}

int price_file_load(const char *path, struct price_file *ret_file, struct wf_err *err)
{
    return conf_file_read(path, parse_into, ret_file, err);
}

void price_file_fini(struct price_file *f)
{
    wf_free(f->lines);
    *f = (struct price_file){0};
}

int price_file_help(struct wf_buf *out)
{
    int rc = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds) && rc == 0; i++) {
        rc = wf_buf_printf(out, "\nIn the file of prices, in each section `%s`:\n\n",
                           kinds[i].name);
        if (rc == 0) {
            rc = wf_conf_help(kinds[i].opts, kinds[i].nopts, out);
        }
    }
    return rc;
}
