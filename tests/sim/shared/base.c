#include "tests/sim/shared/base.h"

#include "common/check.h"
#include "common/err.h"
#include "common/mem.h"
#include "common/plant.h"

#include <stdlib.h>
#include <string.h>

void base_init(struct base *b)
{
    memset(b, 0, sizeof *b);
    wf_buf_init(&b->bytes, 256u << 20);
}

void base_fini(struct base *b)
{
    wf_map_free(b->by_index);
    wf_map_free(b->by_id);
    b->by_index = b->by_id = NULL;
    wf_buf_fini(&b->bytes);
}

void base_reset(struct base *b, uint64_t id)
{
    wf_map_free(b->by_index);
    wf_map_free(b->by_id);
    b->by_index = wf_map_new(BASE_ROWS, 1);
    b->by_id = wf_map_new(BASE_ROWS, 1);
    WF_CHECK(b->by_index != NULL && b->by_id != NULL);
    wf_buf_clear(&b->bytes);
    b->id = id;
    b->nrows = b->nspare = 0;
    b->epoch = b->ver = 0;
    memset(b->brokers, 0, sizeof b->brokers);
}

int base_is_common(unsigned table)
{
    return table <= STORE_TOKENS || table == STORE_DATASETS;
}

/* -- brokers ---------------------------------------------------------------------------
 */

uint64_t base_register(struct base *b, unsigned who, uint64_t now_us)
{
    WF_CHECK(who < BASE_BROKERS);
    b->brokers[who].epoch = ++b->epoch;
    b->brokers[who].heard_us = now_us;
    b->brokers[who].taken = 0;
    return b->epoch;
}

int base_fence(struct base *b, unsigned who, uint64_t epoch, uint64_t lsn,
               uint64_t now_us)
{
    struct base_broker *x = &b->brokers[who];

    if (!WF_PLANT(EPOCH_UNFENCED) && x->epoch != epoch) {
        return 0;
    }
    x->heard_us = now_us;
    x->lsn = wf_max_u64(x->lsn, lsn);
    return 1;
}

int base_take(struct base *b, unsigned who, uint64_t lease_us, uint64_t now_us,
              unsigned *ret_dead, uint64_t *ret_epoch)
{
    for (unsigned i = 0; i < BASE_BROKERS; i++) {
        struct base_broker *x = &b->brokers[i];
        const int is_silent = WF_PLANT(CLAIM_LIVING) ||
                              (now_us > x->heard_us && now_us - x->heard_us > lease_us);

        if (i != who && x->epoch != 0 && !x->taken && is_silent) {
            x->epoch = ++b->epoch;
            *ret_dead = i;
            *ret_epoch = x->epoch;
            return 1;
        }
    }
    return 0;
}

/* -- rows ------------------------------------------------------------------------------
 */

static size_t index_of(uint8_t *dst, unsigned who, unsigned table, const uint8_t *key)
{
    size_t n = store_key_len(table);

    dst[0] = (uint8_t) table;
    dst[1] = table == STORE_EVENTS ? (uint8_t) (1 + who) : 0;
    memcpy(dst + 2, key, n);
    return 2 + n;
}

static struct base_row *find(const struct base *b, unsigned who, unsigned table,
                             const uint8_t *key)
{
    uint8_t index[2 + STORE_KEY_MAX];
    size_t n = index_of(index, who, table, key);

    return wf_map_get(b->by_index, index, n);
}

static struct base_row *add(struct base *b, unsigned who, unsigned table,
                            const uint8_t *key)
{
    struct base_row *r;
    int rc;

    WF_CHECK(b->nspare != 0 || b->nrows < BASE_ROWS);
    r = &b->rows[b->nspare != 0 ? b->spare[--b->nspare] : b->nrows++];
    *r = (struct base_row){.table = table, .broker = who};
    r->index_len = index_of(r->index, who, table, key);
    rc = wf_map_put(b->by_index, r->index, r->index_len, r);
    WF_CHECK(rc == 0);
    return r;
}

static void drop(struct base *b, struct base_row *r)
{
    (void) wf_map_take(b->by_index, r->index, r->index_len);
    if (r->has_id) {
        (void) wf_map_take(b->by_id, r->id.b, sizeof r->id.b);
    }
    r->index_len = 0;
    b->spare[b->nspare++] = (unsigned) (r - b->rows);
}

