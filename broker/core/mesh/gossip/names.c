#include "broker/core/mesh/gossip/names.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/plant.h"
#include "common/str.h"
#include "proto/name.h"

#include <string.h>

#define MORE (1 + 2 * NAMES_DIGITS) /* ".0a1b2c3d" */

/* How many names of one home there are. */
struct home {
    struct wf_key key;
    unsigned n;
};

int names_init(struct names *t, uint64_t seed)
{
    *t = (struct names){.by_id = wf_map_new(NAMES_MAX, seed),
                        .homes = wf_map_new(NAMES_MAX, seed + 1)};
    if (t->by_id == NULL || t->homes == NULL) {
        names_fini(t);
        return WEFT_ENOMEM;
    }
    return 0;
}

void names_fini(struct names *t)
{
    struct home *h;
    size_t it = 0;

    while (t->homes != NULL && (h = wf_map_next(t->homes, &it)) != NULL) {
        wf_free(h);
    }
    for (size_t i = 0; i < t->n; i++) {
        wf_free(t->v[i]);
    }
    wf_free(t->v);
    wf_map_free(t->by_id);
    wf_map_free(t->homes);
    *t = (struct names){0};
}

struct wf_key names_place(unsigned place)
{
    struct wf_key id = {{0}};

    id.b[0] = (uint8_t) (place >> 8);
    id.b[1] = (uint8_t) place;
    return id;
}

/* -- the order -------------------------------------------------------------------------
 */

int names_rule(uint64_t a_ms, const struct wf_key *a, uint64_t b_ms,
               const struct wf_key *b)
{
    const int first =
        a_ms != b_ms ? (a_ms < b_ms ? -1 : 1) : memcmp(a->b, b->b, sizeof a->b);

    if (WF_PLANT(NAMES_TURNED)) {
        return -first;
    }
    return first;
}

static int order(const struct name *a, const struct name *b)
{
    const int by_name = strcmp(a->name, b->name);

    if (by_name != 0) {
        return by_name;
    }
    if (a->version != b->version) {
        return a->version > b->version ? -1 : 1;
    }
    return a->created_ms == b->created_ms && wf_key_eq(&a->home, &b->home)
               ? memcmp(a->id.b, b->id.b, sizeof a->id.b) /* one that says it twice */
               : names_rule(a->created_ms, &a->home, b->created_ms, &b->home);
}

