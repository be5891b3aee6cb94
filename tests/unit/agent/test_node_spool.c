/* Results that the broker cannot be told: what is written, when, and what comes back. */
#include "tests/unit/agent/disk.h"

#include "common/mem.h"

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
    survives_oom();
    return done();
}
