/* bed.h - what the tests of store drivers share: batches of rows, and a model to compare
 * with what a driver loads */
#ifndef TESTS_UNIT_STORE_BED_H
#define TESTS_UNIT_STORE_BED_H

#include "broker/store/driver.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

#define BED_ROWS 4096u

/* -- batches ---------------------------------------------------------------------------
 */

struct batch {
    struct store_row *first, **last;
    uint64_t lsn; /* of the last row made */
};

#define BATCH_INIT(b, after)                                                             \
    {                                                                                    \
        NULL, &(b).first, (after)                                                        \
    }

__attribute__((unused)) static void key_of(unsigned table, uint64_t n, uint8_t *ret_key)
{
    memset(ret_key, 0, STORE_KEY_MAX);
    store_seq_put(ret_key, n);
    if (store_key_len(table) == 32) {
        ret_key[31] = (uint8_t) (n * 7);
    }
}

/* Value bytes that tell apart table, key and version. */
__attribute__((unused)) static void fill(uint8_t *p, size_t len, uint64_t n)
{
    uint64_t x = n * UINT64_C(0x9e3779b97f4a7c15) + len;

    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = (uint8_t) x;
    }
}

/* `len` 0: delete. */
__attribute__((unused)) static void add(struct batch *b, unsigned table, uint64_t n,
                                        const void *value, size_t len)
{
    size_t klen = store_key_len(table);
    struct store_row *r = wf_calloc(1, sizeof *r + STORE_KEY_MAX + len);

    must(r != NULL);
    r->table = table;
    r->lsn = ++b->lsn;
    r->len = klen + len;
    key_of(table, n, r->bytes);
    if (len != 0) {
        memcpy(r->bytes + klen, value, len);
    }
    *b->last = r;
    b->last = &r->next;
}

__attribute__((unused)) static void drop(struct batch *b)
{
    while (b->first != NULL) {
        struct store_row *next = b->first->next;

        wf_free(b->first);
        b->first = next;
    }
    b->last = &b->first;
}

/* -- the model -------------------------------------------------------------------------
 */

struct kept {
    unsigned table;
    uint8_t key[STORE_KEY_MAX];
    uint8_t *value; /* owned */
    size_t len;
};

struct model {
    struct kept v[BED_ROWS]; /* in the order of table and key */
    size_t n;
};

static int kept_cmp(const struct kept *a, unsigned table, const uint8_t *key)
{
    return a->table != table ? (a->table < table ? -1 : 1)
                             : memcmp(a->key, key, store_key_len(table));
}

__attribute__((unused)) static void model_apply(struct model *m,
                                                const struct store_row *r)
{
    size_t at = 0, klen = store_key_len(r->table), len = r->len - klen;
    int found;

    while (at < m->n && kept_cmp(&m->v[at], r->table, r->bytes) < 0) {
        at++;
    }
    found = at < m->n && kept_cmp(&m->v[at], r->table, r->bytes) == 0;
    if (found) {
        wf_free(m->v[at].value);
    }
    if (len == 0) {
        if (found) {
            memmove(&m->v[at], &m->v[at + 1], (m->n - at - 1) * sizeof m->v[0]);
            m->n--;
        }
        return;
    }
    if (!found) {
        must(m->n < BED_ROWS);
        memmove(&m->v[at + 1], &m->v[at], (m->n - at) * sizeof m->v[0]);
        m->n++;
    }
    m->v[at].table = r->table;
    memset(m->v[at].key, 0, STORE_KEY_MAX);
    memcpy(m->v[at].key, r->bytes, klen);
    m->v[at].value = wf_memdup(r->bytes + klen, len);
    m->v[at].len = len;
    must(m->v[at].value != NULL);
}

__attribute__((unused)) static void model_clear(struct model *m)
{
    for (size_t i = 0; i < m->n; i++) {
        wf_free(m->v[i].value);
    }
    m->n = 0;
}

/* -- what a driver loads, against the model --------------------------------------------
 */

struct seen {
    const struct model *m;
    size_t n, wrong;
};

static void on_seen(void *arg, unsigned table, struct wf_slice record)
{
    struct seen *s = arg;
    const struct kept *k = &s->m->v[s->n];
    size_t klen = store_key_len(table);

    if (s->n >= s->m->n || record.len <= klen || kept_cmp(k, table, record.p) != 0 ||
        k->len != record.len - klen || memcmp(k->value, record.p + klen, k->len) != 0) {
        s->wrong++;
    }
    s->n++;
}

/* 1 when the driver loads what the model holds, in order. */
__attribute__((unused)) static int same(const struct store_driver *d, void *db,
                                        const struct model *m)
{
    struct seen s = {m, 0, 0};
    struct wf_err err = {0};

    if (d->load(db, on_seen, &s, &err) != 0) {
        printf("# load: %s\n", err.text);
        return 0;
    }
    if (s.wrong != 0 || s.n != m->n) {
        printf("# %zu rows, %zu expected, %zu wrong\n", s.n, m->n, s.wrong);
    }
    return s.wrong == 0 && s.n == m->n;
}

#endif
