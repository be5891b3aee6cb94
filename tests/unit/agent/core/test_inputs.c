/* The data of runs: fetched while they wait, shared, given up for a reason. */
#include "tests/unit/agent/core/world.h"

#include "common/mem.h"

static const struct run *run_started(const struct world *w)
{
    for (size_t i = 0; i < w->b.fx.n; i++) {
        if (w->b.fx.v[i].kind == WF_EFFECT_START) {
            return w->b.fx.v[i].obj;
        }
    }
    return NULL;
}

static void fetches_while_others_run(void)
{
    struct wf_msg m;
    struct world w;

    open_world(&w, 1, 4);
    assign_with(&w, 1, 7, "");
    ok(w.b.nstarted == 0 && node_counts(w.b.n).waiting == 1, "what has no data waits");
    ok(heard(&w, WF_MSG_fetching, 0, &m) && m.u.fetching.bytes == 0 &&
           m.u.fetching.total == w.blobs[7].size,
       "and says so");
    assign(&w.b, 2, 1, 1);
    gather(&w);
    ok(w.b.nstarted == 1, "a less urgent one that needs none passes it");
    forget(&w);
    settle(&w);
    ok(node_data_counts(w.b.n).fetching == 0 && w.b.nstarted == 1,
       "its data comes while it waits for the slot");
    ok(w.blobs[7].held, "and is held");
    w.b.now_us += 500 * MS;
    ends(&w.b, w.b.started[0], 0);
    is_int(w.b.nstarted, 2, "it has its turn");
    ok(run_started(&w) != NULL && run_started(&w)->inputs->n == 1 &&
           run_started(&w)->inputs->v[0].files->n == 1 &&
           !run_started(&w)->inputs->v[0].files->folder &&
           strcmp(run_started(&w)->inputs->v[0].name, "in0") == 0 &&
           strcmp(run_file_path(run_started(&w)->inputs->v[0].files, 0), "") == 0 &&
           wf_digest_eq(&run_started(&w)->inputs->v[0].files->v[0].digest,
                        &w.blobs[7].digest),
       "with the file that it named");
    ok(w.blobs[7].held, "which stays held while it runs");
    gather(&w);
    forget(&w);
    ends(&w.b, w.b.started[1], 0);
    gather(&w);
    settle(&w);
    ok(heard(&w, WF_MSG_result, 0, &m) && m.u.result.fetched >= w.blobs[7].size &&
           m.u.result.fetched < w.blobs[7].size + 1000,
       "the result tells what was moved for it");
    ok(!w.blobs[7].held, "then it may go");
    close_world(&w);
}

static void needs(struct world *w, uint8_t id, unsigned n, unsigned priority,
                  uint64_t deadline_ms)
{
    struct wf_assign m = {.job = id_of(id),
                          .attempt = 1,
                          .seq = id,
                          .capability = wf_slice_of("echo"),
                          .version = 1,
                          .priority = priority,
                          .deadline_ms = deadline_ms,
                          .payload_blob = w->blobs[n].digest,
                          .payload_size = w->blobs[n].size};

    say(w, WF_MSG_assign, &m);
}

/* The slot is busy, and the broker says where all of it is only after the last came. */
static void fetches_in_order(void)
{
    static const unsigned want[] = {3, 4, 1, 2, 0, 5};
    struct world w;

    open_world(&w, 1, 8);
    assign(&w.b, 99, 1, 9);
    gather(&w);
    w.deaf = 1;
    needs(&w, 1, 0, 4, 0);
    needs(&w, 2, 1, 4, 5000);
    needs(&w, 3, 2, 4, 9000);
    needs(&w, 4, 3, 5, 9000);
    needs(&w, 5, 4, 5, 0);
    needs(&w, 6, 5, 0, 1);
    settle(&w);
    w.deaf = 0;
    pass(&w, 60000);
    ok(w.nbegun == 6 && memcmp(w.begun, want, sizeof want) == 0,
       "by priority, then by deadline: %u %u %u %u %u %u", w.begun[0], w.begun[1],
       w.begun[2], w.begun[3], w.begun[4], w.begun[5]);
    is_int(w.b.nstarted, 1, "all while the slot was busy");
    close_world(&w);
}

