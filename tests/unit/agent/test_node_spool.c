/* Results that the broker cannot be told: what is written, when, and what comes back. */
#include "tests/unit/agent/bed.h"

#include "common/mem.h"

#define DISK_MAX 700

/* What the shell would have on its disk: all that was appended. */
struct disk {
    struct {
        uint64_t lsn;
        struct wf_buf bytes; /* key, value */
    } row[DISK_MAX];
    unsigned n, puts, deletes, syncs;
};

static void disk_remove(struct disk *d, const uint8_t *key)
{
    for (unsigned i = 0; i < d->n; i++) {
        if (memcmp(d->row[i].bytes.p, key, NODE_SPOOL_KEY) == 0) {
            wf_buf_fini(&d->row[i].bytes);
            memmove(&d->row[i], &d->row[i + 1], (d->n - i - 1) * sizeof d->row[0]);
            d->n--;
            return;
        }
    }
}

/* Carry out what the last step asked for. */
static void write_out(const struct bed *b, struct disk *d)
{
    d->puts = d->deletes = d->syncs = 0;
    for (size_t i = 0; i < b->fx.n; i++) {
        const struct wf_effect *x = &b->fx.v[i];
        const uint8_t *p = wf_effect_bytes(&b->fx, x);

        d->syncs += x->kind == WF_EFFECT_SYNC;
        if (x->kind != WF_EFFECT_APPEND) {
            continue;
        }
        must(x->len >= NODE_SPOOL_KEY && x->peer == NODE_SPOOL_TABLE);
        disk_remove(d, p);
        if (x->len == NODE_SPOOL_KEY) {
            d->deletes++;
            continue;
        }
        must(d->n < DISK_MAX);
        d->puts++;
        d->row[d->n].lsn = x->arg;
        wf_buf_init(&d->row[d->n].bytes, WF_FRAME_MAX);
        must(wf_buf_put(&d->row[d->n++].bytes, p, x->len) == 0);
    }
}

static void wipe(struct disk *d)
{
    for (unsigned i = 0; i < d->n; i++) {
        wf_buf_fini(&d->row[i].bytes);
    }
    *d = (struct disk){.n = 0};
}

/* Another process on the same disk, which has not connected yet. */
static void reboot(struct bed *b, const struct disk *d)
{
    node_free(b->n);
    b->nstarted = 0;
    b->now_us = SECOND; /* the machine's clock begins anew */
    must(node_new(&b->cfg, &b->n) == 0);
    for (unsigned i = 0; i < d->n; i++) {
        const struct wf_buf *row = &d->row[i].bytes;
        struct node_event ev = {.kind = NODE_RECORD, .lsn = d->row[i].lsn};

        ev.key = wf_slice_make(row->p, NODE_SPOOL_KEY);
        ev.value = wf_slice_make(row->p + NODE_SPOOL_KEY, row->len - NODE_SPOOL_KEY);
        step(b, &ev);
    }
    happens(b, NODE_START);
}

static void open_spooling(struct bed *b, uint64_t slots, uint64_t queue)
{
    init_bed(b, slots, queue);
    b->cfg.spool_bytes = 1u << 20;
    b->cfg.spool_age_ms = 60000;
    b->cfg.caps[0].wall_ms = 0;
    start_bed(b);
}

static void cut(struct bed *b, struct disk *d)
{
    happens(b, NODE_LINK_DOWN);
    write_out(b, d);
}

/* Until nothing is due at once. */
static void wait_ms(struct bed *b, struct disk *d, uint64_t ms)
{
    b->now_us += ms * MS;
    happens(b, NODE_TICK);
    write_out(b, d);
}

static void ended(struct bed *b, struct disk *d, unsigned i, const char *text, int code)
{
    if (text != NULL) {
        prints(b, b->started[i], 1, text);
    }
    ends(b, b->started[i], code);
    write_out(b, d);
}

static void acks(struct bed *b, struct disk *d, uint8_t id)
{
    const struct wf_result_ack ack = {id_of(id), 1};

    hears(b, WF_MSG_result_ack, &ack);
    write_out(b, d);
}

/* Dial and be welcome. */
static void back(struct bed *b, struct disk *d)
{
    for (int i = 0; i < 50 && node_link(b->n)->state != WF_LINK_DIALLING; i++) {
        wait_ms(b, d, 300);
    }
    connect(b);
    write_out(b, d);
}

