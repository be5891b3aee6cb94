/* shelf.h - a store for the broker core on its bench: the records that it wrote
 *
 * What a step appends is put on the shelf and becomes durable when the test says so; a
 * second core reads the shelf.  Keys are enrolled for good: their records are on it, too.
 */
#ifndef TESTS_UNIT_BROKER_SHELF_H
#define TESTS_UNIT_BROKER_SHELF_H

#include "broker/core/jobs/ledger.h"
#include "tests/unit/broker/bed.h"

#define ROWS 4096

/* The records, as a store would hold them: in order of keys; the last write of a
 * key wins. */
struct shelf {
    struct {
        unsigned table;
        size_t key, len;
        uint8_t *bytes; /* of shelf_bytes */
    } rows[ROWS];
    size_t n;
};

static struct shelf shelf;

/* What was ever put: kept to the end, so that a shelf may be copied. */
static struct shelf_bytes {
    struct shelf_bytes *next;
    uint8_t p[];
} * shelf_bytes;

__attribute__((unused)) static uint8_t *keep_bytes(const uint8_t *p, size_t len)
{
    struct shelf_bytes *x = malloc(sizeof *x + len);

    must(x != NULL);
    memcpy(x->p, p, len);
    x->next = shelf_bytes;
    shelf_bytes = x;
    return x->p;
}

__attribute__((unused)) static size_t key_len(unsigned table)
{
    return table <= REGISTRY_TOKENS ? 32 : 8;
}

/* The place of a key in a table, made when there is none. */
__attribute__((unused)) static size_t place_for(unsigned table, const uint8_t *key)
{
    size_t at = 0;
    int order = 1;

    while (at < shelf.n) {
        order = shelf.rows[at].table != table
                    ? (shelf.rows[at].table > table) - (shelf.rows[at].table < table)
                    : memcmp(shelf.rows[at].bytes, key, key_len(table));
        if (order >= 0) {
            break;
        }
        at++;
    }
    if (at == shelf.n || order != 0) {
        must(shelf.n < ROWS);
        memmove(&shelf.rows[at + 1], &shelf.rows[at],
                (shelf.n - at) * sizeof shelf.rows[0]);
        shelf.n++;
    }
    return at;
}

/* Put what the last step appended; returns the lsn to make durable, 0: nothing. */
__attribute__((unused)) static uint64_t put(const struct bed *b)
{
    uint64_t lsn = 0;

    for (size_t i = 0; i < b->fx.n; i++) {
        const struct wf_effect *x = &b->fx.v[i];
        const uint8_t *p = wf_effect_bytes(&b->fx, x);
        size_t at;

        if (x->kind == WF_EFFECT_SYNC) {
            lsn = x->arg;
        }
        if (x->kind != WF_EFFECT_APPEND) {
            continue;
        }
        at = place_for(x->peer, p);
        shelf.rows[at].table = x->peer;
        shelf.rows[at].key = key_len(x->peer);
        shelf.rows[at].len = x->len;
        shelf.rows[at].bytes = keep_bytes(p, x->len);
    }
    return lsn;
}

/* The store does what the last step asked for, and so on until nothing is asked. */
__attribute__((unused)) static void sync_all(struct bed *b)
{
    uint64_t lsn = put(b);

    while (lsn != 0) {
        bed_durable(b, lsn);
        lsn = put(b);
    }
}

/* Seconds pass in which the agent is heard. */
__attribute__((unused)) static void live_on(struct bed *b, uint32_t agent,
                                            unsigned seconds)
{
    const struct wf_ping ping = {.seq = 1};

    for (unsigned i = 0; i < seconds; i++) {
        bed_say(b, agent, WF_MSG_ping, &ping);
        sync_all(b);
        bed_tick(b, BED_SECOND);
        sync_all(b);
    }
}