static size_t place(const struct names *t, const struct name *x)
{
    size_t lo = 0, hi = t->n;

    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;

        if (order(t->v[mid], x) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

size_t names_first(const struct names *t, struct wf_slice name)
{
    struct name x = {.version = UINT32_MAX};
    size_t at;

    if (name.len > WF_DATASET_MAX) {
        return t->n;
    }
    wf_slice_str(name, x.name, sizeof x.name);
    at = place(t, &x);
    return at < t->n && strcmp(t->v[at]->name, x.name) == 0 ? at : t->n;
}

/* -- what homes say --------------------------------------------------------------------
 */

static void leave_home(struct names *t, const struct wf_key *key)
{
    struct home *h = wf_map_get(t->homes, key->b, sizeof key->b);

    WF_CHECK(h != NULL && h->n != 0);
    h->n--;
    if (h->n == 0) {
        wf_free(wf_map_take(t->homes, key->b, sizeof key->b));
    }
}

/* One more of that home: 0, WEFT_EFULL, WEFT_ENOMEM. */
static int join_home(struct names *t, const struct wf_key *key)
{
    struct home *h = wf_map_get(t->homes, key->b, sizeof key->b);
    int rc;

    if (h != NULL) {
        if (h->n == NAMES_OF_ONE) {
            return WEFT_EFULL;
        }
        h->n++;
        return 0;
    }
    h = wf_calloc(1, sizeof *h);
    if (h == NULL) {
        return WEFT_ENOMEM;
    }
    *h = (struct home){*key, 1};
    rc = wf_map_put(t->homes, h->key.b, sizeof h->key.b, h);
    if (rc != 0) {
        wf_free(h);
    }
    return rc;
}

static void remove_name(struct names *t, struct name *x)
{
    const size_t at = place(t, x);

    WF_CHECK(at < t->n && t->v[at] == x);
    t->n--;
    memmove(t->v + at, t->v + at + 1, (t->n - at) * sizeof(struct name *));
    (void) wf_map_take(t->by_id, &x->home, 2 * sizeof x->home);
    leave_home(t, &x->home);
    wf_free(x);
}

static struct name *find(const struct names *t, const struct wf_key *home,
                         const struct wf_key *id)
{
    const struct wf_key key[2] = {*home, *id};

    return wf_map_get(t->by_id, key, sizeof key);
}

void names_drop(struct names *t, const struct wf_key *home, struct wf_slice id)
{
    struct wf_key key;
    struct name *x;

    if (id.len == sizeof key.b) {
        memcpy(key.b, id.p, sizeof key.b);
        x = find(t, home, &key);
        if (x != NULL) {
            remove_name(t, x);
        }
    }
}

void names_drop_home(struct names *t, const struct wf_key *home)
{
    size_t kept = 0;

    for (size_t i = 0; i < t->n; i++) {
        struct name *x = t->v[i];

        if (!wf_key_eq(&x->home, home)) {
            t->v[kept++] = x;
            continue;
        }
        (void) wf_map_take(t->by_id, &x->home, 2 * sizeof x->home);
        leave_home(t, &x->home);
        wf_free(x);
    }
    t->n = kept;
}

static int is_public(struct wf_rows labels)
{
    struct wf_label_row row;
    int yes = 0;

    while (wf_rows_next(&labels, wf_desc_label_row(), &row)) {
        yes |= wf_slice_is(row.text, "public=yes");
    }
    return yes;
}

/* 1, and it is copied. */
static int read_fact(const struct wf_key *home, struct wf_slice id,
                     const struct wf_dataset_fact *m, struct name *x)
{
    *x = (struct name){.home = *home,
                       .owner = m->owner,
                       .listing = m->listing,
                       .version = (uint32_t) m->version,
                       .is_public = is_public(m->labels),
                       .created_ms = m->created_ms};
    if (!wf_name_ok(m->name) || m->name.len > WF_DATASET_MAX || m->version == 0 ||
        id.len != sizeof x->id.b) {
        return 0;
    }
    wf_slice_str(m->name, x->name, sizeof x->name);
    memcpy(x->id.b, id.p, sizeof x->id.b);
    return 1;
}

static int has_room(struct names *t)
{
    const size_t cap = t->cap != 0 ? 2 * t->cap : 16;
    struct name **v;

    if (t->n < t->cap) {
        return 1;
    }
    v = wf_realloc(t->v, cap * sizeof *v);
    if (v != NULL) {
        t->v = v;
        t->cap = cap;
    }
    return v != NULL;
}

int names_take(struct names *t, const struct wf_key *home, struct wf_slice id,
               const struct wf_dataset_fact *m)
{
    struct name said, *x;
    size_t at;
    int rc;

    names_drop(t, home, id);
    if (!read_fact(home, id, m, &said)) {
        return WEFT_EPROTO;
    }
    if (t->n == NAMES_MAX) {
        return WEFT_EFULL;
    }
    rc = join_home(t, home);
    if (rc != 0) {
        return rc;
    }
    x = has_room(t) ? wf_memdup(&said, sizeof said) : NULL;
    rc = x != NULL ? wf_map_put(t->by_id, &x->home, 2 * sizeof x->home, x) : WEFT_ENOMEM;
    if (rc != 0) {
        leave_home(t, home);
        wf_free(x);
        return rc;
    }
    at = place(t, x);
    memmove(t->v + at + 1, t->v + at, (t->n - at) * sizeof(struct name *));
    t->v[at] = x;
    t->n++;
    return 0;
}

/* -- names with their home -------------------------------------------------------------
 */

int names_by_home(const char *name, const struct wf_key *home,
                  char room[WF_DATASET_MAX + 1])
{
    const size_t n = strlen(name);

    if (n > WF_DATASET_MAX - MORE) {
        return WEFT_ETOOBIG;
    }
    memmove(room, name, n);
    room[n] = '.';
    wf_hex(room + n + 1, home->b, NAMES_DIGITS);
    return 0;
}

static int digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int names_split(struct wf_slice text, struct wf_slice *ret_name,
                uint8_t ret_home[NAMES_DIGITS])
{
    const uint8_t *at = text.p + text.len - MORE;

    if (text.len <= MORE || at[0] != '.') {
        return 0;
    }
    for (unsigned i = 0; i < NAMES_DIGITS; i++) {
        const int high = digit(at[1 + 2 * i]), low = digit(at[2 + 2 * i]);

        if (high < 0 || low < 0) {
            return 0;
        }
        ret_home[i] = (uint8_t) (high << 4 | low);
    }
    *ret_name = wf_slice_make(text.p, text.len - MORE);
    return 1;
}

void names_check(const struct names *t)
{
    WF_CHECK(wf_map_len(t->by_id) == t->n && t->n <= NAMES_MAX);
    for (size_t i = 0; i < t->n; i++) {
        WF_CHECK(i == 0 || order(t->v[i - 1], t->v[i]) < 0);
        WF_CHECK(find(t, &t->v[i]->home, &t->v[i]->id) == t->v[i]);
    }
}
