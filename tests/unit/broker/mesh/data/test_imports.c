/* Datasets of other brokers: their lists come when they are named, their bytes are asked
 * of their home; and the same for others. */
#include "tests/unit/broker/mesh/world.h"

static void comes_when_named(void)
{
    struct wf_dataset_row row;
    struct wf_query q;
    struct wf_msg m;
    struct world w;

    open_world(&w);
    show(&w, w.ann, "hers");
    ok(asked(&w, "hers@1", &q) && q.reader.b[0] == ANN, "its home is asked for the list");
    ok(bed_count(&w.b, w.ann, WF_MSG_error) == 0 &&
           bed_count(&w.b, w.ann, WF_MSG_dataset_info) == 0,
       "who named it waits");
    show(&w, w.ann, "hers");
    is_int(bed_count(&w.b, w.f.peer, WF_MSG_query), 0, "it is asked for once");
    tell_list(&w, q.req, 1);
    is_int(bed_count(&w.b, w.ann, WF_MSG_dataset_info), 2, "all that wait are answered");
    ok(bed_told(&w.b, w.ann, WF_MSG_dataset_info, 0, &m) &&
           wf_rows_next(&m.u.dataset_info.dataset, wf_desc_dataset_row(), &row) &&
           wf_slice_is(row.name, "hers.07070707") && m.u.dataset_info.files.count == 1,
       "with the list, under a name of its own");
    show(&w, w.ann, "hers");
    ok(bed_count(&w.b, w.f.peer, WF_MSG_query) == 0 &&
           bed_count(&w.b, w.ann, WF_MSG_dataset_info) == 1,
       "it is kept");
    show(&w, w.bob, "hers");
    is_int(bed_refusal(&w.b, w.bob), WEFT_ENOENT, "for those alone who may read it");
    show(&w, w.ann, "open");
    ok(asked(&w, "open@1", &q), "what is public is for all");
    tell_list(&w, q.req, 1);
    is_int(bed_count(&w.b, w.ann, WF_MSG_dataset_info), 1, "and comes");
    is_int(w.b.c->mesh.imports.copies, 2, "both are counted");
    stock_rm(&w.b, w.ann, "hers");
    is_int(bed_refusal(&w.b, w.ann), WEFT_EPERM, "it is removed where it is at home");
    stock_rm(&w.b, w.ann, "hers.07070707");
    is_int(w.b.c->mesh.imports.copies, 1, "what is removed counts no more");
    close_world(&w);
}

/* What stands under the name of a copy is it only when it came from there, and is of that
 * time. */
static void is_the_right_one(void)
{
    const struct dataset *d;
    struct wf_query q;
    struct world w;

    open_world(&w);
    show(&w, w.ann, "hers");
    must(asked(&w, "hers@1", &q));
    w.made_ms = 6;
    w.turns = 4;
    far_has(&w, 0, ANN, "hers", NULL);
    tell_list(&w, q.req, 1);
    ok(asked(&w, "hers@1", &q) && bed_count(&w.b, w.ann, WF_MSG_dataset_info) == 0,
       "what its home put anew while the list came is asked for anew");
    tell_list(&w, q.req, 1);
    is_int(bed_count(&w.b, w.ann, WF_MSG_dataset_info), 1, "and told");
    w.made_ms = 7;
    far_has(&w, 0, ANN, "hers", NULL);
    show(&w, w.ann, "hers");
    ok(asked(&w, "hers@1", &q) && stock_get(&w.b, "hers.07070707", 1) == NULL,
       "what was put anew later, too: the older copy is gone");
    tell_list(&w, q.req, 1);
    d = stock_get(&w.b, "hers.07070707", 1);
    ok(d != NULL && d->created_ms == 7 && w.b.c->mesh.imports.copies == 1,
       "and there is one again");
    must(d != NULL);
    stock_get(&w.b, "hers.07070707", 1)->home.b[31] ^= 1;
    show(&w, w.ann, "hers");
    ok(asked(&w, "hers@1", &q), "another home's whose key begins alike is not it");
    close_world(&w);
}

