/* What a broker tells its neighbours of its events, and takes of theirs. */
#include "common/log.h"
#include "proto/words.h"
#include "tests/unit/broker/bed.h"

struct scene {
    struct bed b;
    uint32_t op, far, other; /* an operator that follows; two neighbours */
};

static void ask(struct scene *s, uint32_t peer, unsigned kind, const char *key)
{
    const struct wf_query q = {.req = 3, .kind = kind, .key = wf_slice_of(key)};

    bed_say(&s->b, peer, WF_MSG_query, &q);
}

static void scene_open(struct scene *s)
{
    struct wf_msg m;

    bed_init(&s->b);
    bed_start(&s->b);
    bed_enrol(&s->b, 9, WF_ROLE_OPERATOR, "op");
    bed_enrol(&s->b, 7, WF_ROLE_BROKER, "far");
    bed_enrol(&s->b, 8, WF_ROLE_BROKER, "other");
    s->op = bed_hello(&s->b, 9, WF_ROLE_OPERATOR, 1);
    ask(s, s->op, WF_QUERY_EVENTS, "follow");
    s->other = bed_hello(&s->b, 8, WF_ROLE_BROKER, 1);
    s->far = bed_hello(&s->b, 7, WF_ROLE_BROKER, 1);
    ok(bed_told(&s->b, s->far, WF_MSG_query, 0, &m) &&
           m.u.query.kind == WF_QUERY_EVENTS && wf_slice_is(m.u.query.key, "follow"),
       "a neighbour is asked for what happens there");
    ask(s, s->other, WF_QUERY_EVENTS, "follow");
    ask(s, s->far, WF_QUERY_EVENTS, "follow");
}

static void say(struct scene *s, unsigned level, const char *kind, unsigned times)
{
    const struct wf_event_row row = {.seq = 99,
                                     .level = level,
                                     .kind = wf_slice_of(kind),
                                     .node = wf_slice_of("cam"),
                                     .text = wf_slice_of("agent cam is gone")};
    struct wf_buf rows = WF_BUF_INIT(32768);
    struct wf_events_page m = {0};

    while (times-- > 0) {
        must(wf_rows_add(&rows, &m.rows, wf_desc_event_row(), &row) == 0);
    }
    bed_say(&s->b, s->far, WF_MSG_events_page, &m);
    wf_buf_fini(&rows);
}

static void tells(void)
{
    struct wf_event_row row;
    struct wf_msg m;
    struct scene s;
    uint32_t agent;

    scene_open(&s);
    ok(bed_told(&s.b, s.far, WF_MSG_events_page, 0, &m) &&
           m.u.events_page.rows.count == 0,
       "of what was before a neighbour hears nothing");
    ask(&s, s.far, WF_QUERY_EVENTS, "");
    is_int(bed_refusal(&s.b, s.far), WEFT_EPERM, "nor when it asks");
    ask(&s, s.far, WF_QUERY_NODES, "");
    is_int(bed_refusal(&s.b, s.far), WEFT_EPERM, "nor of anything else");
    bed_enrol(&s.b, 2, WF_ROLE_AGENT, "edge");
    agent = bed_hello(&s.b, 2, WF_ROLE_AGENT, 1);
    is_int(bed_count(&s.b, s.op, WF_MSG_events_page), 1, "an operator hears all");
    is_int(bed_count(&s.b, s.far, WF_MSG_events_page), 0, "a neighbour no news");
    bed_down(&s.b, agent);
    ok(bed_told(&s.b, s.far, WF_MSG_events_page, 0, &m) &&
           wf_rows_next(&m.u.events_page.rows, wf_desc_event_row(), &row) &&
           wf_slice_is(row.kind, "agent-lost") && wf_slice_is(row.node, "edge"),
       "but warnings");
    bed_fini(&s.b);
}

static void hears(void)
{
    struct wf_event_row row;
    struct wf_msg m;
    struct scene s;
    uint64_t was;

    scene_open(&s);
    say(&s, WF_LOG_WARN, "agent-lost", 1);
    ok(bed_told(&s.b, s.op, WF_MSG_events_page, 0, &m) &&
           wf_rows_next(&m.u.events_page.rows, wf_desc_event_row(), &row) &&
           wf_slice_is(row.kind, "agent-lost") && wf_slice_is(row.node, "far") &&
           wf_slice_is(row.text, "agent cam is gone") && row.seq != 99,
       "a warning of a neighbour, under its name and with a number of ours");
    is_int(bed_count(&s.b, s.other, WF_MSG_events_page), 0,
           "which is not passed on to another one");
    is_int(bed_count(&s.b, s.far, WF_MSG_events_page), 0, "nor back");
    was = s.b.c->news.next;
    say(&s, WF_LOG_INFO, "agent-up", 1);
    say(&s, WF_LOG_WARN, "not a kind", 1);
    is_int(s.b.c->news.next, was, "what it should not have told is left out");
    say(&s, WF_LOG_WARN, "agent-lost", 100);
    is_int(s.b.c->news.next, was + 31, "so many in a second");
    is_int(s.b.c->count.events_dropped, 69, "the others are counted");
    s.b.now_us += BED_SECOND;
    say(&s, WF_LOG_ERROR, "store-failed", 1);
    is_int(s.b.c->news.next, was + 32, "and more in the next");
    is_int(s.b.c->news.own.count + s.b.c->news.heard.count, s.b.c->news.next - 1,
           "theirs stand beside our own");
    ask(&s, s.op, WF_QUERY_EVENTS, "");
    ok(bed_told(&s.b, s.op, WF_MSG_events_page, 0, &m) &&
           m.u.events_page.rows.count == s.b.c->news.next - 1,
       "and an operator who asks sees both");
    bed_fini(&s.b);
}

int main(void)
{
    tells();
    hears();
    return done();
}
