#include "client/fill.h"

#include "common/err.h"
#include "common/mem.h"
#include "proto/words.h"
#include "tests/lib/tap.h"

#include <string.h>

/* A message through its bytes, as the asker of a query sees it. */
static size_t carry(struct wf_buf *bytes, enum wf_type type, const void *body,
                    struct wf_msg *ret_msg)
{
    struct wf_cursor cur;

    must(wf_msg_encode(bytes, type, body) == 0);
    wf_cur_init(&cur, bytes->p, bytes->len);
    must(wf_msg_decode(&cur, ret_msg) == 0);
    return bytes->len;
}

static void test_node(void)
{
    const struct wf_node_row node = {.name = wf_slice_of("n1"),
                                     .key = {{0xab}},
                                     .role = 1,
                                     .tier = 1,
                                     .state = 1,
                                     .cpus = 4,
                                     .arch = wf_slice_of("x86_64")};
    const struct wf_cap_row cap = {
        .name = wf_slice_of("echo"), .version = 2, .kind = 1, .slots = 3, .net = 1};
    const struct wf_label_row label = {wf_slice_of("rack=7")};
    struct wf_buf b[3] = {WF_BUF_INIT(4096), WF_BUF_INIT(4096), WF_BUF_INIT(4096)};
    struct wf_buf bytes = WF_BUF_INIT(8192);
    struct wf_node_info m = {.cpu = wf_slice_of("a cpu")};
    struct wf_msg msg;
    struct weft_node_full *n;
    void *made = NULL;
    size_t wire;

    must(wf_rows_add(&b[0], &m.node, wf_desc_node_row(), &node) == 0);
    must(wf_rows_add(&b[1], &m.caps, wf_desc_cap_row(), &cap) == 0);
    must(wf_rows_add(&b[2], &m.labels, wf_desc_label_row(), &label) == 0);
    wire = carry(&bytes, WF_MSG_node_info, &m, &msg);
    must(make_node(&msg, wire, &made) == 0);
    n = made;
    is_str(n->node.name, "n1", "name");
    is_str(n->node.role, "agent", "role by name");
    is_str(n->node.tier, "edge", "tier by name");
    ok(strncmp(n->node.key, "ab0000", 6) == 0, "key as hex");
    is_int(n->ncaps, 1, "capabilities");
    is_str(n->caps[0].name, "echo", "with name");
    is_str(n->caps[0].kind, "exec", "and kind");
    is_int(n->nlabels, 1, "labels");
    is_str(n->labels[0], "rack=7", "with text");
    is_str(n->cpu, "a cpu", "cpu");
    is_int(n->naccels, 0, "no accelerators");
    weft_free(n);
    wf_mem_fail_after(0);
    is_int(make_node(&msg, wire, &made), WEFT_ENOMEM, "no memory");
    wf_mem_fail_after(-1);
    for (size_t i = 0; i < ARRAY_LEN(b); i++) {
        wf_buf_fini(&b[i]);
    }
    wf_buf_fini(&bytes);
}

