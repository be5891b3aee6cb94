/* Plans: where a job would go, if it were submitted now. */
#include "broker/core/jobs/submit.h"
#include "broker/core/place/place.h"
#include "broker/core/place/unmet.h"

#include "common/err.h"

#include <stdio.h>
#include <string.h>

static int are_sound(struct wf_rows without)
{
    struct wf_label_row row;

    while (wf_rows_next(&without, wf_desc_label_row(), &row)) {
        if (row.text.len < 5 || (memcmp(row.text.p, "node=", 5) != 0 &&
                                 memcmp(row.text.p, "site=", 5) != 0)) {
            return 0;
        }
    }
    return 1;
}

/* Whom nobody knows is most often a mistake: 1 when there is one, in `ret_text`. */
static int has_unknown(const struct core *c, struct wf_rows without,
                       struct wf_slice *ret_text)
{
    struct wf_label_row row;

    while (wf_rows_next(&without, wf_desc_label_row(), &row)) {
        const struct wf_list_node *n = wf_list_first(&c->agents.all);

        while (n != NULL &&
               !place_is_meant(row.text, CONTAINER_OF(n, struct agent, in_all))) {
            n = wf_list_next(&c->agents.all, n);
        }
        if (n == NULL) {
            *ret_text = row.text;
            return 1;
        }
    }
    return 0;
}

static const char *verdict(const struct core *c, const struct job *j,
                           const struct decision *d, const struct offer *o, char *text,
                           size_t cap)
{
    char what[WF_LABEL_MAX + 1];
    struct wf_slice need;
    uint64_t best_us;

    if (o != NULL && o->agent->neighbour != NULL && unmet_need(c, j, 1, &need)) {
        (void) snprintf(text, cap, "no agent here meets %s: %s would be asked for one",
                        wf_slice_str(need, what, sizeof what), o->agent->principal->name);
        return text;
    }
    if (o != NULL) {
        return "";
    }
    if (unmet_need(c, j, 0, &need)) {
        (void) snprintf(text, cap, "it would wait: no agent that is known meets %s",
                        wf_slice_str(need, what, sizeof what));
        return text;
    }
    if (place_is_late(d, &best_us)) {
        (void) snprintf(text, cap, "it would be refused: %u ms at best is too late",
                        (unsigned) wf_min_u64(best_us / 1000, UINT32_MAX));
        return text;
    }
    return d->filtered[PLACE_FULL] != 0
               ? "it would wait for a slot: every capable agent is full"
               : "it would wait for an agent that may take it: none passes the filters";
}

static void answer(struct turn *t, const struct job *j)
{
    const struct wf_plan *m = &t->msg->u.plan;
    const struct place_ask ask = {.without = m->without.count != 0 ? &m->without : NULL,
                                  .admission = 1};
    struct wf_why_info reply = {.req = m->req,
                                .job = j->id,
                                .state = WF_JOB_QUEUED,
                                .capability = wf_slice_of(j->capability->name),
                                .version = j->version,
                                .plan = 1,
                                .goal = j->goal,
                                .data_bytes = j->data_bytes};
    char text[WF_TEXT_MAX + 1];
    struct decision d;
    struct offer *o;

    decision_clear(&d);
    o = place_choose(t->c, j, &ask, &d);
    show_decision(t->c, &d, &reply);
    reply.chosen = o != NULL;
    reply.node = wf_slice_of(o != NULL ? o->agent->principal->name : "");
    reply.text = wf_slice_of(verdict(t->c, j, &d, o, text, sizeof text));
    if (j->deadline_us != 0) {
        reply.deadline_left_ms = (j->deadline_us - j->accepted_us) / 1000;
    }
    wf_effects_send(t->out, t->s->peer, WF_MSG_why_info, &reply);
}

void on_plan(struct turn *t)
{
    const struct wf_plan *m = &t->msg->u.plan;
    char text[WF_LABEL_MAX + 8];
    struct wf_slice what;
    struct wf_msg inner;
    struct job *j;

    if (wf_msg_read(m->submit, WF_MSG_submit, &inner) != 0 || !are_sound(m->without)) {
        refuse(t, WEFT_EINVAL, m->req, NULL, 0,
               "a plan is a submit, and node=NAME or site=SITE to do without");
        return;
    }
    if (has_unknown(t->c, m->without, &what)) {
        refuse(t, WEFT_ENOENT, m->req, NULL, 0, "nothing here is %s",
               wf_slice_str(what, text, sizeof text));
        return;
    }
    if (submit_prepare(t, &inner.u.submit, NULL, &j) == 0) {
        answer(t, j);
        jobs_undo(&t->c->jobs, j);
    }
}
