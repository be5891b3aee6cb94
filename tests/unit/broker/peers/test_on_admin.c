#include "tests/unit/broker/bed.h"

#include "proto/words.h"

struct scene {
    struct bed b;
    uint32_t op, client, agent;
};

static void open_scene(struct scene *s)
{
    bed_init(&s->b);
    bed_start(&s->b);
    s->op = bed_operator(&s->b, 1);
    s->client = bed_client(&s->b, 2, "app");
    s->agent = bed_agent(&s->b, 3, "edge", 2);
}

static struct wf_token_put token(uint8_t key, const char *name)
{
    return (struct wf_token_put){.req = 4,
                                 .key = bed_key(key),
                                 .role = WF_ROLE_AGENT,
                                 .name = wf_slice_of(name),
                                 .ttl_ms = 1000};
}

static void set_node(struct scene *s, const char *node, unsigned action, const char *text)
{
    const struct wf_node_set m = {
        .req = 6, .node = wf_slice_of(node), .action = action, .text = wf_slice_of(text)};

    bed_say(&s->b, s->op, WF_MSG_node_set, &m);
}

/* The answer that waited for the store: 1 and its code. */
static int stored(struct scene *s, int *ret_code)
{
    struct wf_msg m;

    bed_durable(&s->b, s->b.c->lsn);
    if (!bed_told(&s->b, s->op, WF_MSG_done, 0, &m)) {
        return 0;
    }
    *ret_code = -(int) m.u.done.code;
    return 1;
}

static void makes_tokens(void)
{
    const struct wf_query follow = {
        .req = 1, .kind = WF_QUERY_EVENTS, .key = wf_slice_of("follow"), .limit = 1};
    struct wf_token_put m = token(0x70, "new-1");
    struct wf_label_row row;
    struct wf_msg got;
    struct scene s;
    int code;

    open_scene(&s);
    bed_say(&s.b, s.op, WF_MSG_query, &follow);
    bed_say(&s.b, s.op, WF_MSG_token_put, &m);
    is_int(bed_count(&s.b, s.op, WF_MSG_done), 0, "not promised before it is stored");
    bed_durable(&s.b, s.b.c->lsn);
    ok(bed_told(&s.b, s.op, WF_MSG_done, 0, &got) && got.u.done.code == 0 &&
           wf_rows_next(&got.u.done.endpoints, wf_desc_label_row(), &row) &&
           wf_slice_is(row.text, "tcp://b1:7070"),
       "the answer says where to connect, also to one who follows the news");
    bed_say(&s.b, s.op, WF_MSG_token_put, &m);
    ok(stored(&s, &code) && code == 0, "the same again is the same");
    m = token(0x70, "new-2");
    bed_say(&s.b, s.op, WF_MSG_token_put, &m);
    is_int(bed_refusal(&s.b, s.op), WEFT_EEXIST, "for another it is taken");
    m = token(0x71, "edge");
    bed_say(&s.b, s.op, WF_MSG_token_put, &m);
    is_int(bed_refusal(&s.b, s.op), WEFT_EEXIST, "so is an enrolled name");
    m = token(0x72, "Bad Name");
    bed_say(&s.b, s.op, WF_MSG_token_put, &m);
    is_int(bed_refusal(&s.b, s.op), WEFT_EINVAL, "a bad name");
    m = token(0x73, "x");
    m.ttl_ms = 0;
    bed_say(&s.b, s.op, WF_MSG_token_put, &m);
    is_int(bed_refusal(&s.b, s.op), WEFT_EINVAL, "no time to live");
    bed_fini(&s.b);
}

static void forgets_old_tokens(void)
{
    const struct wf_effect *x;
    struct wf_token_put m;
    struct scene s;
    int code, good = 1;

    open_scene(&s);
    for (unsigned i = 0; i < s.b.cfg.max_nodes; i++) {
        m = token((uint8_t) (0x20 + i), "");
        bed_say(&s.b, s.op, WF_MSG_token_put, &m);
        good &= stored(&s, &code) && code == 0;
    }
    ok(good, "as many tokens as there may be");
    m = token(0xf0, "");
    bed_say(&s.b, s.op, WF_MSG_token_put, &m);
    is_int(bed_refusal(&s.b, s.op), WEFT_EFULL, "while all of them are good");
    s.b.wall_ms += 2000;
    bed_say(&s.b, s.op, WF_MSG_token_put, &m);
    x = bed_effect(&s.b, WF_EFFECT_APPEND);
    ok(x != NULL && x->len == WF_KEY_SIZE, "an expired one is deleted from the store");
    ok(stored(&s, &code) && code == 0, "and makes room");
    bed_fini(&s.b);
}

