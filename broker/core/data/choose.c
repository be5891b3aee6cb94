#include "broker/core/data/choose.h"

#include "broker/core/place/need.h"

#include <string.h>

static int needs_met(const struct stage *g, const struct agent *a)
{
    struct wf_rows rows = g->needs;
    struct wf_label_row row;
    char room[32];

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        struct need need;

        if (need_parse(row.text, &need) != 0 ||
            !need_met(&need, agent_attribute(a, need.key, room, sizeof room))) {
            return 0;
        }
    }
    return 1;
}

static int has_order(const struct stage *g, const struct agent *a)
{
    for (struct wf_list_node *n = wf_list_first(&g->orders); n != NULL;
         n = wf_list_next(&g->orders, n)) {
        if (CONTAINER_OF(n, struct order, of_stage)->agent == a) {
            return 1;
        }
    }
    return 0;
}

static int offers(const struct agent *a, const char *capability)
{
    for (unsigned i = 0; i < a->noffers; i++) {
        if (strcmp(a->offers[i].capability->name, capability) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Fewer bytes to move is better, then near; but first what the submitter would rather
 * have. */
struct rank {
    uint64_t other, missing, rtt_us;
};

static int is_better(const struct rank *a, const struct rank *b)
{
    return a->other != b->other       ? a->other < b->other
           : a->missing != b->missing ? a->missing < b->missing
                                      : a->rtt_us < b->rtt_us;
}

static int is_possible(const struct stage *g, const struct agent *a, struct lack *lack,
                       struct rank *ret_rank)
{
    int is_away, may_have;

    if (a->principal->role != WF_ROLE_AGENT || a->principal->state != WF_KEY_ACTIVE ||
        has_order(g, a)) {
        return 0;
    }
    lack->known++;
    if ((g->node[0] != '\0' && strcmp(g->node, a->principal->name) != 0) ||
        !needs_met(g, a)) {
        lack->elsewhere++;
        return 0;
    }
    is_away = a->session == NULL || a->state != AGENT_UP || !a->holdings_known;
    /* Nobody waits for one that may not have it: its label is known from before. */
    if ((!is_away || a->info_seq != 0) && !residency_allows(g->residency, a)) {
        lack->outside++;
        return 0;
    }
    if (is_away) {
        /* One that holds nothing does not say what it has. */
        may_have = a->session == NULL || a->info_seq == 0 || a->data_cap != 0;
        lack->away += may_have;
        lack->waited = lack->waited == NULL && may_have ? a : lack->waited;
        lack->full += a->session != NULL && a->info_seq != 0 && a->data_cap == 0;
        return 0;
    }
    ret_rank->missing = g->total - wf_min_u64(g->total, stage_held(g, a));
    if (a->data_cap == 0 || ret_rank->missing > a->data_room) {
        lack->full++;
        return 0;
    }
    ret_rank->other = g->capability[0] != '\0' && !offers(a, g->capability);
    ret_rank->rtt_us = wf_ewma_mean(&a->rtt_us);
    return 1;
}

struct agent *stage_choose(const struct agents *agents, const struct stage *g,
                           struct lack *ret_lack)
{
    struct agent *best = NULL;
    struct rank rank, best_rank = {0};

    *ret_lack = (struct lack){0};
    for (struct wf_list_node *n = wf_list_first(&agents->all); n != NULL;
         n = wf_list_next(&agents->all, n)) {
        struct agent *a = CONTAINER_OF(n, struct agent, in_all);

        if (is_possible(g, a, ret_lack, &rank) &&
            (best == NULL || is_better(&rank, &best_rank))) {
            best = a;
            best_rank = rank;
        }
    }
    return best;
}

int stage_fits(const struct stage *g, const struct agent *a)
{
    struct lack lack = {0};
    struct rank rank;

    return is_possible(g, a, &lack, &rank);
}

const char *stage_lacks(const struct stage *g, const struct lack *lack)
{
    if (lack->known == 0) {
        return "no further agent is enrolled; `weft nodes` lists them";
    }
    if (lack->elsewhere == lack->known) {
        return g->node[0] != '\0' ? "no such node, or it is not an agent"
                                  : "no agent of this broker meets these needs; see "
                                    "`weft nodes`";
    }
    if (lack->outside != 0 && lack->full == 0) {
        return "the residency of the data forbids every agent that would do";
    }
    return "no agent has room for it: raise data_cap, unpin or remove data there";
}