static void assign_until(struct bed *b, uint8_t id, uint64_t stop_after_ms)
{
    const struct wf_assign m = {.job = id_of(id),
                                .attempt = 1,
                                .seq = id,
                                .capability = wf_slice_of("echo"),
                                .version = 1,
                                .payload = wf_slice_of("ping"),
                                .stop_after_ms = stop_after_ms};

    hears(b, WF_MSG_assign, &m);
}

/* -- writing ---------------------------------------------------------------------------
 */

static void writes_only_while_cut_off(void)
{
    struct disk d = {.n = 0};
    struct wf_msg m;
    struct bed b;

    open_spooling(&b, 3, 0);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    assign(&b, 3, 1, 4);
    ended(&b, &d, 0, "one", 0);
    acks(&b, &d, 1);
    ended(&b, &d, 1, "two", 0);
    wait_ms(&b, &d, 900);
    is_int(d.puts + d.deletes + d.syncs, 0, "while connected nothing is written");
    cut(&b, &d);
    ok(d.puts == 1 && d.syncs == 1 && d.row[0].bytes.p[0] == 2 &&
           b.fx.v[b.fx.n - 1].kind == WF_EFFECT_SYNC,
       "what is not acknowledged when the link breaks is, and synced");
    is_int(d.row[0].bytes.p[NODE_SPOOL_KEY - 1], 1, "the key ends with the attempt");
    wait_ms(&b, &d, 20);
    is_int(d.puts, 0, "once");
    ended(&b, &d, 2, "three", 0);
    ok(d.puts == 1 && d.syncs == 1 && d.n == 2, "and what ends without a link");
    is_int(node_counts(b.n).spool.results, 2, "which is counted");
    back(&b, &d);
    ok(said(&b, WF_MSG_resync, 0, &m) && m.u.resync.runs.count == 2 &&
           said(&b, WF_MSG_result, 0, &m) && wf_slice_is(m.u.result.data, "two") &&
           said(&b, WF_MSG_result, 1, &m) && wf_slice_is(m.u.result.data, "three"),
       "both are told on return, in order");
    is_int(d.puts + d.deletes, 0, "and stay");
    acks(&b, &d, 2);
    ok(d.deletes == 1 && d.syncs == 0 && d.n == 1, "until they are acknowledged");
    acks(&b, &d, 3);
    ok(d.n == 0 && node_counts(b.n).spool.bytes == 0, "each");
    close_bed(&b);
    wipe(&d);
}

static void every_end_of_a_session_counts(void)
{
    const struct wf_bye bye = {0};
    struct disk d = {.n = 0};
    struct bed b;

    open_spooling(&b, 1, 0);
    assign(&b, 1, 1, 4);
    ended(&b, &d, 0, "one", 0);
    wait_ms(&b, &d, 4100);
    is_int(d.puts, 1, "the broker falls silent");
    back(&b, &d);
    acks(&b, &d, 1);
    assign(&b, 2, 1, 4);
    ended(&b, &d, 1, "two", 0);
    hears(&b, WF_MSG_bye, &bye);
    write_out(&b, &d);
    is_int(d.puts, 1, "it says good-bye");
    back(&b, &d);
    acks(&b, &d, 2);
    assign(&b, 3, 1, 4);
    ended(&b, &d, 2, "three", 0);
    happens(&b, NODE_STOP);
    write_out(&b, &d);
    is_int(d.puts, 1, "or we do");
    close_bed(&b);
    wipe(&d);

    open_bed(&b, 1, 0);
    assign(&b, 1, 1, 4);
    ended(&b, &d, 0, "one", 0);
    cut(&b, &d);
    is_int(d.puts + d.syncs, 0, "without a spool nothing is asked for");
    back(&b, &d);
    acks(&b, &d, 1);
    is_int(d.deletes, 0, "ever");
    close_bed(&b);
}

