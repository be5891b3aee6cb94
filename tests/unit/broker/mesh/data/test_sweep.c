/* Copies of lists of other brokers' datasets: how long they stay. */
#include "broker/core/mesh/data/sweep.h"
#include "tests/unit/broker/mesh/world.h"

#define MINUTES 60u

/* Time goes by, and nobody leaves. */
static void minutes(struct world *w, unsigned n)
{
    const uint32_t all[] = {w->agent, w->ann, w->bob, w->f.peer};

    for (unsigned i = 0; i < n; i++) {
        bed_tick(&w->b, 60 * BED_SECOND);
        for (unsigned k = 0; k < ARRAY_LEN(all); k++) {
            bed_say(&w->b, all[k], WF_MSG_ping, &(struct wf_ping){.seq = 1});
        }
    }
    core_check(w->b.c);
}

static int is_here(const struct world *w, const char *name)
{
    return stock_get(&w->b, name, 1) != NULL;
}

/* It is named, and its list comes. */
static void copy(struct world *w, uint32_t peer, const char *name, const char *key)
{
    struct wf_query q;

    show(w, peer, name);
    must(asked(w, key, &q));
    tell_list(w, q.req, 1);
}

static void goes_after_a_while(void)
{
    struct world w;

    open_world(&w);
    copy(&w, w.ann, "hers", "hers@1");
    copy(&w, w.bob, "open", "open@1");
    minutes(&w, MINUTES - 2);
    ok(is_here(&w, "hers.07070707"), "a list stays for a while");
    show(&w, w.ann, "hers");
    minutes(&w, 4);
    ok(is_here(&w, "hers.07070707"), "as long as it is named");
    ok(!is_here(&w, "open.07070707"), "one that nobody names goes");
    is_int(w.b.c->mesh.imports.copies, 1, "and is counted no more");
    is_int((int) w.b.c->count.copies_dropped, 1, "but as gone");
    minutes(&w, MINUTES);
    ok(!is_here(&w, "hers.07070707"), "so does the other one");
    copy(&w, w.ann, "hers", "hers@1");
    ok(is_here(&w, "hers.07070707"), "and is back when it is named again");
    close_world(&w);
}

static void stays_for_jobs(void)
{
    struct wf_query q;
    struct world w;

    open_world(&w);
    stock_submit(&w.b, w.ann, 1, "in", "hers");
    must(asked(&w, "hers@1", &q));
    tell_list(&w, q.req, 1);
    must(bed_state(&w.b, 1) == WF_JOB_ASSIGNED);
    minutes(&w, 3 * MINUTES);
    ok(is_here(&w, "hers.07070707"), "what a live job needs stays");
    bed_result(&w.b, w.agent, 1, 1, 0);
    must(bed_state(&w.b, 1) == WF_JOB_OK);
    minutes(&w, MINUTES + 3);
    ok(!is_here(&w, "hers.07070707"), "until a while after its end");
    close_world(&w);
}

static void stays_where_it_is_pinned(void)
{
    struct list holds = LIST;
    struct world w;

    open_world(&w);
    copy(&w, w.ann, "hers", "hers@1");
    list_hold(&holds, 1, KIB, KIB, WF_HOLD_PINNED);
    stock_holds(&w.b, w.agent, 0, &holds, 1000 * MIB);
    minutes(&w, 2 * MINUTES);
    ok(is_here(&w, "hers.07070707"), "what is pinned at a node here stays");
    list_fini(&holds);
    list_hold(&holds, 1, KIB, KIB, 0);
    stock_holds(&w.b, w.agent, 0, &holds, 1000 * MIB);
    minutes(&w, 2);
    ok(!is_here(&w, "hers.07070707"), "until it is not any more");
    is_int(bed_count(&w.b, w.agent, WF_MSG_keep), 0, "and its bytes may stay");
    list_fini(&holds);
    close_world(&w);
}

