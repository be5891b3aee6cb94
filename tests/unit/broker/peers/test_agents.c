#include "broker/core/peers/agents.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

/* Information on an agent, built up row by row. */
struct info {
    struct wf_agent_info m;
    struct wf_buf caps, labels, accels;
};

static void begin(struct info *x)
{
    *x = (struct info){.m = {.seq = 1, .slots = 4, .cpus = 8, .mem = 1000}};
    wf_buf_init(&x->caps, 1u << 16);
    wf_buf_init(&x->labels, 1u << 16);
    wf_buf_init(&x->accels, 1u << 16);
    x->m.arch = wf_slice_of("x86_64");
}

static void end(struct info *x)
{
    wf_buf_fini(&x->caps);
    wf_buf_fini(&x->labels);
    wf_buf_fini(&x->accels);
}

static void cap(struct info *x, const char *name, uint64_t version, uint64_t slots)
{
    const struct wf_cap_row row = {
        .name = wf_slice_of(name), .version = version, .slots = slots};

    must(wf_rows_add(&x->caps, &x->m.caps, wf_desc_cap_row(), &row) == 0);
}

static void label(struct info *x, const char *text)
{
    const struct wf_label_row row = {wf_slice_of(text)};

    must(wf_rows_add(&x->labels, &x->m.labels, wf_desc_label_row(), &row) == 0);
}

struct bench {
    struct agents agents;
    struct capabilities caps;
    struct principal p;
    struct agent *a;
};

static void open_bench(struct bench *b)
{
    *b = (struct bench){.p = {.name = "edge-1", .site = "lyon", .tier = WF_TIER_EDGE}};
    must(agents_init(&b->agents, 4) == 0);
    must(capabilities_init(&b->caps, 100, NULL, 1) == 0);
    must(agents_need(&b->agents, &b->p, &b->a) == 0);
}

static void close_bench(struct bench *b)
{
    agents_fini(&b->agents);
    capabilities_fini(&b->caps);
}

static void is_made_once(void)
{
    struct principal others[5] = {{.tier = 0}};
    struct bench b;
    struct agent *a;

    open_bench(&b);
    must(agents_need(&b.agents, &b.p, &a) == 0);
    ok(a == b.a && b.p.agent == a && b.agents.n == 1, "one agent a principal");
    for (unsigned i = 0; i < 3; i++) {
        must(agents_need(&b.agents, &others[i], &a) == 0);
    }
    is_int(agents_need(&b.agents, &others[3], &a), WEFT_EFULL, "as many as there may be");
    close_bench(&b);
}

static void offers(void)
{
    struct capability *echo;
    struct bench b;
    struct info x;

    open_bench(&b);
    begin(&x);
    cap(&x, "echo", 1, 2);
    cap(&x, "echo", 2, 3);
    cap(&x, "echo", 1, 9);
    cap(&x, "hash", 1, 1);
    is_int(agent_set_info(b.a, &x.m, &b.caps), 0, "what it offers");
    echo = capabilities_get(&b.caps, wf_slice_of("echo"));
    ok(b.a->noffers == 3 && echo != NULL && echo->noffers == 2, "each version once");
    ok(agent_offer(b.a, echo, 2)->slots == 3, "is found by version");
    ok(agent_offer(b.a, echo, 0)->version == 1, "or any");
    ok(agent_offer(b.a, echo, 7) == NULL, "or not");
    agent_offer(b.a, echo, 2)->done = 77;
    end(&x);
    begin(&x);
    cap(&x, "echo", 2, 5);
    is_int(agent_set_info(b.a, &x.m, &b.caps), 0, "a change");
    ok(b.a->noffers == 1 && echo->noffers == 1, "takes back the rest");
    ok(b.a->offers[0].done == 77 && b.a->offers[0].slots == 5,
       "and keeps what was learned");
    end(&x);
    close_bench(&b);
}