/* What is still fetched for has not started: it can be had back. */
static void gives_back_what_fetches(void)
{
    const struct wf_stop recall = {
        .job = id_of(1), .attempt = 1, .code = (uint64_t) -WEFT_ECANCELLED, .waiting = 1};
    struct world w;

    open_world(&w, 1, 1);
    w.mute = 1;
    assign_with(&w, 1, 7, "");
    settle(&w);
    is_int(node_data_counts(w.b.n).pull.active, 1, "its data is on the way");
    say(&w, WF_MSG_stop, &recall);
    ok(refused_with(&w, WEFT_ERECALLED) && node_counts(w.b.n).waiting == 0,
       "it is given back");
    settle(&w);
    ok(node_data_counts(w.b.n).pull.active == 0 && node_data_counts(w.b.n).lists == 0,
       "and its data left alone");
    close_world(&w);
}

/* What two need is fetched for the more urgent of them. */
static void hurries_what_is_shared(void)
{
    static const unsigned want[] = {0, 2, 1};
    struct world w;

    open_world(&w, 1, 8);
    assign(&w.b, 99, 1, 9);
    gather(&w);
    w.deaf = 1;
    needs(&w, 1, 0, 4, 0);
    needs(&w, 2, 1, 4, 8000);
    needs(&w, 3, 2, 4, 7000);
    needs(&w, 4, 0, 4, 6000);
    settle(&w);
    w.deaf = 0;
    pass(&w, 60000);
    ok(w.nbegun == 3 && memcmp(w.begun, want, sizeof want) == 0, "first: %u %u %u",
       w.begun[0], w.begun[1], w.begun[2]);
    close_world(&w);
}

static void counts_the_wait(void)
{
    struct wf_msg m;
    struct world w;

    open_world(&w, 1, 4);
    w.deaf = 1;
    assign_with(&w, 1, 7, "");
    settle(&w);
    pass(&w, 3000);
    ok(times(&w, WF_MSG_fetching) == 1, "what has not changed is told once");
    w.deaf = 0;
    pass(&w, 60000);
    must(w.b.nstarted == 1);
    forget(&w);
    ends(&w.b, w.b.started[0], 0);
    gather(&w);
    ok(heard(&w, WF_MSG_result, 0, &m) && m.u.result.fetch_us >= 3 * SECOND &&
           m.u.result.fetch_us <= m.u.result.wait_us,
       "a slot that was free for it counts as waiting for data");
    close_world(&w);

    open_world(&w, 1, 4);
    assign_with(&w, 1, 7, "");
    w.mute = 1;
    settle(&w);
    for (unsigned i = 0; i < 20; i++) {
        pass(&w, 100);
    }
    ok(times(&w, WF_MSG_fetching) <= 3, "at most once a second");
    close_world(&w);
}

static void fetches_once(void)
{
    struct wf_msg m;
    struct world w;

    open_world(&w, 4, 0);
    assign_with(&w, 1, 6, "");
    assign_with(&w, 2, 6, "");
    is_int(node_data_counts(w.b.n).lists, 1, "two that need the same share it");
    settle(&w);
    ok(w.b.nstarted == 2 && w.blobs[6].begins == 1, "and it is fetched once");
    assign_with(&w, 3, 6, "");
    is_int(w.b.nstarted, 3, "a third finds it there");
    gather(&w);
    settle(&w);
    ends(&w.b, w.b.started[0], 0);
    gather(&w);
    ends(&w.b, w.b.started[1], 0);
    gather(&w);
    settle(&w);
    ok(w.blobs[6].held, "it is held for the last of them");
    forget(&w);
    ends(&w.b, w.b.started[2], 0);
    gather(&w);
    settle(&w);
    ok(heard(&w, WF_MSG_result, 0, &m) && m.u.result.fetched == 0,
       "for which nothing was moved");
    ok(!w.blobs[6].held && node_data_counts(w.b.n).lists == 0, "and no longer");
    close_world(&w);
}

static void takes_payloads(void)
{
    struct wf_assign m = {
        .job = id_of(1), .attempt = 1, .capability = wf_slice_of("echo"), .version = 1};
    struct world w;

    open_world(&w, 1, 0);
    m.payload_blob = w.blobs[2].digest;
    m.payload_size = w.blobs[2].size;
    say(&w, WF_MSG_assign, &m);
    is_int(w.b.nstarted, 0, "a payload that is not inline is data, too");
    settle(&w);
    is_int(w.b.nstarted, 1, "it comes");
    close_world(&w);

    open_world(&w, 1, 0);
    put(&w, 2);
    say(&w, WF_MSG_assign, &m);
    ok(run_started(&w) != NULL && run_started(&w)->inputs->has_payload &&
           run_started(&w)->inputs->n == 0 &&
           run_started(&w)->inputs->payload_size == m.payload_size,
       "what is here already starts at once");
    settle(&w);
    ok(w.blobs[2].begins == 0 && w.locates == 0, "without asking anybody");
    close_world(&w);
}