static void test_job(void)
{
    const struct wf_job_row row = {.job = {{7}},
                                   .capability = wf_slice_of("echo"),
                                   .state = WEFT_JOB_DEAD,
                                   .class_ = 2,
                                   .code = 29,
                                   .reason = wf_slice_of("crashed 3 times")};
    struct wf_buf rows = WF_BUF_INIT(4096), bytes = WF_BUF_INIT(8192);
    struct wf_job_info m = {.disconnect = 2,
                            .disconnect_ms = 30000,
                            .retry_of = {{8}},
                            .reused = {{9}},
                            .crashes = 3,
                            .lost = 1,
                            .stored = 1,
                            .goal = 4,
                            .rho_pusd = 30,
                            .max_cost_pusd = 40,
                            .cost_pusd = 50,
                            .hedged = 1,
                            .preempted = 2,
                            .there = {{10}},
                            .of = {{11}},
                            .silent_ms = 6000,
                            .cut_off = 1};
    struct wf_msg msg;
    struct weft_job_full *j;
    void *made = NULL;
    size_t wire;

    must(wf_rows_add(&rows, &m.job, wf_desc_job_row(), &row) == 0);
    wire = carry(&bytes, WF_MSG_job_info, &m, &msg);
    must(make_job(&msg, wire, &made) == 0);
    j = made;
    is_str(j->job.reason, "crashed 3 times", "why it is dead");
    is_int(j->job.job_class, WEFT_CLASS_DURABLE, "class");
    is_int(j->stored, 1, "on stable storage");
    is_int(j->disconnect, WEFT_DISCONNECT_STOP, "disconnect policy");
    is_str(weft_disconnect_name(j->disconnect), "stop-after", "by name");
    is_int(j->disconnect_ms, 30000, "and its time");
    is_int(j->retry_of.bytes[0], 8, "what it repeats");
    is_int(j->reused.bytes[0], 9, "what it reuses");
    is_int(j->crashes, 3, "crashes");
    is_int(j->lost, 1, "lost attempts");
    is_str(weft_goal_name(j->goal), "cost", "what it is placed for");
    ok(j->second_pusd == 30 && j->max_cost_pusd == 40 && j->cost_pusd == 50,
       "what a second is worth, what it may cost and what it did");
    ok(j->hedged == 1 && j->preempted == 2, "second copies and preemptions");
    ok(j->there.bytes[0] == 10 && j->of.bytes[0] == 11, "its names at other brokers");
    ok(j->silent_ms == 6000 && j->cut_off == 1, "its node is cut off");
    weft_free(j);
    wf_buf_fini(&rows);
    wf_buf_fini(&bytes);
}

static void test_status(void)
{
    const struct wf_status_info m = {
        .store = wf_slice_of("sqlite"), .store_failing = 1, .store_lsn = 77, .live = 5};
    struct wf_buf bytes = WF_BUF_INIT(8192);
    struct wf_msg msg;
    struct weft_status *s;
    void *made = NULL;
    size_t wire = carry(&bytes, WF_MSG_status_info, &m, &msg);

    must(make_status(&msg, wire, &made) == 0);
    s = made;
    is_str(s->store, "sqlite", "kind of store");
    is_int(s->store_failing, 1, "whether it fails");
    is_int(s->store_lsn, 77, "its last record");
    is_int(s->live, 5, "live jobs");
    weft_free(s);
    wf_buf_fini(&bytes);
}

static void test_why(void)
{
    const struct wf_scored_row rows[] = {
        {.node = wf_slice_of("n1"),
         .money_us = 120,
         .score_us = 620,
         .cost_pusd = 12000000,
         .fetch_bytes = 5000,
         .site = wf_slice_of("lyon"),
         .tier = WF_TIER_EDGE,
         .free = 3},
        {.node = wf_slice_of("n2"), .filter = 6, .refused = wf_slice_of("offline")}};
    struct wf_buf b = WF_BUF_INIT(4096), bytes = WF_BUF_INIT(8192);
    struct wf_why_info m = {.plan = 1,
                            .goal = 2,
                            .rho_pusd = 100000000,
                            .broker = wf_slice_of("br-fra"),
                            .decided_ns = 1700,
                            .took_us = 700000,
                            .took_fetched = 4000,
                            .took_cost_pusd = 13000000,
                            .data_bytes = 9000,
                            .deadline_left_ms = 5};
    struct wf_msg msg;
    struct weft_why *w;
    void *made = NULL;
    size_t wire;

    must(wf_rows_add(&b, &m.rows, wf_desc_scored_row(), &rows[0]) == 0);
    must(wf_rows_add(&b, &m.rows, wf_desc_scored_row(), &rows[1]) == 0);
    wire = carry(&bytes, WF_MSG_why_info, &m, &msg);
    must(make_why(&msg, wire, &made) == 0);
    w = made;
    ok(w->plan && w->goal == WEFT_GOAL_BALANCED && w->second_pusd == WEFT_USD / 10000,
       "a plan, and what a second is worth in it");
    ok(strcmp(w->broker, "br-fra") == 0 && w->decided_ns == 1700, "who decided it");
    ok(w->took_us == 700000 && w->took_fetched == 4000 && w->took_cost_pusd == 13000000,
       "what it took");
    ok(w->data_bytes == 9000 && w->deadline_left_ms == 5, "what it needs");
    ok(w->rows[0].cost_pusd == 12000000 && w->rows[0].fetch_bytes == 5000 &&
           w->rows[0].free_slots == 3 && w->rows[0].filter == 0,
       "what a candidate would cost");
    is_str(w->rows[0].site, "lyon", "where it stands");
    is_str(w->rows[0].tier, "edge", "in which tier");
    ok(w->rows[1].filter == 6 && strcmp(w->rows[1].refused, "offline") == 0,
       "what refused another");
    weft_free(w);
    wf_buf_fini(&b);
    wf_buf_fini(&bytes);
}