static void nobody_takes_its_name(void)
{
    struct wf_query q;
    struct world w;

    open_alone(&w);
    stock_simple(&w.b, w.bob, "hers.07070707", "public=yes", 1, 1);
    is_int(bed_refusal(&w.b, w.bob), 0,
           "a name with digits of nobody is one like others");
    far_init(&w.b, &w.f);
    far_has(&w, 0, ANN, "hers", NULL);
    show(&w, w.ann, "hers");
    ok(bed_refusal(&w.b, w.ann) == WEFT_EEXIST && !asked(&w, "hers@1", &q),
       "but is not taken for a broker's that comes later");
    stock_simple(&w.b, w.bob, "hers.07070707", "public=yes", 1, 1);
    is_int(bed_refusal(&w.b, w.bob), WEFT_EINVAL, "and is not put any more then");
    stock_simple(&w.b, w.bob, "mine.c8c8c8c8", NULL, 1, 1);
    is_int(bed_refusal(&w.b, w.bob), WEFT_EINVAL, "nor with our own digits");
    stock_rm(&w.b, w.bob, "hers.07070707");
    show(&w, w.ann, "hers");
    ok(asked(&w, "hers@1", &q), "when it is removed the list is asked for");
    close_world(&w);
}

static void waits_with_a_job(void)
{
    struct wf_need_row need;
    struct wf_rows rows;
    struct wf_query q;
    struct world w;

    open_world(&w);
    stock_submit(&w.b, w.ann, 1, "in", "hers");
    ok(asked(&w, "hers@1", &q) &&
           jobs_get(&w.b.c->jobs, &(struct wf_id[]){bed_id(1)}[0]) == NULL,
       "a submit waits for the list of its input");
    tell_list(&w, q.req, 1);
    is_int(bed_count(&w.b, w.ann, WF_MSG_accepted), 1, "then it is accepted");
    rows = bed_job(&w.b, 1)->inputs;
    ok(wf_rows_next(&rows, wf_desc_need_row(), &need) &&
           wf_slice_is(need.ref, "hers.07070707@1") && need.files == 1,
       "by a name that nobody else can take");
    stock_submit(&w.b, w.ann, 1, "in", "hers");
    ok(bed_refusal(&w.b, w.ann) == 0 && bed_count(&w.b, w.ann, WF_MSG_accepted) == 1,
       "the same once more is the same job");
    close_world(&w);
}

static void fails(void)
{
    struct wf_query q;
    struct world w;

    open_world(&w);
    show(&w, w.ann, "hers");
    must(asked(&w, "hers@1", &q));
    tell_list(&w, q.req, 2);
    ok(bed_refusal(&w.b, w.ann) == WEFT_EPROTO && w.b.c->mesh.imports.copies == 0,
       "a list that its home did not sign for is none");
    bed_tick(&w.b, 2 * BED_SECOND);
    show(&w, w.ann, "hers");
    must(asked(&w, "hers@1", &q));
    tell_page(&w, q.req, "f0", 2, 1);
    ok(asked(&w, "hers@1", &q) && q.after == 1, "further pages are asked for");
    tell_list(&w, q.req, 1);
    is_int(bed_refusal(&w.b, w.ann), WEFT_EPROTO, "and count as well");
    bed_tick(&w.b, 2 * BED_SECOND);
    show(&w, w.ann, "hers");
    must(asked(&w, "hers@1", &q));
    bed_say(&w.b, w.f.peer, WF_MSG_error,
            &(struct wf_error){.code = (uint64_t) -WEFT_ENOENT,
                               .about = WF_MSG_query,
                               .req = q.req,
                               .text = wf_slice_of("gone")});
    is_int(bed_refusal(&w.b, w.ann), WEFT_ENOENT, "what its home says is passed on");
    bed_tick(&w.b, 2 * BED_SECOND);
    stock_submit(&w.b, w.ann, 1, "in", "hers");
    must(asked(&w, "hers@1", &q));
    bed_tick(&w.b, 6 * BED_SECOND);
    is_int(bed_refusal(&w.b, w.ann), WEFT_EUNREACH, "no answer is told, too");
    tell_list(&w, q.req, 1);
    is_int(w.b.c->mesh.imports.copies, 0, "one that comes later is nobody's");
    bed_tick(&w.b, 2 * BED_SECOND);
    for (unsigned i = 0; i < 64; i++) {
        show(&w, w.ann, "hers");
    }
    show(&w, w.ann, "hers");
    is_int(bed_refusal(&w.b, w.ann), WEFT_EBUSY, "not more than so many wait");
    bed_down(&w.b, w.f.peer);
    bed_tick(&w.b, 8 * BED_SECOND);
    show(&w, w.ann, "hers");
    is_int(bed_refusal(&w.b, w.ann), WEFT_EUNREACH, "without a way nobody is asked");
    close_world(&w);
}