static void refuses(void)
{
    struct bench b;
    struct info x;

    open_bench(&b);
    begin(&x);
    cap(&x, "echo", 1, 2);
    must(agent_set_info(b.a, &x.m, &b.caps) == 0);
    cap(&x, "Bad Name", 1, 2);
    is_int(agent_set_info(b.a, &x.m, &b.caps), WEFT_EPROTO, "a bad name");
    end(&x);
    begin(&x);
    cap(&x, "hash", 0, 2);
    is_int(agent_set_info(b.a, &x.m, &b.caps), WEFT_EPROTO, "no version");
    end(&x);
    begin(&x);
    cap(&x, "hash", 1, 0);
    is_int(agent_set_info(b.a, &x.m, &b.caps), WEFT_EPROTO, "no slot");
    end(&x);
    begin(&x);
    label(&x, "no label");
    is_int(agent_set_info(b.a, &x.m, &b.caps), WEFT_EPROTO, "a bad label");
    end(&x);
    ok(b.a->noffers == 1 && b.a->nlabels == 0, "nothing changed");
    close_bench(&b);
}

static const char *value(const struct bench *b, const char *key)
{
    static char room[32];
    const char *v = agent_attribute(b->a, wf_slice_of(key), room, sizeof room);

    return v != NULL ? v : "(none)";
}

static void has_attributes(void)
{
    struct bench b;
    struct info x;

    open_bench(&b);
    begin(&x);
    label(&x, "zone=a");
    label(&x, "rack=7");
    must(agent_set_info(b.a, &x.m, &b.caps) == 0);
    strcpy(b.p.labels[0], "zone=b");
    b.p.nlabels = 1;
    is_str(value(&b, "site"), "lyon", "site");
    is_str(value(&b, "tier"), "edge", "tier");
    is_str(value(&b, "name"), "edge-1", "name");
    is_str(value(&b, "arch"), "x86_64", "arch");
    is_str(value(&b, "cpus"), "8", "cpus");
    is_str(value(&b, "mem"), "1000", "mem");
    is_str(value(&b, "gpu"), "0", "gpu");
    is_str(value(&b, "rack"), "7", "its own label");
    is_str(value(&b, "zone"), "b", "an operator's label goes first");
    is_str(value(&b, "zon"), "(none)", "no part of a key");
    is_str(value(&b, "color"), "(none)", "no such key");
    end(&x);
    close_bench(&b);
}

static void is_seen(void)
{
    struct bench b;

    open_bench(&b);
    is_int(agent_view_state(b.a), WF_NODE_OFFLINE, "offline at first");
    agent_move(b.a, AGENT_UP, 10);
    is_int(agent_view_state(b.a), WF_NODE_UP, "up");
    is_int(b.a->since_us, 10, "since then");
    b.p.drained = 1;
    is_int(agent_view_state(b.a), WF_NODE_DRAINED, "drained");
    b.a->assigned = 1;
    is_int(agent_view_state(b.a), WF_NODE_DRAINING, "draining while it holds work");
    agent_move(b.a, AGENT_LOST, 20);
    is_int(agent_view_state(b.a), WF_NODE_LOST, "lost, drained or not");
    b.p.state = WF_KEY_REVOKED;
    is_int(agent_view_state(b.a), WF_NODE_REVOKED, "revoked above all");
    close_bench(&b);
}

static void survives_oom(void)
{
    struct bench b;
    struct info x;
    int set = 0;

    begin(&x);
    cap(&x, "echo", 1, 2);
    cap(&x, "hash", 1, 2);
    for (long n = 0; n < 20; n++) {
        open_bench(&b);
        wf_mem_fail_after(n);
        set = agent_set_info(b.a, &x.m, &b.caps) == 0;
        wf_mem_fail_after(-1);
        ok(b.a->noffers == (set ? 2u : 0u), "all or nothing, %ld", n);
        close_bench(&b);
    }
    ok(set, "in the end there was enough");
    end(&x);
}

int main(void)
{
    is_made_once();
    offers();
    refuses();
    has_attributes();
    is_seen();
    survives_oom();
    return done();
}