__attribute__((unused)) static void start(struct bed *b)
{
    bed_init(b);
    shelf.n = 0;
    b->cfg.durable = 1;
    b->cfg.boot = 1;
    b->cfg.store_id = 99;
    bed_start(b);
    bed_step(b, &(struct broker_event){.kind = BROKER_LOADED});
}

/* A second core reads the records of the first, as after kill -9. */
__attribute__((unused)) static void restart(struct bed *b)
{
    struct broker_event loaded = {.kind = BROKER_LOADED};

    b->cfg.boot++;
    b->cfg.lsn = b->c->durable_lsn;
    core_free(b->c);
    bed_start(b);
    b->last_peer += 100;
    for (unsigned table = 1; table <= LEDGER_ESTIMATES; table++) {
        for (size_t i = 0; i < shelf.n; i++) {
            struct broker_event ev = {.kind = BROKER_RECORD, .table = table};

            if (shelf.rows[i].table == table && shelf.rows[i].len > shelf.rows[i].key) {
                ev.record = wf_slice_make(shelf.rows[i].bytes, shelf.rows[i].len);
                bed_step(b, &ev);
            }
        }
    }
    must(core_bad_records(b->c) == 0);
    bed_step(b, &loaded);
}

__attribute__((unused)) static struct wf_submit durable_work(uint8_t id)
{
    struct wf_submit m = bed_work(id);

    m.class_ = WF_CLASS_DURABLE;
    return m;
}

__attribute__((unused)) static void submit(struct bed *b, uint32_t peer, uint8_t id)
{
    const struct wf_submit m = durable_work(id);

    bed_say(b, peer, WF_MSG_submit, &m);
}

__attribute__((unused)) static void submit_kept(struct bed *b, uint32_t peer, uint8_t id)
{
    struct wf_submit m = durable_work(id);

    m.disconnect = WF_KEEP;
    bed_say(b, peer, WF_MSG_submit, &m);
    sync_all(b);
}

/* Enrol for good: the record is on the shelf as well. */
__attribute__((unused)) static void keep_key(struct bed *b, uint8_t key)
{
    const struct wf_key k = bed_key(key);
    struct principal *p = registry_key(&b->c->registry, &k);
    struct wf_effects out;

    wf_effects_init(&out);
    (void) core_persist(b->c, REGISTRY_KEYS, p, &out);
    b->fx = (wf_effects_fini(&b->fx), out);
    (void) put(b);
    b->c->durable_lsn = b->c->synced_lsn = b->c->lsn;
}

__attribute__((unused)) static uint32_t client_of(struct bed *b, uint8_t key,
                                                  const char *name)
{
    uint32_t peer = bed_client(b, key, name);

    keep_key(b, key);
    return peer;
}

__attribute__((unused)) static uint32_t agent_of(struct bed *b, uint8_t key,
                                                 const char *name, uint64_t slots)
{
    uint32_t peer;

    bed_enrol(b, key, WF_ROLE_AGENT, name);
    keep_key(b, key);
    peer = bed_hello(b, key, WF_ROLE_AGENT, key);
    sync_all(b);
    bed_offer(b, peer, "echo", slots, 0);
    bed_resync(b, peer);
    sync_all(b);
    return peer;
}

/* The agent of `key` connects again; `held` of `attempt`, 0: nothing. */
__attribute__((unused)) static uint32_t agent_again(struct bed *b, uint8_t key,
                                                    uint64_t epoch, uint8_t held,
                                                    uint64_t attempt, unsigned state)
{
    const struct wf_run_row row = {bed_id(held), attempt, state};
    struct wf_buf rows = WF_BUF_INIT(1024);
    struct wf_resync m = {{0}};
    uint32_t peer = bed_hello(b, key, WF_ROLE_AGENT, epoch);

    sync_all(b);
    bed_offer(b, peer, "echo", 4, 0);
    if (held != 0) {
        must(wf_rows_add(&rows, &m.runs, wf_desc_run_row(), &row) == 0);
    }
    bed_say(b, peer, WF_MSG_resync, &m);
    wf_buf_fini(&rows);
    return peer;
}

#endif