static void has_no_more_files(void)
{
    struct wf_query q;
    struct world w;
    size_t was;

    open_world(&w);
    show(&w, w.ann, "hers");
    must(asked(&w, "hers@1", &q));
    tell_page(&w, q.req, "f1", 1, 1);
    must(asked(&w, "hers@1", &q));
    tell_page(&w, q.req, "f2", 1, 2);
    ok(bed_refusal(&w.b, w.ann) == WEFT_EPROTO && !asked(&w, "hers@1", &q),
       "a list that goes on beyond what its home said ends there");
    bed_tick(&w.b, 2 * BED_SECOND);
    was = w.b.c->data.datasets.max_files;
    w.b.c->data.datasets.max_files = w.b.c->data.datasets.nfiles + 1;
    show(&w, w.ann, "hers");
    ok(asked(&w, "hers@1", &q), "one for which there is room is asked for");
    show(&w, w.bob, "open");
    is_int(bed_refusal(&w.b, w.bob), WEFT_EFULL, "another has none then");
    w.b.c->data.datasets.max_files = was;
    show(&w, w.bob, "open");
    ok(asked(&w, "open@1", &q), "but with more room");
    w.files = DATASET_FILES_MAX + 1;
    far_has(&w, 2, BOB, "huge", NULL);
    show(&w, w.bob, "huge");
    is_int(bed_refusal(&w.b, w.bob), WEFT_EFULL, "none is longer than one of ours");
    close_world(&w);
}

/* When the last refusal says that one may ask again. */
static uint64_t again_ms(const struct world *w, uint32_t peer)
{
    struct wf_msg m;

    must(bed_told(&w->b, peer, WF_MSG_error, 0, &m));
    return m.u.error.retry_ms;
}

static void not_without_a_store(void)
{
    struct wf_query q;
    struct world w;

    open_world(&w);
    show(&w, w.ann, "hers");
    must(asked(&w, "hers@1", &q));
    w.b.c->cfg.durable = 1;
    w.b.c->store_failing = 1;
    show(&w, w.bob, "open");
    ok(bed_refusal(&w.b, w.bob) == WEFT_ESTORAGE && again_ms(&w, w.bob) != 0,
       "nothing is fetched while the store fails");
    tell_list(&w, q.req, 1);
    ok(bed_refusal(&w.b, w.ann) == WEFT_ESTORAGE && w.b.c->mesh.imports.copies == 0,
       "and nothing kept");
    w.b.c->cfg.durable = 0;
    w.b.c->store_failing = 0;
    w.b.c->rolled_back = 1;
    show(&w, w.bob, "open");
    ok(bed_refusal(&w.b, w.bob) == WEFT_ESTORAGE && again_ms(&w, w.bob) == 0,
       "nor when it went back in time: asking again does not help then");
    w.b.c->rolled_back = 0;
    show(&w, w.bob, "open");
    ok(asked(&w, "open@1", &q), "then it is");
    close_world(&w);
}

