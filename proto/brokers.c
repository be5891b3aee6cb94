#include "proto/brokers.h"

#include "common/str.h"
#include "proto/name.h"

#include <string.h>

#define MISSED_STEP 256u /* between two changes for that */

/* -- homes -------------------------------------------------------------------------- */

int wf_home_same_broker(const struct wf_home *a, const struct wf_home *b)
{
    int two = a->shared != 0 && a->shared == b->shared && a->store != b->store;

    return wf_key_eq(&a->key, &b->key) && !two;
}

int wf_home_same_store(const struct wf_home *a, const struct wf_home *b)
{
    return wf_home_same_broker(a, b) || (a->shared != 0 && a->shared == b->shared);
}

/* -- the table ---------------------------------------------------------------------- */

unsigned wf_brokers_find(const struct wf_broker_table *b, const struct wf_key *key,
                         const char *endpoint)
{
    for (unsigned i = 0; i < b->n; i++) {
        if (wf_key_eq(&b->v[i].key, key) && strcmp(b->v[i].endpoint, endpoint) == 0) {
            return i;
        }
    }
    return WF_BROKERS_NONE;
}

int wf_brokers_give(struct wf_broker_table *b, const struct wf_key *key,
                    const char *endpoint)
{
    struct wf_broker *row = &b->v[b->n];

    if (!wf_endpoint_ok(endpoint, 0)) {
        return WEFT_EINVAL;
    }
    if (wf_brokers_find(b, key, endpoint) != WF_BROKERS_NONE) {
        return 0;
    }
    if (b->n >= WF_BROKERS_MAX - WF_BROKERS_LEARNED) {
        return WEFT_EFULL;
    }
    *row = (struct wf_broker){.key = *key};
    (void) wf_str_copy(row->endpoint, sizeof row->endpoint, endpoint);
    b->n++;
    return 0;
}

int wf_brokers_parse(struct wf_broker_table *b, const char *line, struct wf_err *err)
{
    const char *gap = strchr(line, ' ');
    char endpoint[WF_ENDPOINT_MAX + 1];
    struct wf_key key;
    size_t len = 0;
    int rc;

    if (gap == NULL || (size_t) (gap - line) >= sizeof endpoint ||
        wf_unhex(key.b, sizeof key.b, gap + strspn(gap, " "), &len) != 0 ||
        len != sizeof key.b) {
        return wf_err_set(err, WEFT_EINVAL,
                          "`%.160s` is not tcp://HOST:PORT KEY, the key "
                          "in 64 hex digits",
                          line);
    }
    memcpy(endpoint, line, (size_t) (gap - line));
    endpoint[gap - line] = '\0';
    rc = wf_brokers_give(b, &key, endpoint);
    return rc == WEFT_EINVAL
               ? wf_err_set(err, rc, "`%.128s` is not tcp://HOST:PORT", endpoint)
           : rc == WEFT_EFULL ? wf_err_set(err, rc, "more than %u addresses of brokers",
                                           WF_BROKERS_MAX - WF_BROKERS_LEARNED)
                              : rc;
}

/* -- what is learned ---------------------------------------------------------------- */

static int is_ok(const struct wf_broker *row)
{
    return wf_endpoint_ok(row->endpoint, 0) &&
           (row->name[0] == '\0' || wf_name_ok(wf_slice_of(row->name))) &&
           (row->site[0] == '\0' || wf_name_ok(wf_slice_of(row->site)));
}

/* A place for one more, or NULL: free rows first. */
static struct wf_broker *room(struct wf_broker_table *b)
{
    unsigned learned = 0;

    for (unsigned i = 0; i < b->n; i++) {
        learned += b->v[i].learned && b->v[i].endpoint[0] != '\0';
    }
    if (learned >= WF_BROKERS_LEARNED) {
        return NULL;
    }
    for (unsigned i = 0; i < b->n; i++) {
        if (b->v[i].endpoint[0] == '\0') {
            return &b->v[i];
        }
    }
    return b->n < WF_BROKERS_MAX ? &b->v[b->n++] : NULL;
}

void wf_brokers_await(struct wf_broker_table *b, const struct wf_key *key, int on)
{
    for (unsigned i = 0; i < b->n; i++) {
        struct wf_broker *row = &b->v[i];

        if (row->endpoint[0] != '\0' && (row->awaited != on || row->missed != 0) &&
            wf_key_eq(&row->key, key)) {
            row->awaited = on;
            row->missed = 0;
            b->changes++;
        }
    }
}

