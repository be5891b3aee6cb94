#include "common/err.h"
#include "proto/transfer/pull_int.h"

#include <string.h>

int wf_pull_next_end(struct wf_pull *p, struct wf_pull_end *ret_end)
{
    struct wf_list_node *n = wf_list_first(&p->ended);
    struct pull_blob *b;

    if (n == NULL) {
        return 0;
    }
    b = CONTAINER_OF(n, struct pull_blob, in_list);
    *ret_end = (struct wf_pull_end){.digest = b->ref.digest,
                                    .size = b->ref.size,
                                    .code = b->code,
                                    .text = b->text,
                                    .moved = b->moved};
    memcpy(ret_end->from, b->from, sizeof ret_end->from);
    wf_list_remove(n);
    wf_free(b);
    return 1;
}

int wf_pull_next_bad(struct wf_pull *p, struct wf_pull_bad *ret_bad)
{
    if (p->nbad == 0) {
        return 0;
    }
    *ret_bad = p->bad[p->bad_at];
    p->bad_at = (p->bad_at + 1) % PULL_BAD_MAX;
    p->nbad--;
    return 1;
}

/* What a blob waits for, as told to people; an obstacle has a number as well. */
struct wait {
    const char *text;
    enum wf_stand stands;
};

static struct wait obstacle(const struct pull_blob *b)
{
    return b->forbidden ? (struct wait){"the broker does not let it be fetched",
                                        WF_STAND_FORBIDDEN}
           : b->nowhere ? (struct wait){"nobody who can be reached has it at present",
                                        WF_STAND_NOWHERE}
                        : (struct wait){"who has it does not answer", WF_STAND_SILENT};
}

static struct wait search_wait(const struct wf_pull *p, const struct pull_blob *b)
{
    /* What was looked for in vain is so until there is another answer. */
    const int in_vain = b->forbidden || b->nowhere;

    switch (b->search) {
    case PULL_SEARCH_PARKED:
        return (struct wait){"the link is metered, and no job waits for it",
                             WF_STAND_NONE};
    case PULL_SEARCH_LATER:
        return obstacle(b);
    case PULL_SEARCH_LISTED:
    case PULL_SEARCH_ASKED:
        return !p->up    ? (struct wait){"the broker cannot be reached", WF_STAND_NONE}
               : in_vain ? obstacle(b)
                         : (struct wait){"looking for who has it", WF_STAND_NONE};
    default:
        return (struct wait){"waits for its turn", WF_STAND_NONE};
    }
}

static struct wait wait_of(const struct wf_pull *p, const struct pull_blob *b)
{
    struct wf_meter meter = p->meter;

    if (b->phase == PULL_IDLE) {
        return search_wait(p, b);
    }
    if (b->phase == PULL_BEGINNING) {
        return (struct wait){"the store makes room", WF_STAND_STORE};
    }
    if (wf_meter_day_over(&meter, meter.at_us)) {
        return (struct wait){"the budget of the day is used up", WF_STAND_DAY};
    }
    return wf_list_empty(&b->asks) ? (struct wait){"waits for a holder", WF_STAND_SILENT}
                                   : (struct wait){"", WF_STAND_NONE};
}

int wf_pull_progress(const struct wf_pull *p, const struct wf_digest *digest,
                     struct wf_pull_progress *ret_progress)
{
    const struct pull_blob *b = wf_pull_blob(p, digest);
    uint64_t rate = 0;
    struct wait wait;

    if (b == NULL) {
        return WEFT_ENOENT;
    }
    for (unsigned i = 0; i < b->nplaces; i++) {
        if (b->places[i].holder != NULL && b->places[i].asks != 0) {
            rate += b->places[i].holder->rate;
        }
    }
    /* A holder may serve several blobs: it is not faster for one than for all. */
    if (rate == 0 || (p->rate != 0 && rate > p->rate)) {
        rate = p->rate;
    }
    wait = wait_of(p, b);
    *ret_progress = (struct wf_pull_progress){
        .done = b->done,
        .total = b->ref.size,
        .moved = b->moved,
        .left_ms = rate != 0 ? (b->ref.size - b->done) * 1000 / rate : UINT64_MAX,
        .text = wait.text,
        .stands = wait.stands,
        .resume_us = wait.stands == WF_STAND_DAY ? p->meter.day_end_us : 0,
        .refusal = wait.stands == WF_STAND_FORBIDDEN ? p->refusal : ""};
    memcpy(ret_progress->from, b->from, sizeof ret_progress->from);
    return 0;
}

void wf_pull_stats(const struct wf_pull *p, struct wf_pull_stats *ret_stats)
{
    *ret_stats = p->stats;
    ret_stats->blobs = wf_map_len(p->blobs);
    for (unsigned i = 0; i < ARRAY_LEN(p->lots); i++) {
        ret_stats->active += p->lots[i].active;
    }
    ret_stats->inflight = p->inflight;
    ret_stats->rate = p->rate;
    ret_stats->day_used = p->meter.day_used;
    for (unsigned i = 0; i < WF_PULL_LANES; i++) {
        ret_stats->lanes += p->lanes[i].state != PULL_LANE_CLOSED;
    }
    ret_stats->holders = p->nholders;
}