static void writes_in_batches(void)
{
    struct disk d = {.n = 0};
    unsigned most = 0;
    struct bed b;

    open_spooling(&b, 16, 40);
    for (uint8_t i = 1; i <= 56; i++) {
        assign(&b, i, 1, 4);
    }
    /* What waits is stopped, which ends it at once. */
    for (uint8_t i = 17; i <= 56; i++) {
        const struct wf_stop stop = {id_of(i), 1, (uint64_t) -WEFT_ECANCELLED};

        hears(&b, WF_MSG_stop, &stop);
    }
    cut(&b, &d);
    is_int(d.puts, 16, "not all at once: the disk is slow");
    for (int i = 0; i < 10 && node_wakeup_us(b.n) <= b.now_us + 2 * MS; i++) {
        wait_ms(&b, &d, 1);
        most = d.puts > most ? d.puts : most;
    }
    ok(d.n == 40 && most <= 16, "the rest soon, by wake-ups of its own");
    close_bed(&b);
    wipe(&d);

    open_spooling(&b, 16, 40);
    for (uint8_t i = 1; i <= 56; i++) {
        const struct wf_stop stop = {id_of(i), 1, (uint64_t) -WEFT_ECANCELLED};

        assign(&b, i, 1, 4);
        hears(&b, WF_MSG_stop, &stop);
    }
    for (unsigned i = 0; i < 16; i++) {
        ended(&b, &d, i, NULL, WEFT_EFAILED);
    }
    happens(&b, NODE_STOP);
    write_out(&b, &d);
    is_int(d.puts, node_counts(b.n).finished, "but all in the last step");
    close_bed(&b);
    wipe(&d);
}

static void tries_again(void)
{
    struct node_event ev = {.kind = NODE_STORE_ERROR};
    struct disk d = {.n = 0};
    struct bed b;

    open_spooling(&b, 3, 0);
    for (uint8_t i = 1; i <= 3; i++) {
        assign(&b, i, 1, 4);
    }
    ended(&b, &d, 0, "one", 0);
    ended(&b, &d, 1, "two", 0);
    cut(&b, &d);
    ev.lsn = d.row[1].lsn;
    step(&b, &ev);
    disk_remove(&d, d.row[1].bytes.p);
    ok(node_counts(b.n).spool.results == 1 && node_counts(b.n).spool.errors == 1,
       "from the record on that could not be written none counts");
    ended(&b, &d, 2, "three", 0);
    is_int(d.puts, 0, "a broken disk is left alone for a while");
    wait_ms(&b, &d, 31000);
    ok(d.puts == 2 && d.n == 3, "then all is tried again");
    ev.lsn = d.row[2].lsn;
    step(&b, &ev);
    back(&b, &d);
    is_int(d.puts, 0, "not while connected");
    acks(&b, &d, 3);
    is_int(d.deletes, 1, "a record in doubt is deleted all the same");
    close_bed(&b);
    wipe(&d);
}

static void keeps_its_size(void)
{
    struct disk d = {.n = 0};
    struct wf_msg m;
    unsigned lines = 0;
    struct bed b;

    init_bed(&b, 4, 0);
    b.cfg.spool_bytes = 200;
    b.cfg.spool_age_ms = 0;
    b.cfg.caps[0].wall_ms = 0;
    start_bed(&b);
    for (uint8_t i = 1; i <= 4; i++) {
        assign(&b, i, 1, 4);
    }
    cut(&b, &d);
    for (unsigned i = 0; i < 4; i++) {
        ended(&b, &d, i, "some text that takes its place, some 60 bytes or a few more",
              0);
        for (size_t x = 0; x < b.fx.n; x++) {
            lines += b.fx.v[x].kind == WF_EFFECT_TRACE;
        }
    }
    ok(d.n == 1 && node_counts(b.n).spool.bytes <= 200, "as much as fits");
    ok(node_counts(b.n).spool.refused == 3 && node_counts(b.n).finished == 4,
       "the rest is counted, and kept in memory");
    is_int(lines, 1, "one line is said about it");
    wait_ms(&b, &d, 31000);
    ok(d.puts == 0 && node_counts(b.n).spool.refused == 3, "and not again and again");
    back(&b, &d);
    ok(said(&b, WF_MSG_result, 3, &m), "all are told on return");
    close_bed(&b);
    wipe(&d);
}

/* -- coming back -----------------------------------------------------------------------
 */