static void test_price(void)
{
    const union fill_row from = {.price = {.kind = WF_PRICE_NODE,
                                           .from = wf_slice_of("c6"),
                                           .to = wf_slice_of("spot"),
                                           .pusd = 9,
                                           .events_day = 1000000}};
    struct weft_price to;
    struct rows r;

    must(rows_init(&r, 1, 0, 64) == 0);
    fill_price(&r, &from, &to);
    ok(to.kind == WEFT_PRICE_CLASS && strcmp(to.from, "c6") == 0 &&
           strcmp(to.to, "spot") == 0 && to.pusd == 9 && to.events_day == 1000000,
       "a line of the price book");
    weft_rows_free(r.base);
}

static void test_link(void)
{
    const union fill_row from = {.link = {.from = wf_slice_of("edge"),
                                          .to = wf_slice_of("hq"),
                                          .rtt_us = 1,
                                          .jitter_us = 2,
                                          .loss_pm = 3,
                                          .up = 4,
                                          .down = 5,
                                          .samples = 6,
                                          .age_ms = 7,
                                          .metered = 1,
                                          .usd_gb_p = 8,
                                          .source = WF_LINK_MEASURED,
                                          .state = WF_SITE_CUT,
                                          .state_ms = 9}};
    union fill_row mad = from;
    struct weft_link to;
    struct rows r;

    must(rows_init(&r, 3, 0, 64) == 0);
    fill_link(&r, &from, &to);
    ok(strcmp(to.from, "edge") == 0 && strcmp(to.to, "hq") == 0 && to.rtt_us == 1 &&
           to.jitter_us == 2 && to.loss_permille == 3 && to.up == 4 && to.down == 5 &&
           to.samples == 6 && to.age_ms == 7 && to.metered == 1 && to.pusd_byte == 8 &&
           strcmp(to.source, "measured") == 0 && strcmp(to.state, "cut") == 0 &&
           to.state_ms == 9,
       "a link");
    mad.link.source = 1000;
    fill_link(&r, &mad, &to);
    is_str(to.source, "", "a source that is not known here");
    mad.link.state = 1000;
    fill_link(&r, &mad, &to);
    is_str(to.state, "", "nor such a state");
    weft_rows_free(r.base);
}

static void test_broker(void)
{
    const union fill_row from = {.broker = {.name = wf_slice_of("b"),
                                            .site = wf_slice_of("lyon"),
                                            .key = {{0xab}},
                                            .state = WF_SITE_UP,
                                            .age_ms = 1,
                                            .via = wf_slice_of("c"),
                                            .hops = 2,
                                            .agents = 3,
                                            .slots = 4,
                                            .free = 5,
                                            .queued = 6,
                                            .live = 7}};
    struct weft_broker to;
    struct rows r;

    must(rows_init(&r, 1, 0, 64) == 0);
    fill_broker(&r, &from, &to);
    ok(strcmp(to.name, "b") == 0 && strcmp(to.site, "lyon") == 0 &&
           strncmp(to.key, "ab00", 4) == 0 && strcmp(to.state, "up") == 0 &&
           strcmp(to.via, "c") == 0 && to.age_ms == 1 && to.hops == 2 && to.agents == 3 &&
           to.slots == 4 && to.free == 5 && to.queued == 6 && to.live == 7,
       "a broker");
    weft_rows_free(r.base);
}

