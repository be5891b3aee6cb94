/* The spool: results that could not be delivered, on stable storage.
 *
 * Nothing is written while a session with the broker whose it is is open.  When it ends,
 * what is unacknowledged is appended, and so is what ends while there is none: a batch at
 * a time, since each record costs the shell a wait for its disk.  A record whose writing
 * failed is tried again after a while; one that does not fit stays in memory alone, and
 * both are counted. Ages count the time that a process of this agent ran, never the wall
 * clock (docs/spec/6-spool.md).
 */
#include "agent/core/node_int.h"

#include "common/err.h"
#include "common/log.h"
#include "common/plant.h"

#include <string.h>

#define MS       1000u
#define BATCH    16u       /* records appended in one step */
#define PAUSE_US 1000u     /* then the loop has its turn */
#define RETRY_US 30000000u /* after a failure */
/* An old result that the broker has not acknowledged yet is not dropped meanwhile. */
#define OPEN_AGE_US 60000000u

static uint64_t age_ms(const struct node *n, const struct run *r)
{
    return wf_add_sat(r->old_ms, (n->now_us - r->ended_us) / MS);
}

/* -- records ---------------------------------------------------------------------------
 */

static void put_key(struct wf_buf *b, const struct run_key *key)
{
    const uint8_t attempt[4] = {(uint8_t) (key->attempt >> 24),
                                (uint8_t) (key->attempt >> 16),
                                (uint8_t) (key->attempt >> 8), (uint8_t) key->attempt};

    (void) wf_buf_put(b, key->job.b, sizeof key->job.b);
    (void) wf_buf_put(b, attempt, sizeof attempt);
}

/* The key alone, which deletes. */
void node_unspool(struct node *n, struct run *r, struct wf_effects *out)
{
    struct wf_buf *b = &n->record;

    if (r->lsn == 0 && !r->in_doubt) {
        return;
    }
    wf_buf_clear(b);
    put_key(b, &r->key);
    if (b->err != 0) {
        /* The record stays: the broker is told again by the next process. */
        n->spool.errors++;
    } else {
        wf_effects_add(out, WF_EFFECT_APPEND, NODE_SPOOL_TABLE, ++n->lsn, b->p, b->len,
                       NULL);
    }
    if (r->lsn != 0) {
        n->spool.results--;
        n->spool.bytes -= r->spool_len;
    }
    r->lsn = 0;
}

static int encode(struct node *n, const struct run *r)
{
    struct wf_result m;
    struct wf_spool_rec rec;

    node_result_of(r, &m);
    rec = (struct wf_spool_rec){.age_ms = age_ms(n, r),
                                .job = m.job,
                                .attempt = m.attempt,
                                .code = m.code,
                                .exit_code = m.exit_code,
                                .signal = m.signal,
                                .reason = m.reason,
                                .data = m.data,
                                .wait_us = m.wait_us,
                                .run_us = m.run_us,
                                .cpu_us = m.cpu_us,
                                .rss = m.rss,
                                .cut = m.cut,
                                .blob = m.blob,
                                .blob_size = m.blob_size,
                                .fetched = m.fetched,
                                .fetch_us = m.fetch_us,
                                .broker = r->home.key,
                                .store = r->home.store,
                                .shared = r->home.shared};
    wf_buf_clear(&n->record);
    put_key(&n->record, &r->key);
    return wf_msg_encode(&n->record, WF_MSG_spool_rec, &rec);
}

/* -- writing ---------------------------------------------------------------------------
 */

static void does_not_fit(struct node *n, struct run *r, struct wf_effects *out)
{
    wf_list_remove(&r->todo);
    if (!r->unfit) {
        r->unfit = 1;
        n->spool.refused++;
    }
    if (!n->told_full) {
        n->told_full = 1;
        wf_effects_trace(out, WF_LOG_WARN, "spool-full",
                         "results=%zu bytes=%llu limit=%llu text=\"further results wait "
                         "in memory and do not survive this process\"",
                         n->spool.results, (unsigned long long) n->spool.bytes,
                         (unsigned long long) n->cfg.spool_bytes);
    }
}

/* WEFT_ENOMEM, or 0. */
static int append(struct node *n, struct run *r, struct wf_effects *out)
{
    uint64_t used = n->spool.bytes;
    int rc = encode(n, r);

    if (rc != 0) {
        return rc;
    }
    if (used >= n->cfg.spool_bytes || n->record.len > n->cfg.spool_bytes - used) {
        does_not_fit(n, r, out);
        return 0;
    }
    wf_list_remove(&r->todo);
    r->lsn = ++n->lsn;
    r->spool_len = n->record.len;
    n->spool.results++;
    n->spool.bytes += r->spool_len;
    wf_effects_add(out, WF_EFFECT_APPEND, NODE_SPOOL_TABLE, r->lsn, n->record.p,
                   n->record.len, NULL);
    return 0;
}

/* Finished runs that want a record. */
static const struct wf_list_node *wanting(const struct node *n)
{
    return node_is_open(n) ? &n->runs.away : &n->runs.todo;
}

static int wants_spool(const struct node *n)
{
    if (WF_PLANT(SPOOL_LOST)) {
        return 0;
    }
    return n->cfg.spool_bytes != 0 && !wf_list_empty(wanting(n));
}

uint64_t node_spool_due_us(const struct node *n)
{
    return wants_spool(n) ? n->spool_us : UINT64_MAX;
}