static void survives_a_reboot(void)
{
    struct disk d = {.n = 0};
    struct wf_run_row row;
    struct wf_msg m;
    struct bed b;
    const struct run_end bad = {.code = WEFT_EFAILED,
                                .exit_code = 7,
                                .reason = "exit 7",
                                .cpu_us = 11,
                                .rss = 12,
                                .cut = 13};
    struct node_event ev = {.kind = NODE_RUN_DONE, .end = &bad};

    open_spooling(&b, 3, 0);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    assign(&b, 3, 1, 4);
    b.now_us += 50 * MS;
    ended(&b, &d, 0, "pong", 0);
    cut(&b, &d);
    ev.run = b.started[1];
    step(&b, &ev);
    write_out(&b, &d);
    reboot(&b, &d);
    ok(node_counts(b.n).finished == 2 && node_counts(b.n).running == 0 &&
           node_counts(b.n).spool.results == 2 && node_counts(b.n).done == 0,
       "what had ended comes back, what ran does not");
    wait_ms(&b, &d, 10);
    is_int(d.puts, 0, "it is not written again");
    connect(&b);
    ok(said(&b, WF_MSG_resync, 0, &m) && m.u.resync.runs.count == 2 &&
           wf_rows_next(&m.u.resync.runs, wf_desc_run_row(), &row) &&
           row.state == WF_RUN_FINISHED && row.attempt == 1,
       "the broker hears of it as finished");
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == 0 &&
           wf_slice_is(m.u.result.data, "pong") && m.u.result.run_us == 50 * MS,
       "and gets the result");
    ok(said(&b, WF_MSG_result, 1, &m) && m.u.result.code == (uint64_t) -WEFT_EFAILED &&
           m.u.result.exit_code == 7 && wf_slice_is(m.u.result.reason, "exit 7") &&
           m.u.result.cpu_us == 11 && m.u.result.rss == 12 && m.u.result.cut == 13,
       "also of one that failed, in full");
    assign(&b, 1, 1, 4);
    ok(b.nstarted == 0 && said(&b, WF_MSG_result, 0, &m), "it is not run again");
    reboot(&b, &d);
    connect(&b);
    ok(said(&b, WF_MSG_result, 1, &m), "until the broker has it, in each life");
    acks(&b, &d, 1);
    acks(&b, &d, 2);
    is_int(d.n, 0, "then nothing is left");
    assign(&b, 4, 1, 4);
    ended(&b, &d, 0, NULL, 0);
    cut(&b, &d);
    reboot(&b, &d);
    connect(&b);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.code == 0 && m.u.result.data.len == 0,
       "an empty result is one too");
    close_bed(&b);
    wipe(&d);
}

static void fills_a_window(void)
{
    struct disk d = {.n = 0};
    unsigned sent = 0, acked = 0;
    struct wf_msg m;
    struct bed b;

    init_bed(&b, 1, 0);
    b.cfg.spool_bytes = 1u << 20;
    for (unsigned i = 0; i < 600; i++) {
        const struct wf_spool_rec rec = {.job = {{(uint8_t) (i >> 8), (uint8_t) i}},
                                         .attempt = 1};

        d.row[i].lsn = i + 1;
        wf_buf_init(&d.row[i].bytes, 1000);
        must(wf_buf_put(&d.row[i].bytes, rec.job.b, sizeof rec.job.b) == 0 &&
             wf_buf_put(&d.row[i].bytes, "\0\0\0\1", 4) == 0 &&
             wf_msg_encode(&d.row[i].bytes, WF_MSG_spool_rec, &rec) == 0);
        d.n++;
    }
    reboot(&b, &d);
    connect(&b);
    while (said(&b, WF_MSG_result, sent, &m)) {
        sent++;
    }
    is_int(sent, 256, "a long queue begins with what fits");
    while (acked < sent) {
        const struct wf_result_ack ack = {{{(uint8_t) (acked >> 8), (uint8_t) acked}}, 1};

        hears(&b, WF_MSG_result_ack, &ack);
        acked++;
        for (unsigned i = 0; said(&b, WF_MSG_result, i, &m); i++) {
            must(m.u.result.job.b[1] == (uint8_t) sent);
            sent++;
        }
    }
    ok(sent == 600 && node_counts(b.n).finished == 0,
       "each acknowledgement lets the next go, in order");
    close_bed(&b);
    wipe(&d);
}

