#include "client/core/leave.h"

#include "client/core/send.h"

#define LEAVE_US 2000000u /* for jobs that are open to end, before it goes to others */

/* It stays: what was held back is for this broker. */
static void stop_leaving(struct wf_calls *c, uint64_t now_us, struct wf_effects *out)
{
    struct wf_list_node *node = wf_list_first(&c->open), *next;

    if (!c->leaving) {
        return;
    }
    c->leaving = 0;
    for (; node != NULL; node = next) {
        struct wf_call *call = CONTAINER_OF(node, struct wf_call, link);

        next = wf_list_next(&c->open, node);
        if (call->home == 0 && !call->waits &&
            (call->kind == WF_CALL_SUBMIT || call->kind == WF_CALL_WATCH)) {
            wf_send_call(c, now_us, call, out);
        }
    }
}

/* Jobs of ours wait there, and some are open here: these may end first, and no more come
 * to them meanwhile. */
static int waits(struct wf_calls *c, uint64_t now_us)
{
    if (!wf_link_is_due(&c->link) || !wf_link_is_bound(&c->link)) {
        return 0;
    }
    if (c->leave_us == 0) {
        c->leaving = 1;
        c->leave_us = now_us + LEAVE_US;
    }
    return now_us < c->leave_us;
}

static int is_asking(const struct wf_calls *c)
{
    return c->requests != (c->follower != NULL);
}

/* What is asked may keep it for longer than jobs are held back for. */
void wf_leave_for_better(struct wf_calls *c, uint64_t now_us, struct wf_effects *out)
{
    if (c->link.better != WF_BROKERS_NONE && !is_asking(c) && !waits(c, now_us)) {
        wf_link_move(&c->link, now_us, out);
    }
    if (!wf_calls_ready(c)) {
        return;
    }
    if (c->link.better == WF_BROKERS_NONE) {
        c->leave_us = 0;
        stop_leaving(c, now_us, out);
    } else if (now_us >= c->leave_us) {
        stop_leaving(c, now_us, out);
    }
}

void wf_leave_done(struct wf_calls *c)
{
    c->leaving = 0;
    c->leave_us = 0;
}

uint64_t wf_leave_due_us(const struct wf_calls *c)
{
    return c->leaving && wf_calls_ready(c) ? c->leave_us : UINT64_MAX;
}
