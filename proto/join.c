#include "proto/join.h"

#include "common/sm.h"

#include <string.h>

static const struct wf_sm_state states[WF_JOIN_STATES] = {
    [WF_JOIN_IDLE] = {"idle", WF_SM_TO(WF_JOIN_RUNNING)},
    [WF_JOIN_RUNNING] = {"running", WF_SM_TO(WF_JOIN_DONE) | WF_SM_TO(WF_JOIN_FAILED)},
    [WF_JOIN_DONE] = {"done", 0},
    [WF_JOIN_FAILED] = {"failed", 0},
};

static void end(struct wf_joiner *j, unsigned to, struct wf_effects *out)
{
    wf_sm_move(states, WF_JOIN_STATES, &j->state, to);
    wf_link_stop(&j->link, out);
}

void wf_joiner_init(struct wf_joiner *j, const struct wf_join_config *cfg)
{
    struct wf_link_config link = {.role = cfg->role,
                                  .epoch = cfg->epoch,
                                  .nendpoints = cfg->nendpoints,
                                  .retry_min_ms = 100,
                                  .retry_max_ms = 2000,
                                  .dial_ms = 5000,
                                  .seed = cfg->seed};

    memset(j, 0, sizeof *j);
    j->cfg = *cfg;
    j->until_us = UINT64_MAX;
    memcpy(link.software, cfg->software, sizeof link.software);
    wf_link_init(&j->link, &link);
}

void wf_joiner_start(struct wf_joiner *j, uint64_t now_us, uint64_t until_us,
                     struct wf_effects *out)
{
    wf_sm_move(states, WF_JOIN_STATES, &j->state, WF_JOIN_RUNNING);
    j->until_us = until_us;
    (void) wf_err_set(&j->err, WEFT_EUNREACH, "no answer from the broker");
    wf_link_start(&j->link, now_us, out);
}

/* A broker that does not answer may do so later, or another one may; a broker that said
 * no has said it. */
static void after_link(struct wf_joiner *j, struct wf_effects *out)
{
    const struct wf_link *l = &j->link;

    if (j->state != WF_JOIN_RUNNING || l->state != WF_LINK_WAITING) {
        return;
    }
    if (l->error == WEFT_EAUTH) {
        (void) wf_err_set(&j->err, WEFT_EAUTH, "the broker does not know this token");
    } else if (l->error != WEFT_EUNREACH) {
        (void) wf_err_set(&j->err, l->error, "%s", l->error_text);
    }
    if (l->error != WEFT_EUNREACH && l->error != WEFT_EBUSY) {
        end(j, WF_JOIN_FAILED, out);
    }
}

void wf_joiner_up(struct wf_joiner *j, uint64_t now_us, struct wf_effects *out)
{
    wf_link_up(&j->link, now_us, out);
}

void wf_joiner_down(struct wf_joiner *j, uint64_t now_us, const char *why,
                    struct wf_effects *out)
{
    if (j->state == WF_JOIN_RUNNING) {
        (void) wf_err_set(&j->err, WEFT_EUNREACH, "%s", why);
    }
    wf_link_down(&j->link, now_us, out);
}

void wf_joiner_refused(struct wf_joiner *j, uint64_t now_us, struct wf_effects *out)
{
    wf_link_refused(&j->link, now_us, out);
    after_link(j, out);
}

static void ask(const struct wf_joiner *j, struct wf_effects *out)
{
    const struct wf_join body = {.key = j->cfg.key,
                                 .role = j->cfg.role,
                                 .name = wf_slice_of(j->cfg.name),
                                 .software = wf_slice_of(j->cfg.software)};

    wf_effects_send(out, 0, WF_MSG_join, &body);
}

static void take_joined(struct wf_joiner *j, const struct wf_joined *m,
                        struct wf_effects *out)
{
    struct wf_join_result *r = &j->result;

    wf_slice_str(m->name, r->name, sizeof r->name);
    wf_slice_str(m->site, r->site, sizeof r->site);
    wf_slice_str(m->broker, r->broker, sizeof r->broker);
    r->role = (unsigned) m->role;
    r->tier = (unsigned) m->tier;
    end(j, WF_JOIN_DONE, out);
}

static void take_error(struct wf_joiner *j, const struct wf_error *e,
                       struct wf_effects *out)
{
    char text[WF_TEXT_MAX + 1];
    int code = e->code != 0 ? -(int) e->code : WEFT_EPROTO;

    wf_slice_str(e->text, text, sizeof text);
    (void) wf_err_set(&j->err, code, "%s",
                      text[0] != '\0' ? text : wf_err_sentence(code));
    end(j, WF_JOIN_FAILED, out);
}

void wf_joiner_msg(struct wf_joiner *j, uint64_t now_us, const struct wf_msg *msg,
                   struct wf_effects *out)
{
    if (j->state != WF_JOIN_RUNNING) {
        return;
    }
    switch (wf_link_msg(&j->link, now_us, msg, out)) {
    case WF_LINK_OPENED:
        ask(j, out);
        return;
    case WF_LINK_HANDLED:
        after_link(j, out);
        return;
    case WF_LINK_PASS:
        break;
    }
    if (msg->type == WF_MSG_joined) {
        take_joined(j, &msg->u.joined, out);
    } else if (msg->type == WF_MSG_error) {
        take_error(j, &msg->u.error, out);
    }
}

uint64_t wf_joiner_due_us(const struct wf_joiner *j)
{
    return j->state == WF_JOIN_RUNNING ? wf_min_u64(j->link.due_us, j->until_us)
                                       : UINT64_MAX;
}

void wf_joiner_tick(struct wf_joiner *j, uint64_t now_us, struct wf_effects *out)
{
    if (j->state != WF_JOIN_RUNNING) {
        return;
    }
    if (now_us >= j->until_us) {
        end(j, WF_JOIN_FAILED, out);
        return;
    }
    wf_link_tick(&j->link, now_us, out);
    after_link(j, out);
}
