#include "proto/transfer/give_int.h"

#include "common/err.h"
#include "common/mem.h"
#include "proto/name.h"

#include <string.h>

#define MS          1000u
#define TTL_MAX_MS  (UINT64_C(7) * 24 * 3600 * 1000)
#define BUSY_MIN_MS 20u
#define BUSY_MAX_MS 2000u

static size_t def(size_t v, size_t otherwise)
{
    return v != 0 ? v : otherwise;
}

int wf_give_new(const struct wf_give_config *cfg, struct wf_give **ret_give)
{
    struct wf_give *g = wf_calloc(1, sizeof *g);

    if (g == NULL) {
        return WEFT_ENOMEM;
    }
    g->cfg = *cfg;
    g->cfg.max_tickets = def(cfg->max_tickets, 1024);
    g->cfg.max_digests = def(cfg->max_digests, 262144);
    g->cfg.max_covered = def(cfg->max_covered, 1048576);
    g->cfg.max_wants = def(cfg->max_wants, 2048);
    g->cfg.max_reads = wf_min_u64(def(cfg->max_reads, 16), GIVE_READS_MAX);
    g->cfg.ticket_bytes = def(cfg->ticket_bytes, WF_TICKET_BYTES);
    g->cfg.lane_bytes = def(cfg->lane_bytes, 2u << 20);
    g->due_us = UINT64_MAX;
    wf_list_init(&g->turns);
    wf_heap_init(&g->ends, g->cfg.max_tickets);
    wf_meter_init(&g->meter, cfg->rate, cfg->day, cfg->day_used);
    g->tickets = wf_map_new(g->cfg.max_tickets, cfg->seed);
    g->lanes = wf_map_new(GIVE_LANES_MAX, cfg->seed + 1);
    if (g->tickets == NULL || g->lanes == NULL) {
        wf_give_free(g);
        return WEFT_ENOMEM;
    }
    *ret_give = g;
    return 0;
}

static void free_covered(struct wf_give *g, struct wf_give_ticket *t)
{
    size_t it = 0;
    void *row;

    if (t->covered != NULL) {
        g->covered -= wf_map_len(t->covered);
        while ((row = wf_map_next(t->covered, &it)) != NULL) {
            wf_free(row);
        }
        wf_map_free(t->covered);
    }
}

/* Reads of it that are under way come to nothing. */
static void end_ticket(struct wf_give *g, struct wf_give_ticket *t,
                       struct wf_effects *out)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&t->flows)) != NULL) {
        wf_give_flow_end(g, CONTAINER_OF(n, struct wf_give_flow, in_ticket), out);
    }
    for (size_t i = 0; i < g->cfg.max_reads; i++) {
        if (g->slots[i].ticket == t) {
            g->slots[i].ticket = NULL;
        }
    }
    (void) wf_map_take(g->tickets, &t->id, sizeof t->id);
    wf_heap_remove(&g->ends, &t->until);
    free_covered(g, t);
    wf_free(t);
}

static void end_tickets(struct wf_give *g, struct wf_effects *out)
{
    struct wf_give_ticket *t;
    size_t it = 0;

    while ((t = wf_map_next(g->tickets, &it)) != NULL) {
        end_ticket(g, t, out);
    }
}

void wf_give_free(struct wf_give *g)
{
    struct wf_give_lane *l;
    size_t it = 0;

    if (g == NULL) {
        return;
    }
    if (g->tickets != NULL) {
        end_tickets(g, NULL);
    }
    while (g->lanes != NULL && (l = wf_map_next(g->lanes, &it)) != NULL) {
        wf_free(l);
    }
    wf_map_free(g->tickets);
    wf_map_free(g->lanes);
    wf_heap_fini(&g->ends);
    wf_free(g);
}

void wf_give_set_limits(struct wf_give *g, uint64_t now_us, uint64_t rate, uint64_t day,
                        struct wf_effects *out)
{
    wf_meter_set(&g->meter, now_us, rate, day);
    wf_give_serve(g, now_us, out);
}

