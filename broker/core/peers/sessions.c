#include "broker/core/peers/sessions.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/sm.h"

static const struct wf_sm_state states[SESSION_STATES] = {
    [SESSION_NEW] = {"new", WF_SM_TO(SESSION_READY)},
    [SESSION_READY] = {"ready", 0},
};

int session_table_init(struct sessions *s, size_t max, uint64_t seed)
{
    *s = (struct sessions){.by_peer = wf_map_new(max, seed)};
    wf_heap_init(&s->leases, max);
    return s->by_peer != NULL ? 0 : WEFT_ENOMEM;
}

void session_table_fini(struct sessions *s)
{
    struct session *x;
    size_t it = 0;

    while (s->by_peer != NULL && (x = wf_map_next(s->by_peer, &it)) != NULL) {
        session_close(s, x);
    }
    wf_map_free(s->by_peer);
    wf_heap_fini(&s->leases);
    *s = (struct sessions){0};
}

int session_open(struct sessions *s, uint32_t peer, uint64_t lease_end_us,
                 struct session **ret_session)
{
    struct session *x = wf_calloc(1, sizeof *x);
    int rc;

    if (x == NULL) {
        return WEFT_ENOMEM;
    }
    x->peer = peer;
    wf_list_init(&x->watches);
    wf_list_init(&x->fetches);
    wf_list_init(&x->gives);
    wf_list_init(&x->stages);
    rc = wf_map_put(s->by_peer, &x->peer, sizeof x->peer, x);
    if (rc != 0) {
        wf_free(x);
        return rc;
    }
    rc = wf_heap_push(&s->leases, &x->lease, lease_end_us);
    if (rc != 0) {
        session_close(s, x);
        return rc;
    }
    *ret_session = x;
    return 0;
}

static struct session **recent_of(struct sessions *s, uint32_t peer)
{
    return &s->recent[peer % ARRAY_LEN(s->recent)];
}

struct session *session_get(struct sessions *s, uint32_t peer)
{
    struct session **recent = recent_of(s, peer);

    if (*recent == NULL || (*recent)->peer != peer) {
        *recent = wf_map_get(s->by_peer, &peer, sizeof peer);
    }
    return *recent;
}

void session_close(struct sessions *s, struct session *x)
{
    wf_heap_remove(&s->leases, &x->lease);
    s->followers -= x->follows_events != 0;
    if (*recent_of(s, x->peer) == x) {
        *recent_of(s, x->peer) = NULL;
    }
    (void) wf_map_take(s->by_peer, &x->peer, sizeof x->peer);
    wf_free(x);
}

void session_move(struct session *x, unsigned to)
{
    wf_sm_move(states, SESSION_STATES, &x->state, to);
}

void session_heard(struct sessions *s, struct session *x, uint64_t now_us,
                   uint64_t silence_us)
{
    uint64_t end_us = wf_add_sat(now_us, silence_us);

    /* Moving the check costs a walk in the heap: do it when it matters, not on every
     * message of a busy peer. */
    x->heard_us = now_us;
    if (end_us - x->lease.key > silence_us / 8) {
        wf_heap_update(&s->leases, &x->lease, end_us);
    }
}