/* A node without a store. */
static void keeps_nothing(const struct wf_assign *m)
{
    struct wf_msg said_m;
    struct bed b;

    open_bed(&b, 1, 0);
    hears(&b, WF_MSG_assign, m);
    ok(said(&b, WF_MSG_refuse, 0, &said_m) &&
           said_m.u.refuse.code == (uint64_t) -WEFT_ESUPPORT,
       "a node without a store takes nothing that needs data");
    hears(&b, WF_MSG_fetch, &(struct wf_fetch){.req = 3});
    ok(said(&b, WF_MSG_fetched, 0, &said_m) && said_m.u.fetched.req == 3 &&
           said_m.u.fetched.over && said_m.u.fetched.code == (uint64_t) -WEFT_ESUPPORT,
       "nor an order");
    hears(&b, WF_MSG_keep, &(struct wf_keep){.action = WF_KEEP_PIN});
    hears(&b, WF_MSG_grant, &(struct wf_grant){.ticket = 3});
    is_int(b.fx.n, 0, "and has nothing to keep or give");
    b.now_us += 2 * SECOND;
    hears(&b, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
    happens(&b, NODE_TICK);
    ok(!said(&b, WF_MSG_holdings, 0, &said_m), "or to tell of");
    close_bed(&b);
}

static void refuses(void)
{
    struct wf_buf rows = WF_BUF_INIT(WF_FRAME_MAX);
    struct wf_need_row row = {.name = wf_slice_of("../x")};
    struct wf_assign m;
    struct world w;

    open_world(&w, 1, 4);
    m = work_for(&w, 1, &rows, 1, "");
    m.residency = wf_slice_of("us+ch");
    say(&w, WF_MSG_assign, &m);
    ok(refused_with(&w, WEFT_EPERM) && node_data_counts(w.b.n).blobs == 0,
       "data that may not be here is not even asked for");
    m.residency = wf_slice_of("ch+eu");
    forget(&w);
    say(&w, WF_MSG_assign, &m);
    ok(times(&w, WF_MSG_refuse) == 0, "what may be is taken");

    wf_buf_clear(&rows);
    m = work_for(&w, 2, &rows, 1, "");
    row.digest = w.blobs[3].digest;
    must(wf_rows_add(&rows, &m.inputs, wf_desc_need_row(), &row) == 0);
    forget(&w);
    say(&w, WF_MSG_assign, &m);
    ok(refused_with(&w, WEFT_EPROTO), "a name that is none");
    wf_buf_clear(&rows);
    m = work_for(&w, 2, &rows, 1, "");
    row.name = wf_slice_of("in0");
    must(wf_rows_add(&rows, &m.inputs, wf_desc_need_row(), &row) == 0);
    forget(&w);
    say(&w, WF_MSG_assign, &m);
    ok(refused_with(&w, WEFT_EPROTO), "two inputs of one name");
    forget(&w);
    assign_with(&w, 2, -1, "maps");
    ok(refused_with(&w, WEFT_EPROTO), "a folder of no version");
    wf_buf_clear(&rows);
    m = work_for(&w, 2, &rows, 1, "");
    wf_buf_clear(&rows);
    m.inputs = (struct wf_rows){NULL, 0, 0};
    row.digest = w.blobs[1].digest;
    row.size = w.blobs[1].size + 1;
    must(wf_rows_add(&rows, &m.inputs, wf_desc_need_row(), &row) == 0);
    forget(&w);
    say(&w, WF_MSG_assign, &m);
    ok(refused_with(&w, WEFT_ECONFLICT), "a blob of another size than it has");
    w.files = 100001;
    forget(&w);
    assign_with(&w, 2, -1, "maps@2");
    ok(refused_with(&w, WEFT_ETOOBIG) && w.queries == 0, "more files than one may have");
    ok(node_counts(w.b.n).waiting == 1, "none of these left anything");
    settle(&w);
    close_world(&w);

    m.inputs.count = 1;
    keeps_nothing(&m);
    wf_buf_fini(&rows);
}

static void gives_up(void)
{
    struct wf_msg m;
    struct world w;

    open_world(&w, 1, 4);
    w.full = 1;
    assign_with(&w, 1, 6, "");
    assign_with(&w, 2, 6, "");
    settle(&w);
    pass(&w, 60000);
    ok(refused_with(&w, WEFT_EFULL) && times(&w, WF_MSG_refuse) == 2 &&
           node_counts(w.b.n).waiting == 0,
       "what has no room here is given back, with what to do about it");
    ok(heard(&w, WF_MSG_refuse, 0, &m) && m.u.refuse.text.len > 20, "in words");
    ok(node_data_counts(w.b.n).blobs == 0 && node_data_counts(w.b.n).refused == 2,
       "nothing is left of it");
    w.full = 0;
    forget(&w);
    assign_with(&w, 3, 6, "");
    settle(&w);
    pass(&w, 60000);
    is_int(w.b.nstarted, 1, "with room it goes well");
    close_world(&w);
}

static void stops_while_fetching(void)
{
    const struct wf_stop stop = {.job = id_of(1), .attempt = 1, .code = 27};
    struct wf_msg m;
    struct world w;

    open_world(&w, 1, 4);
    w.mute = 1;
    assign_with(&w, 1, 6, "");
    assign_with(&w, 2, 6, "");
    settle(&w);
    must(node_data_counts(w.b.n).pull.blobs == 1);
    say(&w, WF_MSG_stop, &stop);
    settle(&w);
    ok(node_data_counts(w.b.n).pull.blobs == 1 && w.blobs[6].held,
       "what another one needs goes on");
    w.locates = 0;
    cut_world(&w);
    w.mute = 0;
    back_world(&w);
    pass(&w, 60000);
    is_int(w.b.nstarted, 1, "and comes for that one");
    close_world(&w);

    open_world(&w, 1, 4);
    w.mute = 1;
    assign_with(&w, 1, 6, "");
    settle(&w);
    forget(&w);
    say(&w, WF_MSG_stop, &stop);
    settle(&w);
    ok(node_data_counts(w.b.n).pull.blobs == 0 && !w.blobs[6].held,
       "what nobody needs any more is not fetched");
    ok(heard(&w, WF_MSG_result, 0, &m) && m.u.result.code == (uint64_t) -WEFT_ECANCELLED,
       "the attempt is over");
    close_world(&w);
}

static void fetches_again(void)
{
    struct world w;

    open_world(&w, 1, 4);
    assign(&w.b, 9, 1, 4);
    gather(&w);
    assign_with(&w, 1, 6, "");
    settle(&w);
    must(node_data_counts(w.b.n).fetching == 0 && w.blobs[6].begins == 1);
    lose(&w, 6);
    is_int(node_data_counts(w.b.n).fetching, 1, "what was lost before the start");
    settle(&w);
    pass(&w, 60000);
    ok(node_data_counts(w.b.n).fetching == 0 && w.blobs[6].begins >= 2 && w.blobs[6].held,
       "is fetched again, and held again");
    for (unsigned i = 0; i < 3; i++) {
        lose(&w, 6);
        settle(&w);
        pass(&w, 60000);
    }
    ok(refused_with(&w, WEFT_EIO), "but not for ever");
    close_world(&w);

    open_world(&w, 1, 4);
    put(&w, 6);
    assign_with(&w, 1, 6, "");
    must(w.b.nstarted == 1);
    settle(&w);
    lose(&w, 6);
    settle(&w);
    ok(node_data_counts(w.b.n).pull.blobs == 0, "what runs is not helped by that");
    assign_with(&w, 2, 6, "");
    settle(&w);
    pass(&w, 60000);
    ok(w.blobs[6].begins == 1 && node_data_counts(w.b.n).fetching == 0,
       "the next one is");
    close_world(&w);
}

static void reports_who_gave_wrong_bytes(void)
{
    struct wf_fetched m;
    struct world w;

    open_world(&w, 1, 4);
    w.wrong = 1;
    assign_with(&w, 1, 7, "");
    settle(&w);
    ok(order_over(&w, 0, &m) && m.code == (uint64_t) -WEFT_EPROTO &&
           wf_slice_is(m.from, "far") && m.text.len != 0,
       "the broker hears who gave wrong bytes");
    is_int(w.b.nstarted, 0, "the run waits for another holder");
    close_world(&w);
}

int main(void)
{
    fetches_while_others_run();
    fetches_in_order();
    gives_back_what_fetches();
    hurries_what_is_shared();
    counts_the_wait();
    fetches_once();
    takes_payloads();
    refuses();
    gives_up();
    stops_while_fetching();
    fetches_again();
    reports_who_gave_wrong_bytes();
    return done();
}