/* -- tickets ---------------------------------------------------------------------------
 */

static int new_ticket(struct wf_give *g, const struct wf_grant *m,
                      struct wf_give_ticket **ret_ticket)
{
    struct wf_give_ticket *t;
    int rc;

    if (wf_map_len(g->tickets) >= g->cfg.max_tickets) {
        return WEFT_EFULL;
    }
    t = wf_calloc(1, sizeof *t);
    if (t == NULL) {
        return WEFT_ENOMEM;
    }
    t->id = m->ticket;
    t->to = m->to;
    wf_list_init(&t->flows);
    t->covered = wf_map_new(g->cfg.max_digests, g->cfg.seed + m->ticket);
    rc = t->covered == NULL ? WEFT_ENOMEM : wf_heap_push(&g->ends, &t->until, 0);
    if (rc == 0) {
        rc = wf_map_put(g->tickets, &t->id, sizeof t->id, t);
    }
    if (rc != 0) {
        wf_heap_remove(&g->ends, &t->until);
        wf_map_free(t->covered);
        wf_free(t);
        return rc;
    }
    *ret_ticket = t;
    return 0;
}

static int cover(struct wf_give *g, struct wf_give_ticket *t, const struct wf_grant *m)
{
    struct wf_rows rows = m->rows;
    struct wf_digest_row row, *kept;
    int rc = 0;

    while (rc == 0 && wf_rows_next(&rows, wf_desc_digest_row(), &row)) {
        if (wf_map_get(t->covered, &row.digest, sizeof row.digest) != NULL) {
            continue;
        }
        if (row.size > WF_BLOB_MAX) {
            continue;
        }
        if (g->covered >= g->cfg.max_covered) {
            return WEFT_EFULL;
        }
        kept = wf_memdup(&row, sizeof row);
        rc = kept == NULL
                 ? WEFT_ENOMEM
                 : wf_map_put(t->covered, &kept->digest, sizeof kept->digest, kept);
        if (rc == 0) {
            g->covered++;
        } else {
            wf_free(kept);
        }
    }
    return rc;
}

int wf_give_grant(struct wf_give *g, uint64_t now_us, const struct wf_grant *m,
                  struct wf_effects *out)
{
    struct wf_give_ticket *t = wf_map_get(g->tickets, &m->ticket, sizeof m->ticket);
    uint64_t until_us = now_us + wf_min_u64(m->ttl_ms, TTL_MAX_MS) * MS;
    int rc = 0;

    if (t != NULL && !wf_key_eq(&t->to, &m->to) && !m->end) {
        return WEFT_ECONFLICT;
    }
    if (m->end) {
        if (t != NULL) {
            end_ticket(g, t, out);
        }
    } else if (!wf_slice_is(m->region, "*") &&
               !wf_residency_ok(m->residency, m->region)) {
        g->stats.refused++;
        rc = WEFT_EPERM;
    } else {
        rc = t != NULL ? 0 : new_ticket(g, m, &t);
        if (rc == 0) {
            (void) wf_slice_str(m->region, t->region, sizeof t->region);
            wf_heap_update(&g->ends, &t->until, wf_max_u64(t->until.key, until_us));
            rc = cover(g, t, m);
        }
    }
    wf_give_serve(g, now_us, out);
    return rc;
}

void wf_give_end_all(struct wf_give *g, uint64_t now_us, struct wf_effects *out)
{
    end_tickets(g, out);
    wf_give_serve(g, now_us, out);
}

int wf_give_knows(const struct wf_give *g, const struct wf_key *key)
{
    const struct wf_give_ticket *t;
    size_t it = 0;

    while ((t = wf_map_next(g->tickets, &it)) != NULL) {
        if (wf_key_eq(&t->to, key)) {
            return 1;
        }
    }
    return 0;
}

size_t wf_give_tickets(const struct wf_give *g)
{
    return wf_map_len(g->tickets);
}