/* An answer with nothing in it, as a broker gone mad might send, is no crash. */
static void test_empty(void)
{
    static const struct {
        enum wf_type type;
        make_fn *make;
    } kinds[] = {{WF_MSG_node_info, make_node},
                 {WF_MSG_job_info, make_job},
                 {WF_MSG_why_info, make_why},
                 {WF_MSG_status_info, make_status}};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const uint8_t bytes[] = {0x91, (uint8_t) kinds[i].type};
        struct wf_cursor cur;
        struct wf_msg msg;
        void *made = NULL;

        wf_cur_init(&cur, bytes, sizeof bytes);
        must(wf_msg_decode(&cur, &msg) == 0);
        ok(kinds[i].make(&msg, sizeof bytes, &made) == 0 && made != NULL,
           "an object is made of an empty answer");
        weft_free(made);
    }
}

static void test_job_data(void)
{
    const struct wf_need_row need = {.name = wf_slice_of("in"),
                                     .ref = wf_slice_of("maps@3/lyon"),
                                     .size = 5000,
                                     .files = 2};
    struct wf_buf rows = WF_BUF_INIT(4096), bytes = WF_BUF_INIT(8192);
    struct wf_job_info m = {.fetch_done = 43,
                            .fetch_total = 100,
                            .fetch_left_ms = 12000,
                            .fetch_from = wf_slice_of("nvr-02"),
                            .fetch_stands = WF_STAND_DAY,
                            .fetch_resume_ms = 7000,
                            .result_blob = {{7}},
                            .fetched = 99};
    struct wf_msg msg;
    struct weft_job_full *j;
    void *made = NULL;
    size_t wire;

    must(wf_rows_add(&rows, &m.inputs, wf_desc_need_row(), &need) == 0);
    wire = carry(&bytes, WF_MSG_job_info, &m, &msg);
    must(make_job(&msg, wire, &made) == 0);
    j = made;
    is_int(j->ninputs, 1, "inputs");
    is_str(j->inputs[0].name, "in", "with name");
    is_str(j->inputs[0].ref, "maps@3/lyon", "and what they are");
    is_int(j->inputs[0].files, 2, "of so many files");
    ok(j->fetch_done == 43 && j->fetch_total == 100 && j->fetch_left_ms == 12000,
       "how far they are fetched");
    is_str(j->fetch_from, "nvr-02", "from whom");
    ok(j->fetch_stands == WEFT_STAND_DAY && j->fetch_resume_ms == 7000,
       "why it stands still, and until when");
    is_str(weft_stand_name(j->fetch_stands), "day", "by name");
    is_str(weft_stand_name(WEFT_STAND_OTHER), "other", "or another reason");
    is_int(j->result_blob.bytes[0], 7, "a result that is a blob");
    is_int(j->fetched, 99, "what was moved");
    weft_free(j);
    wf_buf_fini(&rows);
    wf_buf_fini(&bytes);
}

static void test_dataset(void)
{
    const union fill_row d = {.dataset = {.name = wf_slice_of("maps"),
                                          .version = 3,
                                          .owner = wf_slice_of("alice"),
                                          .labels = wf_slice_of("source=osm"),
                                          .files = 2,
                                          .bytes = 5000,
                                          .copies = 1}};
    const union fill_row f = {
        .file = {.path = wf_slice_of("a/b"), .digest = {{9}}, .size = 17}};
    const union fill_row s = {
        .share = {.node = wf_slice_of("n1"), .bytes = 17, .files = 1, .pinned = 1}};
    struct weft_dataset dataset = {0};
    struct weft_file file = {0};
    struct weft_share share = {0};
    struct rows r;

    must(rows_init(&r, 1, 0, 200) == 0);
    fill_dataset(&r, &d, &dataset);
    fill_file(&r, &f, &file);
    fill_share(&r, &s, &share);
    is_str(dataset.name, "maps", "a dataset's name");
    is_str(dataset.labels, "source=osm", "its labels");
    ok(dataset.version == 3 && dataset.files == 2 && dataset.copies == 1, "its numbers");
    is_str(file.path, "a/b", "a file's path");
    ok(file.digest.bytes[0] == 9 && file.size == 17, "its blob");
    is_str(share.node, "n1", "a node that has some of it");
    ok(share.bytes == 17 && share.pinned == 1, "how much");
    is_str(share.site, "", "what is not said is empty");
    weft_rows_free(r.base);
}

int main(void)
{
    test_node();
    test_job();
    test_job_data();
    test_dataset();
    test_status();
    test_why();
    test_price();
    test_link();
    test_broker();
    test_empty();
    return done();
}