static void wants_records_whole(void)
{
    const struct wf_spool_rec rec = {.job = id_of(1), .attempt = 1};
    struct wf_buf value = WF_BUF_INIT(1000);
    uint8_t key[NODE_SPOOL_KEY];
    struct node_event ev = {.kind = NODE_RECORD, .lsn = 5};
    struct bed b;

    init_bed(&b, 1, 0);
    must(node_new(&b.cfg, &b.n) == 0);
    must(wf_msg_encode(&value, WF_MSG_spool_rec, &rec) == 0);
    memset(key, 1, 16);
    memcpy(key + 16, "\0\0\0\2", 4);
    ev.key = wf_slice_make(key, sizeof key);
    ev.value = wf_slice_make(value.p, value.len);
    step(&b, &ev);
    ok(node_counts(b.n).finished == 0 && node_counts(b.n).spool.errors == 1,
       "a record under a wrong key is nobody's");
    ok(b.fx.n == 1 && b.fx.v[0].kind == WF_EFFECT_TRACE, "it is told of, and left");
    key[19] = 1;
    ev.value.len--;
    step(&b, &ev);
    is_int(node_counts(b.n).spool.errors, 2, "one that is cut short");
    ev.value = wf_slice_of("nonsense");
    step(&b, &ev);
    is_int(node_counts(b.n).spool.errors, 3, "one that is not ours");
    ev.value = wf_slice_make(value.p, value.len);
    step(&b, &ev);
    is_int(node_counts(b.n).finished, 1, "a good one is taken");
    step(&b, &ev);
    ok(node_counts(b.n).finished == 1 && node_counts(b.n).spool.errors == 4, "once");
    close_bed(&b);
    wf_buf_fini(&value);
}

/* -- time ------------------------------------------------------------------------------
 */