/* -- wants -----------------------------------------------------------------------------
 */

uint64_t wf_give_bytes(uint64_t size, unsigned kind, uint64_t first, uint64_t count)
{
    switch (kind) {
    case WF_WANT_CHUNKS:
        return (count - 1) * wf_chunk_size(size) + wf_chunk_len(size, first + count - 1);
    case WF_WANT_LEAVES:
        return count * WF_DIGEST_SIZE;
    default:
        return (wf_chunk_count(size) + 7) / 8;
    }
}

/* 0, or why it is refused; *ret_row is what the ticket covers. */
static int check_want(const struct wf_give_ticket *t, const struct wf_key *key,
                      uint64_t now_us, const struct wf_want *m,
                      const struct wf_digest_row **ret_row)
{
    const struct wf_digest_row *row;
    uint64_t chunks;

    if (t == NULL || now_us >= t->until.key || (key != NULL && !wf_key_eq(key, &t->to))) {
        return WEFT_EPERM;
    }
    row = wf_map_get(t->covered, &m->digest, sizeof m->digest);
    if (row == NULL) {
        return WEFT_EPERM;
    }
    chunks = wf_chunk_count(row->size);
    if (m->kind == WF_WANT_MAP
            ? chunks == 0
            : m->count == 0 || m->first >= chunks || m->count > chunks - m->first) {
        return WEFT_EINVAL;
    }
    *ret_row = row;
    return 0;
}

/* When there will be room, as far as that can be said. */
static uint64_t busy_ms(const struct wf_give *g, const struct wf_give_ticket *t)
{
    uint64_t ms = g->meter.rate != 0 ? t->owed * 1000 / g->meter.rate / 2 : 0;

    return wf_min_u64(wf_max_u64(ms, BUSY_MIN_MS), BUSY_MAX_MS);
}

void wf_give_want(struct wf_give *g, uint64_t now_us, uint32_t lane,
                  const struct wf_key *key, const struct wf_want *m,
                  struct wf_effects *out)
{
    struct wf_give_ticket *t = wf_map_get(g->tickets, &m->ticket, sizeof m->ticket);
    const struct wf_digest_row *row = NULL;
    struct wf_nope no = {.ticket = m->ticket,
                         .digest = m->digest,
                         .kind = m->kind,
                         .first = m->first,
                         .count = m->count};
    int rc = check_want(t, key, now_us, m, &row);

    if (rc == 0) {
        rc = wf_give_queue(g, t, lane, m, row->size);
        if (rc != 0) {
            g->stats.busy++;
            no.retry_ms = busy_ms(g, t);
            rc = WEFT_EBUSY;
        }
    } else {
        g->stats.refused++;
    }
    if (rc != 0) {
        no.code = (uint64_t) -rc;
        wf_give_nope(out, lane, &no);
    }
    wf_give_serve(g, now_us, out);
}

/* -- time ------------------------------------------------------------------------------
 */

uint64_t wf_give_due_us(const struct wf_give *g)
{
    const struct wf_heap_node *first = wf_heap_min(&g->ends);

    return wf_min_u64(g->due_us, first != NULL ? first->key : UINT64_MAX);
}

void wf_give_tick(struct wf_give *g, uint64_t now_us, struct wf_effects *out)
{
    struct wf_heap_node *first;

    while ((first = wf_heap_min(&g->ends)) != NULL && first->key <= now_us) {
        end_ticket(g, CONTAINER_OF(first, struct wf_give_ticket, until), out);
    }
    wf_give_serve(g, now_us, out);
}

void wf_give_stats(const struct wf_give *g, struct wf_give_stats *ret_stats)
{
    *ret_stats = g->stats;
    ret_stats->tickets = wf_map_len(g->tickets);
    ret_stats->covered = g->covered;
    ret_stats->waiting = g->waiting;
    ret_stats->reading = g->reading;
    ret_stats->day_used = g->meter.day_used;
}
