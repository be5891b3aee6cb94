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

static const char *search_text(const struct wf_pull *p, const struct pull_blob *b)
{
    switch (b->search) {
    case PULL_SEARCH_PARKED:
        return "the link is metered, and no job waits for it";
    case PULL_SEARCH_LATER:
        return b->forbidden ? "the broker does not let it be fetched"
               : b->nowhere ? "nobody who can be reached has it at present"
                            : "who has it does not answer";
    case PULL_SEARCH_LISTED:
    case PULL_SEARCH_ASKED:
        return p->up ? "looking for who has it" : "the broker cannot be reached";
    default:
        return "waits for its turn";
    }
}

static const char *text_of(const struct wf_pull *p, const struct pull_blob *b)
{
    struct wf_meter meter = p->meter;

    if (b->phase == PULL_IDLE) {
        return search_text(p, b);
    }
    if (b->phase == PULL_BEGINNING) {
        return "the store makes room";
    }
    if (wf_meter_day_over(&meter, meter.at_us)) {
        return "the budget of the day is used up";
    }
    return wf_list_empty(&b->asks) ? "waits for a holder" : "";
}

int wf_pull_progress(const struct wf_pull *p, const struct wf_digest *digest,
                     struct wf_pull_progress *ret_progress)
{
    const struct pull_blob *b = wf_pull_blob(p, digest);
    uint64_t rate = 0;

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
    *ret_progress = (struct wf_pull_progress){
        .done = b->done,
        .total = b->ref.size,
        .moved = b->moved,
        .left_ms = rate != 0 ? (b->ref.size - b->done) * 1000 / rate : UINT64_MAX,
        .text = text_of(p, b)};
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
