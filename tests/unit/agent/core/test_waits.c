/* What runs wait for whose data does not come: told, and given back when it is in vain.
 */
#include "tests/unit/agent/core/world.h"

#include "proto/words.h"

/* The last that was told of how the data of a run comes. */
static struct wf_fetching last_told(const struct world *w)
{
    unsigned n = times(w, WF_MSG_fetching);
    struct wf_msg m;

    must(n != 0 && heard(w, WF_MSG_fetching, n - 1, &m));
    return m.u.fetching;
}

static void says_that_nobody_has_it(void)
{
    struct wf_fetching m;
    struct wf_msg said_m;
    struct world w;

    open_world(&w, 1, 4);
    w.blobs[7].listed = 0;
    assign_with(&w, 1, 7, "");
    settle(&w);
    pass(&w, 3000);
    m = last_told(&w);
    ok(m.stands == WF_STAND_NOWHERE && m.bytes == 0 && m.resume_ms == 0,
       "what nobody has is said to be nowhere");
    pass(&w, 20000);
    ok(times(&w, WF_MSG_fetching) == 2, "once: also while it asks again");
    w.blobs[7].listed = 1;
    pass(&w, 30000);
    ok(w.b.nstarted == 1 && times(&w, WF_MSG_refuse) == 0, "it goes on when it is there");
    close_world(&w);

    open_world(&w, 1, 4);
    w.blobs[7].listed = 0;
    assign_with(&w, 1, 7, "");
    settle(&w);
    pass(&w, 59000);
    is_int(times(&w, WF_MSG_refuse), 0, "for a minute it is waited for");
    pass(&w, 3000);
    ok(refused_with(&w, WEFT_EUNREACH) && heard(&w, WF_MSG_refuse, 0, &said_m) &&
           wf_slice_is(said_m.u.refuse.text,
                       "input in0: nobody who can be reached has it"),
       "then the broker may place it elsewhere, and is told which input it is");
    ok(node_counts(w.b.n).waiting == 0 && node_data_counts(w.b.n).pull.blobs == 0 &&
           node_data_counts(w.b.n).lists == 0,
       "nothing is left of it");
    is_int(node_data_counts(w.b.n).refused, 1, "it is counted");
    close_world(&w);
}

static void says_that_it_is_forbidden(void)
{
    struct wf_msg m;
    struct world w;

    open_world(&w, 1, 4);
    w.forbids = "their residency forbids them there";
    assign_with(&w, 1, 7, "");
    settle(&w);
    pass(&w, 5000);
    ok(last_told(&w).stands == WF_STAND_FORBIDDEN && times(&w, WF_MSG_refuse) == 0,
       "what is forbidden is said to be");
    pass(&w, 8000);
    ok(refused_with(&w, WEFT_EPERM) && heard(&w, WF_MSG_refuse, 0, &m) &&
           wf_slice_is(m.u.refuse.text, "input in0: their residency forbids them there"),
       "soon it goes back, with the broker's words");
    w.forbids = NULL;
    forget(&w);
    assign_with(&w, 2, 7, "");
    settle(&w);
    pass(&w, 30000);
    is_int(w.b.nstarted, 1, "what was allowed meanwhile comes");
    close_world(&w);
}

/* One file of a folder is nowhere, the others come. */
static void counts_from_the_last_byte(void)
{
    struct world w;

    open_world(&w, 1, 4);
    w.files = 7;
    w.blobs[2].listed = 0;
    assign_with(&w, 1, -1, "maps@2");
    settle(&w);
    pass(&w, 4000);
    ok(last_told(&w).bytes != 0 && last_told(&w).stands == WF_STAND_NOWHERE,
       "what is there comes, and then it stands still");
    pass(&w, 40000);
    is_int(times(&w, WF_MSG_refuse), 0, "the rest is waited for");
    w.blobs[2].listed = 1;
    pass(&w, 30000);
    is_int(w.b.nstarted, 1, "it goes on");
    close_world(&w);
}

/* Nobody can say what is forbidden while the broker that assigned it is away. */
static void waits_for_its_broker(void)
{
    struct world w;

    open_world(&w, 1, 4);
    w.blobs[7].listed = 0;
    assign_with(&w, 1, 7, "");
    settle(&w);
    pass(&w, 30000);
    cut_world(&w);
    for (unsigned i = 0; i < 6; i++) {
        w.b.now_us += 60 * SECOND;
        settle(&w);
    }
    is_int(node_counts(w.b.n).waiting, 1, "a link that is cut is no reason");
    forget(&w);
    back_world(&w);
    pass(&w, 30000);
    is_int(times(&w, WF_MSG_refuse), 0, "the time before does not count");
    w.blobs[7].listed = 1;
    pass(&w, 30000);
    is_int(w.b.nstarted, 1, "it comes");
    close_world(&w);
}

static void waits_for_nobody_who_refuses(void)
{
    const struct wf_bye bye = {(uint64_t) -WEFT_EREVOKED, wf_slice_of("revoked")};
    struct node_event refused = {.kind = NODE_LINK_REFUSED};
    struct world w;

    open_world(&w, 1, 4);
    w.blobs[7].listed = 0;
    assign_with(&w, 1, 7, "");
    settle(&w);
    say(&w, WF_MSG_bye, &bye);
    pass(&w, 5000);
    is_int(node_counts(w.b.n).waiting, 1, "a key that is revoked ends no wait at once");
    pass(&w, 15000);
    ok(node_counts(w.b.n).waiting == 0 && node_counts(w.b.n).finished == 0 &&
           node_data_counts(w.b.n).lists == 0,
       "but soon: nobody tells any more who has it");
    is_int(node_data_counts(w.b.n).refused, 1, "it is counted");
    close_world(&w);

    open_world(&w, 1, 4);
    w.blobs[7].listed = 0;
    assign_with(&w, 1, 7, "");
    settle(&w);
    cut_world(&w);
    for (int i = 0; i < 200 && node_link(w.b.n)->state != WF_LINK_DIALLING; i++) {
        pass(&w, 100);
    }
    must(node_link(w.b.n)->state == WF_LINK_DIALLING && node_counts(w.b.n).waiting == 1);
    act(&w, &refused);
    pass(&w, 1000);
    is_int(node_counts(w.b.n).waiting, 1, "nor does one that is not known");
    forget(&w);
    back_world(&w);
    w.blobs[7].listed = 1;
    pass(&w, 30000);
    is_int(w.b.nstarted, 1, "if it is soon, nothing is lost");
    close_world(&w);
}

static void says_until_when(void)
{
    struct wf_fetching m;
    struct world w;

    init_world(&w, 1, 4);
    w.b.cfg.pull.limits.day = 70000;
    start_world(&w);
    assign_with(&w, 1, 7, "");
    settle(&w);
    pass(&w, 5000);
    m = last_told(&w);
    ok(m.stands == WF_STAND_DAY && m.bytes != 0 && m.bytes < m.total && m.left_ms == 0,
       "the day's bytes are used up");
    ok(m.resume_ms > 86000000 && m.resume_ms <= 86400000, "until tomorrow");
    pass(&w, 120000);
    is_int(times(&w, WF_MSG_refuse), 0, "which is no reason to give it back");
    close_world(&w);
}

int main(void)
{
    says_that_nobody_has_it();
    says_that_it_is_forbidden();
    counts_from_the_last_byte();
    waits_for_its_broker();
    waits_for_nobody_who_refuses();
    says_until_when();
    return done();
}