static void not_too_many_at_once(void)
{
    char name[16];
    struct wf_query q;
    struct wf_msg m;
    struct world w;

    open_world(&w);
    for (unsigned i = 0; i <= IMPORTS_MAX; i++) {
        (void) snprintf(name, sizeof name, "d%u", i);
        far_has(&w, 2 + i, ANN, name, NULL);
    }
    for (unsigned i = 0; i < IMPORTS_MAX; i++) {
        (void) snprintf(name, sizeof name, "d%u", i);
        show(&w, w.ann, name);
        must(bed_count(&w.b, w.f.peer, WF_MSG_query) == 1);
    }
    stock_submit(&w.b, w.ann, 1, "in", "d16");
    ok(bed_refusal(&w.b, w.ann) == WEFT_EBUSY && again_ms(&w, w.ann) != 0 &&
           bed_told(&w.b, w.ann, WF_MSG_error, 0, &m) && m.u.error.again,
       "of one list too many a job is told to come again");
    show(&w, w.ann, "d16");
    ok(bed_refusal(&w.b, w.ann) == WEFT_EBUSY && again_ms(&w, w.ann) != 0,
       "and a question");
    bed_tick(&w.b, 6 * BED_SECOND);
    bed_tick(&w.b, 2 * BED_SECOND);
    show(&w, w.ann, "d16");
    ok(asked(&w, "d16@1", &q), "when others have ended it is asked for");
    w.b.c->data.datasets.max_files = 0;
    show(&w, w.ann, "d1");
    ok(bed_refusal(&w.b, w.ann) == WEFT_EFULL && again_ms(&w, w.ann) == 0,
       "what there is no room for is no matter of time");
    close_world(&w);
}

static void say_locate(struct world *w, uint32_t peer, struct wf_locate m)
{
    struct list l = LIST;

    list_blob(&l, 1, KIB);
    m.rows = l.rows;
    m.req = 33;
    bed_say(&w->b, peer, WF_MSG_locate, &m);
    list_fini(&l);
}

static void asks_for_bytes(void)
{
    const struct wf_holder_row holder = {.key = bed_key(50),
                                         .name = wf_slice_of("store"),
                                         .ticket = 1234,
                                         .ttl_ms = 60000};
    const struct wf_at_row at = {stock_digest(1), KIB, 0, KIB};
    struct wf_buf a = WF_BUF_INIT(1024), r = WF_BUF_INIT(1024);
    struct wf_located found = {0};
    struct wf_query q;
    struct wf_msg m;
    struct world w;

    open_world(&w);
    bed_say(&w.b, w.agent, WF_MSG_ping, &(struct wf_ping){1, 0, 0, 0});
    stock_submit(&w.b, w.ann, 1, "in", "hers");
    must(asked(&w, "hers@1", &q));
    tell_list(&w, q.req, 1);
    must(bed_state(&w.b, 1) == WF_JOB_ASSIGNED);
    say_locate(&w, w.agent, (struct wf_locate){.job = bed_id(1)});
    ok(bed_told(&w.b, w.f.peer, WF_MSG_locate, 0, &m) &&
           wf_slice_is(m.u.locate.dataset, "hers@1") && m.u.locate.reader.b[0] == ANN &&
           m.u.locate.home.b[0] == FAR && m.u.locate.to.b[0] == 1 &&
           wf_slice_is(m.u.locate.name, "one"),
       "an agent's bytes are asked of the dataset's home");
    found.req = m.u.locate.req;
    must(wf_rows_add(&a, &found.holders, wf_desc_holder_row(), &holder) == 0 &&
         wf_rows_add(&r, &found.rows, wf_desc_at_row(), &at) == 0);
    bed_say(&w.b, w.f.peer, WF_MSG_located, &found);
    ok(bed_told(&w.b, w.agent, WF_MSG_located, 0, &m) && m.u.located.req == 33 &&
           m.u.located.rows.count == 1,
       "and told to it");
    say_locate(&w, w.ann, (struct wf_locate){.req = 33});
    ok(bed_told(&w.b, w.f.peer, WF_MSG_locate, 0, &m) && m.u.locate.to.b[0] == ANN,
       "a client's, too");
    say_locate(&w, w.bob, (struct wf_locate){.req = 33});
    ok(bed_count(&w.b, w.f.peer, WF_MSG_locate) == 0, "but not another's");
    stock_has(&w.b, w.agent, 1);
    say_locate(&w, w.ann, (struct wf_locate){.req = 33});
    ok(bed_count(&w.b, w.f.peer, WF_MSG_locate) == 0 &&
           bed_told(&w.b, w.ann, WF_MSG_located, 0, &m) && m.u.located.rows.count == 1,
       "what is here by now is had here");
    wf_buf_fini(&a);
    wf_buf_fini(&r);
    close_world(&w);
}