static void grows_old(void)
{
    struct disk d = {.n = 0};
    struct wf_msg m;
    struct bed b;

    open_spooling(&b, 2, 0);
    assign(&b, 1, 1, 4);
    assign(&b, 2, 1, 4);
    cut(&b, &d);
    ended(&b, &d, 0, "one", 0);
    wait_ms(&b, &d, 40000);
    ended(&b, &d, 1, "two", 0);
    wait_ms(&b, &d, 21000);
    ok(d.n == 1 && node_counts(b.n).spool.dropped == 1 && node_counts(b.n).finished == 1,
       "what nobody fetched in time goes, and is counted");
    reboot(&b, &d);
    wait_ms(&b, &d, 59000);
    is_int(d.n, 1, "a machine that was off has not aged");
    wait_ms(&b, &d, 2000);
    is_int(d.n, 0, "one that ran has");
    close_bed(&b);
    wipe(&d);

    open_spooling(&b, 1, 0);
    assign(&b, 1, 1, 4);
    wait_ms(&b, &d, 3000);
    ended(&b, &d, 0, "one", 0);
    for (int i = 0; i < 100; i++) {
        b.now_us += SECOND;
        hears(&b, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
        happens(&b, NODE_TICK);
    }
    ok(node_link(b.n)->state == WF_LINK_READY && node_counts(b.n).finished == 1,
       "nothing is dropped while the broker is there");
    cut(&b, &d);
    is_int(d.puts, 1, "nor before it was written");
    wait_ms(&b, &d, 61000);
    ok(d.n == 0 && node_counts(b.n).spool.dropped == 1, "but then");
    back(&b, &d);
    ok(said(&b, WF_MSG_resync, 0, &m) && m.u.resync.runs.count == 0, "for good");
    close_bed(&b);
    wipe(&d);
}

static void carries_its_age(void)
{
    struct disk d = {.n = 0};
    struct node_event ev = {.kind = NODE_STORE_ERROR};
    struct bed b;

    open_spooling(&b, 1, 0);
    assign(&b, 1, 1, 4);
    cut(&b, &d);
    ended(&b, &d, 0, "one", 0);
    ev.lsn = 1;
    step(&b, &ev);
    disk_remove(&d, d.row[0].bytes.p);
    wait_ms(&b, &d, 40000);
    must(d.puts == 1);
    reboot(&b, &d);
    wait_ms(&b, &d, 19000);
    is_int(d.n, 1, "a record says how old it was when it was written");
    wait_ms(&b, &d, 2000);
    is_int(d.n, 0, "which counts");
    close_bed(&b);
    wipe(&d);
}

static void stops_what_was_not_to_go_on(void)
{
    struct disk d = {.n = 0};
    struct wf_msg m;
    struct bed b;

    open_spooling(&b, 2, 1);
    assign_until(&b, 1, 3000);
    assign_until(&b, 2, 0);
    assign_until(&b, 3, 5000);
    b.now_us += SECOND;
    cut(&b, &d);
    wait_ms(&b, &d, 1900);
    ok(!did(&b, WF_EFFECT_KILL, b.started[0]), "a run goes on at first");
    wait_ms(&b, &d, 101);
    ok(did(&b, WF_EFFECT_KILL, b.started[0]),
       "it is stopped so long after the broker was last heard");
    wait_ms(&b, &d, 2001);
    ok(d.puts == 1 && d.row[0].bytes.p[0] == 3, "as is one that only waits");
    wait_ms(&b, &d, 60000);
    ok(!did(&b, WF_EFFECT_KILL, b.started[1]), "one without such a limit goes on");
    ended(&b, &d, 0, NULL, 0);
    ended(&b, &d, 1, "two", 0);
    back(&b, &d);
    ok(said(&b, WF_MSG_result, 0, &m) && m.u.result.job.b[0] == 1 &&
           m.u.result.code == (uint64_t) -WEFT_ELOST && m.u.result.reason.len != 0,
       "both are reported as lost");
    ok(said(&b, WF_MSG_result, 1, &m) && m.u.result.job.b[0] == 2 && m.u.result.code == 0,
       "beside what went on");
    close_bed(&b);
    wipe(&d);

    open_spooling(&b, 1, 1);
    assign_until(&b, 1, 3000);
    assign_until(&b, 2, 3000);
    cut(&b, &d);
    ended(&b, &d, 0, "one", 0);
    is_int(b.nstarted, 2, "what waits may start while cut off");
    wait_ms(&b, &d, 1000);
    back(&b, &d);
    wait_ms(&b, &d, 1000);
    hears(&b, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
    wait_ms(&b, &d, 3500);
    ok(!did(&b, WF_EFFECT_KILL, b.started[1]) && node_counts(b.n).running == 1,
       "and goes on when the link is back in time");
    close_bed(&b);
    wipe(&d);
}

static void takes_no_more_than_it_can_hold(void)
{
    struct disk d = {.n = 0};
    struct wf_msg m;
    struct bed b;

    init_bed(&b, 4, 0);
    b.cfg.max_held = 1000;
    start_bed(&b);
    assign(&b, 1, 1, 4);
    ended(&b, &d, 0, "one", 0);
    assign(&b, 2, 1, 4);
    ended(&b, &d, 1, "two", 0);
    assign(&b, 3, 1, 4);
    ok(said(&b, WF_MSG_refuse, 0, &m) && m.u.refuse.code == (uint64_t) -WEFT_EBUSY,
       "results that nobody acknowledges keep new work away");
    acks(&b, &d, 1);
    acks(&b, &d, 2);
    assign(&b, 3, 1, 4);
    is_int(b.nstarted, 3, "until they are");
    close_bed(&b);
}

static void survives_oom(void)
{
    unsigned long made = 1;
    int wrong = 0;

    for (long n = 0; made >= (unsigned long) n && n < 100; n++) {
        struct disk d = {.n = 0};
        struct wf_msg m;
        struct bed b;

        open_spooling(&b, 1, 0);
        assign(&b, 1, 1, 4);
        prints(&b, b.started[0], 1, "one");
        wf_effects_fini(&b.fx);
        wf_mem_fail_after(n);
        happens(&b, NODE_LINK_DOWN);
        if (b.fx.err != 0) {
            struct node_event ev = {.kind = NODE_STORE_ERROR};

            step(&b, &ev);
        }
        ends(&b, b.started[0], 0);
        made = wf_mem_fail_after(-1);
        if (b.fx.err != 0) {
            struct node_event ev = {.kind = NODE_STORE_ERROR};

            step(&b, &ev);
        }
        write_out(&b, &d);
        wait_ms(&b, &d, 31000);
        wrong += node_counts(b.n).finished != 1 || node_counts(b.n).spool.results != 1;
        reboot(&b, &d);
        connect(&b);
        if (d.n == 1) {
            wrong +=
                !said(&b, WF_MSG_result, 0, &m) || !wf_slice_is(m.u.result.data, "one");
        }
        close_bed(&b);
        wipe(&d);
    }
    is_int(wrong, 0, "without memory it is written later, as it was");
}

int main(void)
{
    writes_only_while_cut_off();
    every_end_of_a_session_counts();
    writes_in_batches();
    tries_again();
    keeps_its_size();
    survives_a_reboot();
    fills_a_window();
    wants_records_whole();
    grows_old();
    carries_its_age();
    stops_what_was_not_to_go_on();
    takes_no_more_than_it_can_hold();
    survives_oom();
    return done();
}
