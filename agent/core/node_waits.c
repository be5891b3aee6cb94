/* What runs wait for whose data is not here yet: told to the broker each second, and
 * given back to it when it is looked for in vain for long. */
#include "agent/core/node_data.h"

#include "common/err.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

#define TELL_US 1000000u
#define TELLS   64u     /* in one step */
#define TURN_US 100000u /* until the next ones */

/* What is forbidden here goes back soon, but not at once: the broker may not have heard
 * all after a cut. */
#define FORBIDDEN_MS 10000u

/* Why nothing comes for a run: the gravest of what its inputs wait for. */
struct stands {
    enum wf_stand why;
    uint64_t resume_us;
    const char *name; /* of the input */
    const char *refusal;
};

static struct stands stands_of(struct node *n, struct run_data *rd)
{
    struct stands worst = {.why = WF_STAND_NONE};

    for (unsigned i = 0; i < rd->nties; i++) {
        struct wf_pull_progress p;

        if (node_set_progress(n, &rd->ties[i].input->set, &p) &&
            p.stands != WF_STAND_NONE &&
            (worst.why == WF_STAND_NONE || p.stands < worst.why)) {
            worst = (struct stands){p.stands, p.resume_us,
                                    i < rd->in.n ? rd->in.v[i].name : NULL, p.refusal};
        }
    }
    return worst;
}

static uint64_t have_of(const struct run_data *rd)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < rd->nties; i++) {
        sum += rd->ties[i].input->set.have;
    }
    return sum;
}

static void tell(struct node *n, struct run_data *rd, const struct stands *s,
                 uint64_t rate, struct wf_effects *out)
{
    struct wf_fetching m = {.job = rd->run->key.job,
                            .attempt = rd->run->key.attempt,
                            .bytes = have_of(rd),
                            .stands = s->why};
    uint64_t most = 0;

    for (unsigned i = 0; i < rd->nties; i++) {
        const struct node_input *in = rd->ties[i].input;
        const struct node_set *set = &in->set;
        uint64_t total =
            node_input_known(in) ? set->total : wf_max_u64(set->total, in->said);

        m.total += total;
        /* Of those that it still waits for, the largest is the one to be named. */
        if (set->have < total && total - set->have > most) {
            most = total - set->have;
            m.from = wf_slice_of(set->from);
        }
    }
    if (rd->told_us != 0 && m.bytes != rd->told_have) {
        m.stands = WF_STAND_NONE; /* something did come */
    }
    if (m.stands == WF_STAND_NONE) {
        m.left_ms = rate == 0 ? 0 : (m.total - m.bytes) / (rate / 1000 + 1);
    } else if (s->resume_us > n->now_us) {
        m.resume_ms = (s->resume_us - n->now_us) / 1000;
    }
    if (rd->told_us == 0 || m.bytes != rd->told_have || m.stands != rd->told_stands) {
        node_send_of(n, rd->run, out, WF_MSG_fetching, &m);
    }
    rd->told_us = n->now_us;
    rd->told_have = m.bytes;
    rd->told_stands = (enum wf_stand) m.stands;
}

/* Its broker is there. */
static int is_attended(const struct node *n, const struct run_data *rd)
{
    return node_is_open(n) && node_is_ours(n, rd->run);
}

/* What may be in vain.  While no broker is there that assigned it, nobody can say, unless
 * that one refuses our key: then it tells nobody any more who has it. */
static enum wf_stand vain_of(const struct node *n, const struct run_data *rd,
                             const struct stands *s)
{
    if (!is_attended(n, rd)) {
        return wf_ways_refused(&n->link.ways, &rd->run->home) ? WF_STAND_FORBIDDEN
                                                              : WF_STAND_NONE;
    }
    return s->why == WF_STAND_FORBIDDEN || s->why == WF_STAND_NOWHERE ? s->why
                                                                      : WF_STAND_NONE;
}

/* Whether it has been looked for in vain for long enough. */
static int is_in_vain(struct node *n, struct run_data *rd, const struct stands *s)
{
    uint64_t patience_ms = n->cfg.data_patience_ms;
    const enum wf_stand vain = vain_of(n, rd, s);

    if (vain != rd->vain || (vain == WF_STAND_NOWHERE && have_of(rd) != rd->told_have)) {
        rd->vain = vain;
        rd->vain_us = n->now_us;
    }
    if (vain == WF_STAND_FORBIDDEN) {
        patience_ms = wf_min_u64(patience_ms, FORBIDDEN_MS);
    }
    return vain != WF_STAND_NONE && (n->now_us - rd->vain_us) / 1000 >= patience_ms;
}

/* It has not run: the broker tries it elsewhere, or lets it wait. */
static void give_up(struct node *n, struct run_data *rd, const struct stands *s,
                    struct wf_effects *out)
{
    const int forbidden = s->why == WF_STAND_FORBIDDEN;
    char text[WF_TEXT_MAX + 1];

    if (!is_attended(n, rd)) {
        node_inputs_return(
            n, rd->run, WEFT_ELOST,
            "its broker refuses this node's key, and its data was not here", out);
        return;
    }
    (void) snprintf(text, sizeof text, "%s%s: %s", s->name != NULL ? "input " : "payload",
                    s->name != NULL ? s->name : "",
                    !forbidden              ? "nobody who can be reached has it"
                    : s->refusal[0] != '\0' ? s->refusal
                                            : "the broker does not let it be fetched");
    text[wf_utf8_cut(text, strlen(text))] = '\0';
    node_inputs_return(n, rd->run, forbidden ? WEFT_EPERM : WEFT_EUNREACH, text, out);
}

/* Look after one that waits; it may be gone then. */
static void look_after(struct node *n, struct run_data *rd, uint64_t rate,
                       struct wf_effects *out)
{
    const struct stands s = stands_of(n, rd);

    if (is_in_vain(n, rd, &s)) {
        give_up(n, rd, &s, out);
        return;
    }
    tell(n, rd, &s, rate, out);
    n->data->runs_us = wf_min_u64(n->data->runs_us, rd->told_us + TELL_US);
}

void node_inputs_after(struct node *n, struct wf_effects *out)
{
    struct node_data *d = n->data;
    struct wf_list_node *next;
    struct wf_pull_stats stats;
    unsigned told = 0;

    if (n->now_us < d->runs_us) {
        return;
    }
    d->runs_us = UINT64_MAX;
    wf_pull_stats(d->pull, &stats);
    for (struct wf_list_node *x = wf_list_first(&d->fetching); x != NULL; x = next) {
        struct run_data *rd = CONTAINER_OF(x, struct run_data, node);

        next = wf_list_next(&d->fetching, x);
        if (node_inputs_ready(rd->run)) {
            continue;
        }
        if (told == TELLS) {
            d->runs_us = n->now_us + TURN_US;
            break;
        }
        if (rd->told_us == 0 || n->now_us >= rd->told_us + TELL_US) {
            told++;
            look_after(n, rd, stats.rate, out);
        } else {
            d->runs_us = wf_min_u64(d->runs_us, rd->told_us + TELL_US);
        }
    }
}
