/* Inputs that are folders: listed page by page, once for all that name them. */
#include "tests/unit/agent/core/world.h"

static const struct run *run_started(const struct world *w)
{
    for (size_t i = 0; i < w->b.fx.n; i++) {
        if (w->b.fx.v[i].kind == WF_EFFECT_START) {
            return w->b.fx.v[i].obj;
        }
    }
    return NULL;
}

static void put_all(struct world *w)
{
    for (unsigned i = 0; i < WORLD_BLOBS; i++) {
        put(w, i);
    }
}

static void lists_in_pages(void)
{
    const struct run_files *f;
    struct world w;

    init_world(&w, 1, 4);
    w.files = 250;
    w.folder = "a/b/";
    start_world(&w);
    put_all(&w);
    assign_with(&w, 1, -1, "maps@2/a");
    is_int(w.b.nstarted, 0, "a folder is not known yet");
    must(w.at == 0);
    w.deaf = 1;
    settle(&w);
    w.deaf = 0;
    is_int(w.queries, 0, "it is asked for");
    cut_world(&w);
    back_world(&w);
    ok(w.queries == 3 && w.asked_after == 200, "again in another session, and on");
    is_int(w.b.nstarted, 1, "all pages make it known");
    close_world(&w);

    init_world(&w, 1, 4);
    w.files = 250;
    w.page = 250;
    w.folder = "a/b/";
    start_world(&w);
    put_all(&w);
    assign_with(&w, 1, -1, "maps@2/a");
    while (w.b.nstarted == 0 && w.at < w.queue.len) {
        answer_next(&w);
    }
    must(run_started(&w) != NULL && run_started(&w)->inputs->n == 1);
    f = run_started(&w)->inputs->v[0].files;
    ok(f->folder && f->n == 250, "the run gets all files");
    ok(strcmp(run_file_path(f, 0), "b/0") == 0 &&
           strcmp(run_file_path(f, 249), "b/249") == 0,
       "with their paths in the folder");
    ok(f->v[9].size == w.blobs[1].size &&
           wf_digest_eq(&f->v[9].digest, &w.blobs[1].digest),
       "and what they are");
    is_int(node_data_counts(w.b.n).blobs, WORLD_BLOBS, "a blob twice is one blob");
    close_world(&w);
}

static void keeps_to_the_folder(void)
{
    struct world w;

    init_world(&w, 1, 4);
    w.files = 5;
    w.folder = "ab/";
    start_world(&w);
    put_all(&w);
    assign_with(&w, 1, -1, "maps@2/a");
    while (w.b.nstarted == 0 && w.at < w.queue.len) {
        answer_next(&w);
    }
    ok(run_started(&w) != NULL && run_started(&w)->inputs->v[0].files->n == 0,
       "a name that only begins like it is not in it: an empty folder is one, too");
    close_world(&w);
}

static void is_shared(void)
{
    struct world w;

    init_world(&w, 4, 4);
    w.files = 150;
    start_world(&w);
    for (uint8_t id = 1; id < 4; id++) {
        assign_with(&w, id, -1, "maps@2");
    }
    settle(&w);
    pass(&w, 1000);
    ok(w.queries == 2 && node_data_counts(w.b.n).lists == 1,
       "runs that name one folder have it listed once");
    is_int(w.b.nstarted, 3, "and get it");
    ok(w.blobs[0].begins == 1 && w.blobs[7].begins == 1, "fetched once");
    assign_with(&w, 5, 3, "");
    is_int(w.b.nstarted, 4, "what a folder has is there for others");
    close_world(&w);
}

/* One of two brokers with one store: the same key, but a store number each. */
static void joins(struct world *w, uint64_t store)
{
    const struct wf_welcome m = {.proto = 1,
                                 .heartbeat_ms = 1000,
                                 .lease_ms = 4000,
                                 .max_payload = 1000,
                                 .store = store,
                                 .shared = 5,
                                 .role = WF_ROLE_AGENT};

    cut_world(w);
    while (node_link(w->b.n)->state != WF_LINK_DIALLING) {
        pass(w, 100);
    }
    happens(&w->b, NODE_LINK_UP);
    hears(&w->b, WF_MSG_welcome, &m);
    gather(w);
    settle(w);
}

static void is_of_its_broker(void)
{
    struct wf_msg m;
    struct world w;

    init_world(&w, 1, 4);
    w.files = 3;
    start_world(&w);
    joins(&w, 1);
    w.deaf = 1;
    assign_with(&w, 1, -1, "maps@2");
    settle(&w);
    w.deaf = 0;
    joins(&w, 2);
    is_int(w.queries, 0, "another broker is not asked for the folder");
    w.unlisted = WEFT_ENOENT;
    assign_with(&w, 2, -1, "maps@2");
    settle(&w);
    ok(w.queries == 1 && times(&w, WF_MSG_refuse) == 1 && refused_with(&w, WEFT_ENOENT),
       "until it assigns something itself: what it says is the end of that");
    ok(node_counts(w.b.n).finished == 1 && times(&w, WF_MSG_result) == 0,
       "the other one has ended, too, which is not for this broker");
    forget(&w);
    joins(&w, 1);
    ok(heard(&w, WF_MSG_result, 0, &m) && m.u.result.job.b[0] == 1 &&
           m.u.result.code == (uint64_t) -WEFT_ELOST,
       "its own hears that it was lost");
    close_world(&w);
}