static void drains(void)
{
    struct wf_msg m;
    struct scene s;
    int code;

    open_scene(&s);
    set_node(&s, "edge", WF_NODE_ACT_DRAIN, "");
    ok(bed_told(&s.b, s.agent, WF_MSG_drain, 0, &m) && m.u.drain.on, "the agent is told");
    ok(stored(&s, &code) && code == 0, "and the operator, once it is stored");
    bed_submit(&s.b, s.client, 1);
    is_int(bed_state(&s.b, 1), WF_JOB_QUEUED, "it gets no work");
    bed_down(&s.b, s.agent);
    s.agent = bed_hello(&s.b, 3, WF_ROLE_AGENT, 3);
    ok(bed_told(&s.b, s.agent, WF_MSG_drain, 0, &m) && m.u.drain.on,
       "it is told again in its next session");
    bed_offer(&s.b, s.agent, "echo", 2, 0);
    bed_resync(&s.b, s.agent);
    is_int(bed_state(&s.b, 1), WF_JOB_QUEUED, "and gets none there");
    set_node(&s, "edge", WF_NODE_ACT_UNDRAIN, "");
    is_int(bed_state(&s.b, 1), WF_JOB_ASSIGNED, "until it is undrained");
    set_node(&s, "nobody", WF_NODE_ACT_DRAIN, "");
    is_int(bed_refusal(&s.b, s.op), WEFT_ENOENT, "no such node");
    set_node(&s, "app", WF_NODE_ACT_DRAIN, "");
    is_int(bed_refusal(&s.b, s.op), WEFT_ESTATE, "a client is none");
    bed_fini(&s.b);
}

static void labels(void)
{
    const struct principal *p;
    struct scene s;
    char text[16];

    open_scene(&s);
    p = registry_named(&s.b.c->registry, wf_slice_of("edge"));
    set_node(&s, "edge", WF_NODE_ACT_LABEL, "zone=a");
    set_node(&s, "edge", WF_NODE_ACT_LABEL, "rack=1");
    set_node(&s, "edge", WF_NODE_ACT_LABEL, "zone=b");
    ok(p->nlabels == 2 && strcmp(p->labels[0], "zone=b") == 0, "a label is replaced");
    set_node(&s, "edge", WF_NODE_ACT_LABEL, "zone=");
    ok(p->nlabels == 1 && strcmp(p->labels[0], "rack=1") == 0, "or removed");
    set_node(&s, "edge", WF_NODE_ACT_LABEL, "nothing");
    is_int(bed_refusal(&s.b, s.op), WEFT_EINVAL, "or refused");
    for (unsigned i = 1; i < REGISTRY_LABELS; i++) {
        (void) snprintf(text, sizeof text, "k%u=v", i);
        set_node(&s, "edge", WF_NODE_ACT_LABEL, text);
    }
    set_node(&s, "edge", WF_NODE_ACT_LABEL, "more=x");
    is_int(bed_refusal(&s.b, s.op), WEFT_EFULL, "they are bounded");
    ok(p->nlabels == REGISTRY_LABELS, "and nothing changed");
    bed_fini(&s.b);
}