void wf_brokers_missed(struct wf_broker_table *b, const struct wf_key *key, unsigned by)
{
    for (unsigned i = 0; i < b->n; i++) {
        struct wf_broker *row = &b->v[i];
        const unsigned before = row->missed;

        if (row->endpoint[0] == '\0' || !row->awaited || !wf_key_eq(&row->key, key)) {
            continue;
        }
        row->missed += by;
        b->changes += before == 0 || before / MISSED_STEP != row->missed / MISSED_STEP;
        if (row->missed >= WF_BROKERS_MISSED) {
            row->awaited = 0;
            row->missed = 0;
        }
    }
}

void wf_brokers_recall(struct wf_broker_table *b, const struct wf_broker *row)
{
    unsigned at = wf_brokers_find(b, &row->key, row->endpoint);
    struct wf_broker *to;

    if (!is_ok(row)) {
        return;
    }
    if (at != WF_BROKERS_NONE) {
        b->v[at].awaited = row->awaited;
        b->v[at].missed = row->missed;
        return;
    }
    to = room(b);
    if (to != NULL) {
        *to = *row;
        to->learned = 1;
    }
}

static void read_row(const struct wf_broker_row *row, struct wf_broker *b)
{
    *b = (struct wf_broker){.key = row->key};
    wf_slice_str(row->name, b->name, sizeof b->name);
    wf_slice_str(row->site, b->site, sizeof b->site);
    wf_slice_str(row->endpoint, b->endpoint, sizeof b->endpoint);
}

/* The rows of a message, as far as they make sense. */
static unsigned read_rows(struct wf_rows rows, struct wf_broker *to, unsigned cap)
{
    struct wf_broker_row row;
    unsigned n = 0;

    while (n < cap && wf_rows_next(&rows, wf_desc_broker_row(), &row)) {
        read_row(&row, &to[n]);
        n += is_ok(&to[n]);
    }
    return n;
}

/* A place for one more; if need be that of one that may go. */
static struct wf_broker *make_room(struct wf_broker_table *b, uint32_t keep)
{
    struct wf_broker *to = room(b);

    for (unsigned i = b->n; to == NULL && i-- > 0;) {
        if (b->v[i].learned && (keep >> i & 1) == 0) {
            to = &b->v[i];
        }
    }
    return to;
}

int wf_brokers_named(struct wf_broker_table *b, const struct wf_broker_row *row,
                     uint32_t keep)
{
    struct wf_broker one, *to;

    read_row(row, &one);
    if (!is_ok(&one)) {
        return 0;
    }
    if (wf_brokers_find(b, &one.key, one.endpoint) != WF_BROKERS_NONE) {
        return 1;
    }
    to = make_room(b, keep);
    if (to != NULL) {
        *to = one;
        to->learned = 1;
        b->changes++;
    }
    return to != NULL;
}

static int names(const struct wf_broker *rows, unsigned n, const struct wf_broker *b)
{
    for (unsigned i = 0; i < n; i++) {
        if (wf_key_eq(&rows[i].key, &b->key) &&
            strcmp(rows[i].endpoint, b->endpoint) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Known before, so only its labels may be news. */
static int relabel(struct wf_broker *b, const struct wf_broker *row)
{
    int news = row->name[0] != '\0' &&
               (strcmp(b->name, row->name) != 0 || strcmp(b->site, row->site) != 0);

    if (news) {
        memcpy(b->name, row->name, sizeof b->name);
        memcpy(b->site, row->site, sizeof b->site);
    }
    return news && b->learned;
}

int wf_brokers_learn(struct wf_broker_table *b, struct wf_rows rows, uint32_t keep)
{
    struct wf_broker told[WF_BROKERS_MAX];
    unsigned n = read_rows(rows, told, WF_BROKERS_MAX);
    int news = 0;

    for (unsigned i = 0; n != 0 && i < b->n; i++) {
        if (b->v[i].learned && b->v[i].endpoint[0] != '\0' && (keep >> i & 1) == 0 &&
            !names(told, n, &b->v[i])) {
            b->v[i].endpoint[0] = '\0';
            news = 1;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned at = wf_brokers_find(b, &told[i].key, told[i].endpoint);
        struct wf_broker *to = at == WF_BROKERS_NONE ? room(b) : NULL;

        if (at != WF_BROKERS_NONE) {
            news |= relabel(&b->v[at], &told[i]);
        } else if (to != NULL) {
            *to = told[i];
            to->learned = 1;
            news = 1;
        }
    }
    b->changes += (uint64_t) news;
    return news;
}
