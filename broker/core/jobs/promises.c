/* Durability of keys and answers: what is written of principals, and what is promised
 * until it is on stable storage. */
#include "broker/core/jobs/ledger.h"

#include "common/err.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/plant.h"

#include <string.h>

uint64_t core_persist(struct core *c, unsigned table, const struct principal *p,
                      struct wf_effects *out)
{
    struct wf_buf record = WF_BUF_INIT(16u << 10);

    c->lsn++;
    (void) wf_buf_put(&record, p->key.b, sizeof p->key.b);
    if (registry_record(p, &record) == 0) {
        wf_effects_add(out, WF_EFFECT_APPEND, table, c->lsn, record.p, record.len, NULL);
    } else {
        out->err = WEFT_ENOMEM; /* half a record is worse than none */
    }
    wf_buf_fini(&record);
    if (table == REGISTRY_KEYS) {
        word_key(c, p, out);
    }
    return c->lsn;
}

void core_forget(struct core *c, unsigned table, struct principal *p,
                 struct wf_effects *out)
{
    wf_effects_add(out, WF_EFFECT_APPEND, table, ++c->lsn, p->key.b, sizeof p->key.b,
                   NULL);
    registry_drop(&c->registry, table, p);
}

int core_promised(const struct core *c, uint32_t peer, enum wf_type type)
{
    for (const struct wf_list_node *n = wf_list_first(&c->promises); n != NULL;
         n = wf_list_next(&c->promises, n)) {
        const struct promise *p = CONTAINER_OF(n, struct promise, node);

        if (p->peer == peer && p->type == type) {
            return 1;
        }
    }
    return 0;
}

void core_promise(struct core *c, uint64_t lsn, uint32_t peer, uint64_t req, int close,
                  enum wf_type type, const void *body, struct wf_effects *out)
{
    struct wf_buf bytes = WF_BUF_INIT(WF_FRAME_MAX);
    struct promise *p = NULL;

    if (lsn <= c->durable_lsn) {
        wf_effects_send(out, peer, type, body);
        if (close) {
            wf_effects_close(out, peer);
        }
        return;
    }
    if (wf_msg_encode(&bytes, type, body) == 0) {
        p = wf_calloc(1, sizeof *p + bytes.len);
    }
    if (p == NULL) {
        /* No answer is honest: the peer will ask again. */
        c->count.out_of_memory++;
    } else {
        p->lsn = lsn;
        p->peer = peer;
        p->req = req;
        p->close = close;
        p->type = type;
        p->len = bytes.len;
        memcpy(p->bytes, bytes.p, bytes.len);
        wf_list_push_back(&c->promises, &p->node);
    }
    wf_buf_fini(&bytes);
}

static void keep_promises(struct core *c, struct wf_effects *out)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&c->promises)) != NULL) {
        struct promise *p = CONTAINER_OF(n, struct promise, node);

        if (p->lsn > c->durable_lsn) {
            return;
        }
        if (session_get(&c->sessions, p->peer) != NULL) {
            wf_effects_add(out, WF_EFFECT_SEND, p->peer, 0, p->bytes, p->len, NULL);
            if (p->close) {
                wf_effects_close(out, p->peer);
            }
        }
        wf_list_remove(n);
        wf_free(p);
    }
}

void promises_date(struct core *c, struct wf_effects *out)
{
    if (!wf_list_empty(&c->dirty)) {
        return; /* not all was written: later */
    }
    for (struct wf_list_node *n = c->promises.prev; n != &c->promises; n = n->prev) {
        struct promise *p = CONTAINER_OF(n, struct promise, node);

        if (p->lsn != PROMISE_STEP) {
            break;
        }
        p->lsn = c->lsn;
    }
    keep_promises(c, out);
}

void promises_durable(struct core *c, uint64_t lsn, struct wf_effects *out)
{
    c->durable_lsn = wf_max_u64(c->durable_lsn, lsn);
    if (c->store_failing) {
        c->store_failing = 0;
        core_news(c, out, WF_LOG_INFO, "store-recovered", "", NULL,
                  "the store works again: durable jobs are accepted");
    }
    ledger_settle(c, out);
    datasets_durable(c);
    keep_promises(c, out);
}

/* Say no to what was to be promised, in the way that its peer understands. */
static void break_promise(struct core *c, const struct promise *p, struct wf_effects *out)
{
    struct session *s = session_get(&c->sessions, p->peer);
    const struct wf_done m = {.req = p->req,
                              .code = (uint64_t) -WEFT_ESTORAGE,
                              .text = wf_slice_of(wf_err_sentence(WEFT_ESTORAGE))};

    if (s != NULL && p->type == WF_MSG_joined) {
        session_end(c, s, WEFT_ESTORAGE, wf_err_sentence(WEFT_ESTORAGE), out);
    } else if (s != NULL) {
        wf_effects_send(out, p->peer, WF_MSG_done, &m);
    }
}

int core_in_use(const struct core *c, const struct principal *p)
{
    const struct session *s;
    size_t it = 0;

    while ((s = wf_map_next(c->sessions.by_peer, &it)) != NULL) {
        if (s->principal == p) {
            return 1;
        }
    }
    return 0;
}

/* What the store did not keep is not so.  A key enrolled since was not let in yet, so
 * nothing refers to it; a token used up since may be used again.  The store writes the
 * failed records when it can, so what undoes them follows. */
static void roll_back(struct core *c, uint64_t lsn, struct wf_effects *out)
{
    struct registry *r = &c->registry;
    struct principal *p;
    size_t it = 0;

    while ((p = wf_map_next(r->keys, &it)) != NULL) {
        if (p->lsn >= lsn) {
            core_forget(c, REGISTRY_KEYS, p, out);
        }
    }
    it = 0;
    while ((p = wf_map_next(r->tokens, &it)) != NULL) {
        if (p->lsn >= lsn && p->state == WF_KEY_USED) {
            registry_set_state(r, p, WF_KEY_ACTIVE);
            p->lsn = 0;
            (void) core_persist(c, REGISTRY_TOKENS, p, out);
        } else if (p->lsn >= lsn && !core_in_use(c, p)) {
            core_forget(c, REGISTRY_TOKENS, p, out);
        }
    }
}

void promises_break(struct core *c, uint64_t lsn, struct wf_effects *out)
{
    struct wf_list_node *n, *next;

    roll_back(c, lsn, out);
    datasets_failed(c, lsn, out);
    for (n = wf_list_first(&c->promises); n != NULL; n = next) {
        struct promise *p = CONTAINER_OF(n, struct promise, node);

        next = wf_list_next(&c->promises, n);
        if (p->lsn >= lsn) {
            break_promise(c, p, out);
            wf_list_remove(n);
            wf_free(p);
        }
    }
}

void promises_failed(struct core *c, uint64_t lsn, struct wf_effects *out)
{
    c->count.store_errors++;
    if (WF_PLANT(FORGET_ON_ERROR)) {
        promises_durable(c, c->lsn, out);
        return;
    }
    ledger_failed(c, lsn, out);
    promises_break(c, lsn, out);
    if (!c->store_failing) {
        core_news(c, out, WF_LOG_ERROR, "store-error", "", NULL,
                  "the store failed: durable jobs, enrolment and key changes are refused "
                  "until it recovers");
        c->store_failing = 1;
    }
}