static void revokes(void)
{
    const struct wf_key key = bed_key(3), app = bed_key(2);
    const struct wf_key_revoke m = {7, wf_slice_of("edge")};
    const struct wf_key_revoke self = {8, wf_slice_of("boss")};
    const struct wf_key_revoke client = {9, wf_slice_of("02020202")};
    const struct wf_key_revoke nobody = {10, wf_slice_of("nobody")};
    char text[WF_TEXT_MAX + 1];
    struct wf_msg msg;
    struct scene s;
    int code;

    open_scene(&s);
    bed_submit(&s.b, s.client, 1);
    bed_say(&s.b, s.op, WF_MSG_key_revoke, &m);
    is_int(bed_refusal(&s.b, s.agent), WEFT_EREVOKED, "its session ends");
    ok(!core_admits(s.b.c, &key), "it is let in no more");
    ok(stored(&s, &code) && code == 0, "and that is stored");
    bed_tick(&s.b, 3 * BED_SECOND);
    is_int(bed_state(&s.b, 1), WF_JOB_QUEUED, "what it held is for others");
    bed_say(&s.b, s.op, WF_MSG_key_revoke, &client);
    is_int(bed_refusal(&s.b, s.client), WEFT_EREVOKED, "by digits of its key as well");
    ok(!core_admits(s.b.c, &app), "a client too");
    bed_say(&s.b, s.op, WF_MSG_key_revoke, &m);
    ok(bed_told(&s.b, s.op, WF_MSG_done, 0, &msg) && msg.u.done.code == -WEFT_ENOENT,
       "a name that was revoked is nobody's");
    is_str(wf_slice_str(msg.u.done.text, text, sizeof text), "edge is revoked already",
           "which is said");
    bed_say(&s.b, s.op, WF_MSG_key_revoke, &nobody);
    ok(bed_told(&s.b, s.op, WF_MSG_done, 0, &msg) && msg.u.done.code == -WEFT_ENOENT,
       "nor is one that never was");
    is_str(wf_slice_str(msg.u.done.text, text, sizeof text),
           "nothing here is called nobody", "which is another thing");
    bed_say(&s.b, s.op, WF_MSG_key_revoke, &self);
    is_int(bed_refusal(&s.b, s.op), WEFT_ESTATE, "but not the last operator itself");
    bed_fini(&s.b);
}

static void asks_twice(void)
{
    struct broker_event error = {.kind = BROKER_STORE_ERROR};
    const struct wf_key_revoke m = {7, wf_slice_of("03030303")};
    struct scene s;
    int code;

    open_scene(&s);
    bed_say(&s.b, s.op, WF_MSG_key_revoke, &m);
    error.lsn = s.b.c->lsn;
    bed_step(&s.b, &error);
    is_int(bed_refusal(&s.b, s.op), WEFT_ESTORAGE, "the store failed: not promised");
    bed_say(&s.b, s.op, WF_MSG_key_revoke, &m);
    ok(bed_effect(&s.b, WF_EFFECT_APPEND) != NULL, "asked again, it is written again");
    ok(stored(&s, &code) && code == 0, "and promised");
    bed_fini(&s.b);
}

static void pings(void)
{
    struct wf_node_ping m = {.req = 5, .node = wf_slice_of("edge")};
    struct wf_msg got;
    struct scene s;

    open_scene(&s);
    bed_say(&s.b, s.op, WF_MSG_node_ping, &m);
    ok(bed_told(&s.b, s.agent, WF_MSG_ping, 0, &got), "the node is asked");
    s.b.now_us += 1500;
    bed_say(&s.b, s.agent, WF_MSG_pong, &(struct wf_pong){got.u.ping.seq, 0});
    ok(bed_told(&s.b, s.op, WF_MSG_node_pong, 0, &got) && got.u.node_pong.req == 5 &&
           got.u.node_pong.rtt_us == 1500,
       "and the answer passed on");
    bed_say(&s.b, s.agent, WF_MSG_pong, &(struct wf_pong){1, 0});
    is_int(s.b.fx.n, 0, "once");
    m.node = wf_slice_of("nobody");
    bed_say(&s.b, s.op, WF_MSG_node_ping, &m);
    is_int(bed_refusal(&s.b, s.op), WEFT_ENOENT, "no such node");
    bed_down(&s.b, s.agent);
    m.node = wf_slice_of("edge");
    bed_say(&s.b, s.op, WF_MSG_node_ping, &m);
    is_int(bed_refusal(&s.b, s.op), WEFT_EUNREACH, "one that is not there");
    bed_fini(&s.b);
}

static void enrols_the_first(void)
{
    const struct wf_key key = bed_key(0x50);
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    ok(!core_has_operator(b.c), "nobody at first");
    must(core_put_token(b.c, &key, WF_ROLE_OPERATOR, "boss", b.wall_ms + 1000, &b.fx) ==
         0);
    ok(bed_effect(&b, WF_EFFECT_APPEND) != NULL && bed_effect(&b, WF_EFFECT_SYNC) != NULL,
       "the owner of the machine makes a token");
    ok(core_admits(b.c, &key), "that opens the door");
    bed_enrol(&b, 9, WF_ROLE_OPERATOR, "boss");
    ok(core_has_operator(b.c), "until there is an operator");
    bed_fini(&b);
}

int main(void)
{
    makes_tokens();
    forgets_old_tokens();
    drains();
    labels();
    revokes();
    asks_twice();
    pings();
    enrols_the_first();
    return done();
}