static void makes_room(void)
{
    struct wf_query q;
    struct world w;

    open_world(&w);
    copy(&w, w.ann, "hers", "hers@1");
    bed_tick(&w.b, BED_SECOND);
    w.b.c->data.datasets.max_files = w.b.c->data.datasets.nfiles;
    show(&w, w.bob, "open");
    is_int(bed_refusal(&w.b, w.bob), WEFT_EBUSY, "without room for another some is made");
    bed_tick(&w.b, BED_SECOND);
    ok(!is_here(&w, "hers.07070707"), "of one that nobody uses");
    stock_submit(&w.b, w.bob, 1, "in", "open");
    must(asked(&w, "open@1", &q));
    tell_list(&w, q.req, 1);
    must(bed_state(&w.b, 1) == WF_JOB_ASSIGNED);
    bed_tick(&w.b, BED_SECOND);
    show(&w, w.ann, "hers");
    is_int(bed_refusal(&w.b, w.ann), WEFT_EBUSY, "once more");
    bed_tick(&w.b, BED_SECOND);
    ok(is_here(&w, "open.07070707"), "what a job needs makes no room");
    show(&w, w.ann, "hers");
    is_int(bed_refusal(&w.b, w.ann), WEFT_EFULL, "and that is said");
    close_world(&w);
}

/* For what would not fit in an empty broker nothing goes. */
static void keeps_what_makes_no_room(void)
{
    struct world w;

    open_world(&w);
    copy(&w, w.ann, "hers", "hers@1");
    bed_tick(&w.b, BED_SECOND);
    w.b.c->data.datasets.max_files = w.b.c->data.datasets.nfiles;
    w.files = 5;
    far_has(&w, 2, BOB, "large", NULL);
    show(&w, w.bob, "large");
    is_int(bed_refusal(&w.b, w.bob), WEFT_EFULL, "what never fits is refused at once");
    bed_tick(&w.b, BED_SECOND);
    ok(is_here(&w, "hers.07070707"), "and nothing goes for it");
    show(&w, w.bob, "open");
    is_int(bed_refusal(&w.b, w.bob), WEFT_EBUSY, "for what fits then some room is made");
    bed_tick(&w.b, BED_SECOND);
    ok(!is_here(&w, "hers.07070707"), "all the same");
    close_world(&w);
}

/* What jobs need does not go: what is idle is too little, and stays. */
static void keeps_what_makes_too_little(void)
{
    struct wf_query q;
    struct world w;

    open_world(&w);
    stock_submit(&w.b, w.ann, 1, "in", "hers");
    must(asked(&w, "hers@1", &q));
    tell_list(&w, q.req, 1);
    must(bed_state(&w.b, 1) == WF_JOB_ASSIGNED);
    copy(&w, w.bob, "open", "open@1");
    bed_tick(&w.b, BED_SECOND);
    w.b.c->data.datasets.max_files = w.b.c->data.datasets.nfiles;
    w.files = 2;
    far_has(&w, 2, BOB, "two", NULL);
    show(&w, w.bob, "two");
    is_int(bed_refusal(&w.b, w.bob), WEFT_EBUSY, "what may fit is looked at");
    bed_tick(&w.b, BED_SECOND);
    ok(is_here(&w, "open.07070707"), "what would not suffice stays");
    show(&w, w.bob, "two");
    is_int(bed_refusal(&w.b, w.bob), WEFT_EFULL, "and that is said");
    close_world(&w);
}

/* Of many those go that were used longest ago. */
static void takes_the_oldest(void)
{
    char name[16], key[16];
    unsigned left = 0;
    struct world w;

    open_world(&w);
    for (unsigned i = 0; i < 16; i++) {
        (void) snprintf(name, sizeof name, "set%02u", i);
        (void) snprintf(key, sizeof key, "set%02u@1", i);
        far_has(&w, 2 + i, ANN, name, NULL);
        copy(&w, w.ann, name, key);
    }
    show(&w, w.ann, "set00");
    bed_tick(&w.b, BED_SECOND);
    ok(sweep_want(w.b.c, 1), "room is wanted");
    bed_tick(&w.b, BED_SECOND);
    for (unsigned i = 0; i < 16; i++) {
        (void) snprintf(name, sizeof name, "set%02u.07070707", i);
        left += (unsigned) is_here(&w, name);
    }
    is_int(left, 14, "an eighth goes");
    ok(is_here(&w, "set00.07070707") && !is_here(&w, "set01.07070707") &&
           !is_here(&w, "set02.07070707"),
       "those that were named longest ago");
    close_world(&w);
}

int main(void)
{
    goes_after_a_while();
    stays_for_jobs();
    stays_where_it_is_pinned();
    makes_room();
    keeps_what_makes_no_room();
    keeps_what_makes_too_little();
    takes_the_oldest();
    return done();
}