static void cannot_be_listed(void)
{
    struct world w;

    init_world(&w, 1, 4);
    w.files = 3;
    w.unlisted = WEFT_ENOENT;
    start_world(&w);
    assign_with(&w, 1, -1, "maps@2");
    assign_with(&w, 2, -1, "maps@2");
    settle(&w);
    ok(refused_with(&w, WEFT_ENOENT) && times(&w, WF_MSG_refuse) == 2,
       "a dataset that is gone");
    is_int(node_data_counts(w.b.n).lists, 0, "leaves nothing");
    w.unlisted = 0;
    forget(&w);
    assign_with(&w, 3, -1, "maps@2");
    settle(&w);
    is_int(w.b.nstarted, 1, "one that came back is asked for anew");
    close_world(&w);

    init_world(&w, 1, 4);
    w.files = 3;
    w.folder = "../";
    start_world(&w);
    assign_with(&w, 1, -1, "maps@2");
    settle(&w);
    ok(refused_with(&w, WEFT_EPROTO), "a path that leads out of it");
    close_world(&w);
}

static void asks_again_when_told_to(void)
{
    struct wf_error busy = {
        .code = (uint64_t) -WEFT_EBUSY, .about = WF_MSG_query, .retry_ms = 5000};
    struct wf_msg m;
    struct world w;

    init_world(&w, 1, 4);
    w.files = 3;
    w.deaf = 1;
    start_world(&w);
    assign_with(&w, 1, -1, "maps@2");
    must(heard(&w, WF_MSG_query, 0, &m));
    busy.req = m.u.query.req;
    say(&w, WF_MSG_error, &busy);
    pass(&w, 4000);
    is_int(times(&w, WF_MSG_query), 1, "a broker that is busy is left alone");
    pass(&w, 1500);
    is_int(times(&w, WF_MSG_query), 2, "for as long as it said");
    must(heard(&w, WF_MSG_query, 1, &m));
    say(&w, WF_MSG_dataset_info, &(struct wf_dataset_info){.req = m.u.query.req + 1});
    ok(node_counts(w.b.n).waiting == 1 && w.b.nstarted == 0,
       "an answer to something else is none");
    say(&w, WF_MSG_dataset_info,
        &(struct wf_dataset_info){.req = m.u.query.req, .more = 0});
    is_int(w.b.nstarted, 1, "an empty one is");
    close_world(&w);

    init_world(&w, 1, 4);
    w.files = 3;
    w.deaf = 1;
    start_world(&w);
    assign_with(&w, 1, -1, "maps@2");
    must(heard(&w, WF_MSG_query, 0, &m));
    say(&w, WF_MSG_dataset_info,
        &(struct wf_dataset_info){.req = m.u.query.req, .more = 7});
    must(heard(&w, WF_MSG_query, 1, &m) && m.u.query.after == 7);
    say(&w, WF_MSG_dataset_info,
        &(struct wf_dataset_info){.req = m.u.query.req, .more = 7});
    ok(refused_with(&w, WEFT_EPROTO), "a list that does not go on never ends");
    close_world(&w);
}

static void has_too_many_files(void)
{
    struct world w;

    init_world(&w, 1, 4);
    w.files = 5;
    w.page = 1024;
    start_world(&w);
    put_all(&w);
    assign_with(&w, 1, -1, "maps@2"); /* as the broker said: five */
    w.files = 100001;
    settle(&w);
    ok(refused_with(&w, WEFT_ETOOBIG) && node_counts(w.b.n).waiting == 0,
       "a folder with more files than one may have");
    is_int(node_data_counts(w.b.n).blobs, WORLD_BLOBS, "leaves nothing");
    close_world(&w);
}

static void is_left(void)
{
    const struct wf_stop stop = {.job = id_of(1), .attempt = 1, .code = 27};
    struct world w;

    init_world(&w, 1, 4);
    w.files = 5;
    w.deaf = 1;
    start_world(&w);
    assign_with(&w, 1, -1, "maps@2");
    say(&w, WF_MSG_stop, &stop);
    is_int(node_data_counts(w.b.n).lists, 0, "nobody needs it any more");
    w.deaf = 0;
    settle(&w);
    is_int(node_data_counts(w.b.n).blobs, 0, "an answer that comes late is dropped");
    close_world(&w);
}

int main(void)
{
    lists_in_pages();
    keeps_to_the_folder();
    is_shared();
    is_of_its_broker();
    cannot_be_listed();
    asks_again_when_told_to();
    has_too_many_files();
    is_left();
    return done();
}