static void set(struct base *b, struct base_row *r, struct wf_slice record)
{
    int rc;

    r->at = b->bytes.len;
    r->len = record.len;
    rc = wf_buf_put(&b->bytes, record.p, record.len);
    WF_CHECK(rc == 0);
}

/* The id is unique: one that stands under another key keeps the row out. */
static int write_job(struct base *b, unsigned who, struct wf_slice record)
{
    struct base_row *r = find(b, who, STORE_JOBS, record.p);
    struct wf_id id;

    if (r != NULL) {
        if (r->broker != who) {
            return 0;
        }
        set(b, r, record);
        return 1;
    }
    WF_CHECK(record.len >= 8 + sizeof id.b);
    memcpy(id.b, record.p + 8, sizeof id.b);
    if (base_job(b, &id) != NULL) {
        return 0;
    }
    r = add(b, who, STORE_JOBS, record.p);
    r->id = id;
    r->has_id = wf_map_put(b->by_id, r->id.b, sizeof r->id.b, r) == 0;
    WF_CHECK(r->has_id);
    set(b, r, record);
    return 1;
}

int base_write(struct base *b, unsigned who, unsigned table, struct wf_slice record)
{
    struct base_row *r = find(b, who, table, record.p);
    int is_gone = record.len == store_key_len(table);

    if (is_gone && !base_is_common(table)) {
        if (r != NULL) {
            drop(b, r);
        }
        return 1;
    }
    if (table == STORE_JOBS) {
        return write_job(b, who, record);
    }
    if (r == NULL) {
        r = add(b, who, table, record.p);
    }
    r->shared |= r->broker != who;
    r->broker = who;
    r->gone = is_gone;
    r->ver = base_is_common(table) ? ++b->ver : 0;
    set(b, r, record);
    return 1;
}

/* -- many of them ----------------------------------------------------------------------
 */

static int by_index(const void *left, const void *right)
{
    const struct base_row *a = *(const struct base_row *const *) left;
    const struct base_row *b = *(const struct base_row *const *) right;
    int d = memcmp(a->index, b->index, wf_min_u64(a->index_len, b->index_len));

    return d != 0 ? d : (a->index_len > b->index_len) - (a->index_len < b->index_len);
}

/* In order; owned. */
static struct base_row **sorted(struct base *b, base_wants_fn *wants, const void *arg,
                                size_t *ret_n)
{
    struct base_row **all = wf_calloc(b->nrows + 1, sizeof *all);
    size_t n = 0;

    WF_CHECK(all != NULL);
    for (unsigned i = 0; i < b->nrows; i++) {
        if (b->rows[i].index_len != 0 && wants(&b->rows[i], arg)) {
            all[n++] = &b->rows[i];
        }
    }
    qsort(all, n, sizeof *all, by_index);
    *ret_n = n;
    return all;
}

void base_each(struct base *b, base_wants_fn *wants, const void *arg, size_t most,
               store_row_fn *fn, void *to)
{
    size_t n;
    struct base_row **all = sorted(b, wants, arg, &n);

    for (size_t i = 0; i < n && i < most; i++) {
        fn(to, all[i]->table, wf_slice_make(b->bytes.p + all[i]->at, all[i]->len));
    }
    wf_free(all);
}

static int is_left(const struct base_row *r, const void *arg)
{
    return r->broker == *(const unsigned *) arg && r->table >= STORE_JOBS &&
           r->table <= STORE_OUTCOMES;
}

unsigned base_move(struct base *b, unsigned dead, unsigned to, uint64_t mark,
                   unsigned most)
{
    size_t n;
    struct base_row **all = sorted(b, is_left, &dead, &n);
    unsigned moved = 0;

    for (size_t i = 0; i < n && moved < most; i++) {
        const uint8_t *key = all[i]->index + 2;

        if (all[i]->broker != dead) {
            continue; /* moved with its job */
        }
        moved++;
        for (unsigned t = STORE_JOBS; t <= STORE_OUTCOMES; t++) {
            struct base_row *r = find(b, to, t, key);

            if (r != NULL) {
                r->broker = to;
                r->ver = mark;
            }
        }
    }
    b->brokers[dead].taken = moved < most;
    wf_free(all);
    return moved;
}

const struct base_row *base_job(const struct base *b, const struct wf_id *id)
{
    return wf_map_get(b->by_id, id->b, sizeof id->b);
}

int base_has_outcome(const struct base *b, const struct wf_id *id)
{
    const struct base_row *job = base_job(b, id);

    return job != NULL && find(b, 0, STORE_OUTCOMES, job->index + 2) != NULL;
}
