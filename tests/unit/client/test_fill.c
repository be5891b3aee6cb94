#include "client/fill.h"

#include "common/err.h"
#include "common/mem.h"
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
                            .stored = 1};
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

int main(void)
{
    test_node();
    test_job();
    test_status();
    test_empty();
    return done();
}