static void serves(void)
{
    struct wf_query q = {.req = 5,
                         .kind = WF_QUERY_DATASET,
                         .key = wf_slice_of("mine@1"),
                         .home = bed_key(200),
                         .reader = bed_key(ANN),
                         .hops = 3};
    struct wf_locate l = {.home = bed_key(200),
                          .reader = bed_key(ANN),
                          .dataset = wf_slice_of("mine@1"),
                          .to = bed_key(77),
                          .name = wf_slice_of("node"),
                          .hops = 3};
    struct wf_msg m;
    struct world w;

    open_world(&w);
    stock_simple(&w.b, w.ann, "mine", NULL, 1, 1);
    stock_has(&w.b, w.agent, 1);
    bed_say(&w.b, w.f.peer, WF_MSG_query, &q);
    ok(bed_told(&w.b, w.f.peer, WF_MSG_dataset_info, 0, &m) &&
           m.u.dataset_info.files.count == 1,
       "another broker is told the list of an owner's dataset");
    say_locate(&w, w.f.peer, l);
    ok(bed_told(&w.b, w.f.peer, WF_MSG_located, 0, &m) && m.u.located.rows.count == 1 &&
           bed_count(&w.b, w.agent, WF_MSG_grant) == 1,
       "and who has its bytes");
    q.reader = l.reader = bed_key(BOB);
    bed_say(&w.b, w.f.peer, WF_MSG_query, &q);
    is_int(bed_refusal(&w.b, w.f.peer), WEFT_ENOENT, "not on behalf of another");
    say_locate(&w, w.f.peer, l);
    ok(bed_told(&w.b, w.f.peer, WF_MSG_located, 0, &m) &&
           m.u.located.code == (uint64_t) -WEFT_EPERM,
       "who may not have the bytes, either");
    q.home = l.home = bed_key(99);
    bed_say(&w.b, w.f.peer, WF_MSG_query, &q);
    is_int(bed_refusal(&w.b, w.f.peer), WEFT_EUNREACH,
           "what is for a broker that nobody leads to comes back");
    say_locate(&w, w.f.peer, l);
    ok(bed_told(&w.b, w.f.peer, WF_MSG_located, 0, &m) && m.u.located.rows.count == 0,
       "with nothing");
    close_world(&w);
}

/* More questions than there are places: a list is asked for again by who waits for it. */
static void is_displaced(void)
{
    struct wf_query q;
    struct wf_msg m;
    struct world w;

    open_world(&w);
    show(&w, w.bob, "open");
    must(asked(&w, "open@1", &q));
    tell_list(&w, q.req, 1);
    show(&w, w.ann, "hers");
    must(asked(&w, "hers@1", &q));
    for (unsigned i = 1; i < MESH_ASKS; i++) {
        say_locate(&w, w.bob, (struct wf_locate){.req = 33});
        must(bed_count(&w.b, w.f.peer, WF_MSG_locate) == 1);
    }
    is_int(bed_refusal(&w.b, w.ann), 0, "so many questions have a place");
    say_locate(&w, w.bob, (struct wf_locate){.req = 33});
    is_int(bed_refusal(&w.b, w.ann), WEFT_EBUSY,
           "who waits for a displaced page hears so");
    is_int(bed_refusal(&w.b, w.bob), 0, "and nobody else");
    tell_list(&w, q.req, 1);
    is_int(w.b.c->mesh.imports.copies, 1, "its answer is nobody's");
    say_locate(&w, w.bob, (struct wf_locate){.req = 33});
    ok(bed_told(&w.b, w.bob, WF_MSG_error, 0, &m) && m.u.error.req == 33 &&
           m.u.error.about == WF_MSG_locate && m.u.error.retry_ms != 0,
       "a client whose locate is displaced, too");
    close_world(&w);
}

int main(void)
{
    comes_when_named();
    is_the_right_one();
    nobody_takes_its_name();
    waits_with_a_job();
    fails();
    has_no_more_files();
    not_without_a_store();
    not_too_many_at_once();
    asks_for_bytes();
    serves();
    is_displaced();
    return done();
}