void node_spool(struct node *n, struct wf_effects *out)
{
    uint64_t last = n->lsn;
    unsigned some = 0;

    if (!wants_spool(n) || (n->now_us < n->spool_us && !n->stopped)) {
        return;
    }
    /* The last step writes all there is: no further one comes. */
    while (wants_spool(n) && (some++ < BATCH || n->stopped)) {
        struct run *r = CONTAINER_OF(wf_list_first(wanting(n)), struct run, todo);

        if (append(n, r, out) != 0) {
            n->spool.errors++;
            n->spool_us = wf_add_sat(n->now_us, RETRY_US);
            break;
        }
        n->spool_us = some == BATCH ? wf_add_sat(n->now_us, PAUSE_US) : 0;
    }
    wf_buf_fini(&n->record);
    if (n->lsn != last) {
        wf_effects_add(out, WF_EFFECT_SYNC, NODE_SPOOL_TABLE, n->lsn, NULL, 0, NULL);
    }
}

/* Everything finished that has no record and cannot be told wants one. */
static void want_spool(struct node *n)
{
    struct wf_list_node *list = node_is_open(n) ? &n->runs.away : &n->runs.todo;
    struct wf_list_node *x;

    for (x = wf_list_first(&n->runs.finished); x != NULL;
         x = wf_list_next(&n->runs.finished, x)) {
        struct run *r = CONTAINER_OF(x, struct run, node);

        if (node_is_open(n) && node_is_ours(n, r)) {
            continue;
        }
        wf_list_remove(&r->todo);
        if (r->lsn == 0) {
            wf_list_push_back(list, &r->todo);
        }
    }
}

void node_spool_cut(struct node *n)
{
    n->told_full = 0;
    n->spool_us = n->now_us;
    want_spool(n);
}

void node_spool_failed(struct node *n, uint64_t lsn)
{
    struct wf_list_node *x;

    for (x = wf_list_first(&n->runs.finished); x != NULL;
         x = wf_list_next(&n->runs.finished, x)) {
        struct run *r = CONTAINER_OF(x, struct run, node);

        if (r->lsn != 0 && r->lsn >= lsn) {
            r->lsn = 0;
            r->in_doubt = 1;
            n->spool.results--;
            n->spool.bytes -= r->spool_len;
            n->spool.errors++;
        }
    }
    n->spool_us = wf_add_sat(n->now_us, RETRY_US);
    want_spool(n);
}

/* -- the start, and old age ------------------------------------------------------------
 */

static int decode(const struct node_event *ev, struct wf_msg *ret_msg)
{
    struct wf_buf key = WF_BUF_INIT(NODE_SPOOL_KEY);
    struct run_key named;
    struct wf_cursor c;
    int rc;

    wf_cur_init(&c, ev->value.p, ev->value.len);
    rc = wf_msg_decode(&c, ret_msg);
    if (rc != 0 || ret_msg->type != WF_MSG_spool_rec || wf_cur_left(&c) != 0) {
        return rc != 0 ? rc : WEFT_EPROTO;
    }
    named.job = ret_msg->u.spool_rec.job;
    named.attempt = (uint32_t) ret_msg->u.spool_rec.attempt;
    put_key(&key, &named);
    if (key.err != 0) {
        rc = key.err;
    } else if (ev->key.len != key.len || memcmp(ev->key.p, key.p, key.len) != 0) {
        rc = WEFT_EPROTO;
    }
    wf_buf_fini(&key);
    return rc;
}

void node_restore(struct node *n, const struct node_event *ev, struct wf_effects *out)
{
    static const struct wf_key none;
    struct wf_msg msg;
    struct run *r;
    int rc = decode(ev, &msg);

    n->lsn = wf_max_u64(n->lsn, ev->lsn);
    if (rc == 0) {
        rc = runs_restore(&n->runs, &msg.u.spool_rec, n->now_us, &r);
    }
    if (rc != 0) {
        n->spool.errors++;
        wf_effects_trace(out, WF_LOG_ERROR, "spool-unread",
                         "error=%s text=\"a record is left where it is\"",
                         wf_err_name(rc));
        return;
    }
    if (wf_key_eq(&r->home.key, &none)) {
        r->home.key = n->link.ways.brokers.v[0].key; /* of before there were several */
    }
    r->lsn = wf_max_u64(ev->lsn, 1);
    r->spool_len = ev->key.len + ev->value.len;
    n->spool.results++;
    n->spool.bytes += r->spool_len;
    node_hold(n, r);
}

void node_plan_age(struct node *n, struct run *r)
{
    uint64_t most_ms = n->cfg.spool_age_ms;
    uint64_t left_ms = most_ms > r->old_ms ? most_ms - r->old_ms : 0;
    uint64_t due_us = wf_add_sat(r->ended_us, wf_us_of_ms(left_ms));

    if (most_ms == 0) {
        due_us = UINT64_MAX;
    } else if (due_us <= n->now_us && node_is_open(n) && node_is_ours(n, r)) {
        due_us = wf_add_sat(n->now_us, OPEN_AGE_US);
    }
    /* Without memory for the timer it just grows older. */
    (void) run_plan(&n->runs, r, due_us);
}

void node_age(struct node *n, struct run *r, struct wf_effects *out)
{
    char id[WF_ID_TEXT];

    if ((node_is_open(n) && node_is_ours(n, r)) || age_ms(n, r) < n->cfg.spool_age_ms) {
        node_plan_age(n, r);
        return;
    }
    n->spool.dropped++;
    wf_effects_trace(out, WF_LOG_WARN, "result-dropped",
                     "job=%s attempt=%u age_ms=%llu text=\"older than spool_age\"",
                     wf_id_text(&r->key.job, id), (unsigned) r->key.attempt,
                     (unsigned long long) age_ms(n, r));
    node_unkeep(n, r, out);
    node_forget(n, r, out);
    want_spool(n); /* there may be room now for what did not fit */
}
