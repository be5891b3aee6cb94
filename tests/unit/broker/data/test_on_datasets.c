/* Datasets as clients put, list, pin and remove them. */
#include "tests/unit/broker/data/stock.h"

#define ANN  10
#define BOB  11
#define BOSS 20

struct world {
    struct bed b;
    uint32_t ann, bob, boss, one, two;
};

static void open_world(struct world *w)
{
    bed_init(&w->b);
    bed_start(&w->b);
    w->ann = bed_client(&w->b, ANN, "ann");
    w->bob = bed_client(&w->b, BOB, "bob");
    w->boss = bed_operator(&w->b, BOSS);
    w->one = stock_agent(&w->b, 1, "one", NULL);
    w->two = stock_agent(&w->b, 2, "two", NULL);
}

/* One page of a put: a file of the name of its blob. */
static void put_page(struct world *w, uint32_t peer, uint64_t req, const char *name,
                     uint32_t base, const char *path, unsigned blob, int more)
{
    struct list files = LIST;
    struct wf_dataset_put m = {
        .req = req, .name = wf_slice_of(name), .base = base, .more = more != 0};

    list_file(&files, path, blob, blob * KIB);
    m.files = files.rows;
    bed_say(&w->b, peer, WF_MSG_dataset_put, &m);
    list_fini(&files);
}

static void pages(void)
{
    struct world w;
    struct wf_msg m;

    open_world(&w);
    put_page(&w, w.ann, 1, "pics", 0, "a", 1, 1);
    ok(stock_get(&w.b, "pics", 0) == NULL && w.b.fx.n == 0, "a page alone is nothing");
    put_page(&w, w.ann, 2, "more", 0, "x", 3, 1);
    put_page(&w, w.bob, 1, "bobs", 0, "y", 4, 0);
    put_page(&w, w.ann, 1, "pics", 0, "b", 2, 0);
    ok(bed_told(&w.b, w.ann, WF_MSG_done, 0, &m) && m.u.done.code == 0 &&
           wf_slice_is(m.u.done.text, "pics@1"),
       "the last makes a version");
    is_int(stock_get(&w.b, "pics", 1)->nfiles, 2, "of all of them");
    is_int(stock_get(&w.b, "bobs", 1)->nfiles, 1, "while others put theirs");
    put_page(&w, w.ann, 2, "more", 0, "z", 5, 0);
    is_int(stock_get(&w.b, "more", 1)->nfiles, 2, "and another one is under way");
    put_page(&w, w.ann, 3, "gone", 0, "z", 6, 1);
    bed_down(&w.b, w.ann);
    ok(stock_blob(&w.b, 6) == NULL && wf_list_empty(&w.b.c->data.drafts),
       "what is not finished goes with its session");
    bed_fini(&w.b);
}

/* The pages that are on their way when the first is refused must not begin another one.
 */
static void refused_pages(void)
{
    struct world w;

    open_world(&w);
    put_page(&w, w.ann, 1, "pics", 0, "../bad", 1, 1);
    is_int(bed_refusal(&w.b, w.ann), WEFT_EINVAL, "a bad path is refused");
    put_page(&w, w.ann, 1, "pics", 0, "b", 2, 1);
    ok(w.b.fx.n == 0, "the next page is skipped");
    put_page(&w, w.ann, 1, "pics", 0, "c", 3, 0);
    ok(w.b.fx.n == 0 && stock_get(&w.b, "pics", 0) == NULL, "and so is the last");
    put_page(&w, w.ann, 1, "pics", 0, "c", 3, 0);
    is_int(bed_refusal(&w.b, w.ann), 0, "then it may be put again");
    put_page(&w, w.ann, 2, "pics", 0, "c", 3, 1);
    is_int(bed_refusal(&w.b, w.ann), WEFT_EEXIST, "a taken name is refused at once");
    put_page(&w, w.ann, 2, "other", 0, "c", 3, 0);
    ok(stock_get(&w.b, "other", 0) == NULL, "with all its pages");
    bed_fini(&w.b);
}

static int put(struct world *w, uint32_t peer, const char *name, uint32_t base)
{
    put_page(w, peer, 5, name, base, "f", 1, 0);
    return bed_refusal(&w->b, peer);
}

static void versions(void)
{
    struct world w;

    open_world(&w);
    is_int(put(&w, w.ann, "pics", 1), WEFT_EEXIST, "no version to follow");
    is_int(put(&w, w.ann, "pics", 0), 0, "a new name");
    is_int(put(&w, w.ann, "pics", 0), WEFT_EEXIST, "is new once");
    is_int(put(&w, w.ann, "pics", 1), 0, "a version follows another");
    is_int(put(&w, w.ann, "pics", 1), WEFT_EEXIST, "once");
    is_int(put(&w, w.ann, "pics", UINT32_MAX), 0, "or any");
    is_int(stock_get(&w.b, "pics", 0)->version, 3, "the third");
    is_int(put(&w, w.bob, "pics", UINT32_MAX), WEFT_EEXIST, "somebody else has the name");
    is_int(put(&w, w.boss, "pics", 3), 0, "an operator may");
    is_int(put(&w, w.ann, "pics", 4), 0, "and its owner still does after that");
    is_int(put(&w, w.ann, "Pics", 0), WEFT_EINVAL, "a name that is none");
    /* Two at the same time: the one that ends first has it. */
    put_page(&w, w.ann, 1, "both", 0, "a", 1, 1);
    put_page(&w, w.bob, 1, "both", 0, "b", 2, 1);
    put_page(&w, w.bob, 1, "both", 0, "c", 3, 0);
    is_int(bed_refusal(&w.b, w.bob), 0, "one is first");
    put_page(&w, w.ann, 1, "both", 0, "d", 4, 0);
    is_int(bed_refusal(&w.b, w.ann), WEFT_EEXIST, "the other is told");
    bed_fini(&w.b);
}

static void labels(void)
{
    struct list l = LIST;
    struct wf_dataset_put m = {.req = 1, .name = wf_slice_of("pics")};
    struct world w;

    open_world(&w);
    list_label(&l, "no label");
    m.labels = l.rows;
    bed_say(&w.b, w.ann, WF_MSG_dataset_put, &m);
    is_int(bed_refusal(&w.b, w.ann), WEFT_EINVAL, "a label is KEY=VALUE");
    list_fini(&l);
    list_label(&l, "residency=eu");
    list_label(&l, "residency=us");
    m.labels = l.rows;
    bed_say(&w.b, w.ann, WF_MSG_dataset_put, &m);
    is_int(bed_refusal(&w.b, w.ann), WEFT_EINVAL, "one residency");
    list_fini(&l);
    list_label(&l, "residency=eu+ch");
    m.labels = l.rows;
    bed_say(&w.b, w.ann, WF_MSG_dataset_put, &m);
    is_int(bed_refusal(&w.b, w.ann), 0, "of several regions, and without a file");
    is_str(stock_get(&w.b, "pics", 1)->residency, "eu+ch", "which is kept");
    list_fini(&l);
    bed_fini(&w.b);
}

static void bounds(void)
{
    struct world w;

    open_world(&w);
    for (uint64_t req = 1; req <= 16; req++) {
        put_page(&w, w.ann, req, "pics", 0, "a", 1, 1);
    }
    put_page(&w, w.ann, 17, "pics", 0, "a", 1, 1);
    is_int(bed_refusal(&w.b, w.ann), WEFT_EBUSY, "a session puts so many at once");
    put_page(&w, w.ann, 17, "pics", 0, "a", 1, 0);
    ok(stock_get(&w.b, "pics", 0) == NULL, "what was too much stays refused");
    bed_fini(&w.b);
}

/* -- seen ------------------------------------------------------------------------------
 */

/* Rows of a list; `more` is the cursor that came. */
static unsigned listed(struct world *w, uint32_t peer, uint64_t after, uint64_t limit,
                       uint64_t *ret_more)
{
    const struct wf_query q = {
        .req = 1, .kind = WF_QUERY_DATASETS, .after = after, .limit = limit};
    struct wf_msg m;

    bed_say(&w->b, peer, WF_MSG_query, &q);
    must(bed_told(&w->b, peer, WF_MSG_datasets_page, 0, &m));
    *ret_more = m.u.datasets_page.more;
    return m.u.datasets_page.rows.count;
}

static int shown(struct world *w, uint32_t peer, const char *key, uint64_t after,
                 struct wf_msg *ret)
{
    const struct wf_query q = {
        .req = 1, .kind = WF_QUERY_DATASET, .key = wf_slice_of(key), .after = after};

    bed_say(&w->b, peer, WF_MSG_query, &q);
    return bed_told(&w->b, peer, WF_MSG_dataset_info, 0, ret);
}

static void lists(void)
{
    struct wf_dataset_row row;
    struct wf_msg m;
    struct world w;
    uint64_t more;

    open_world(&w);
    stock_simple(&w.b, w.ann, "b", NULL, 1, 2);
    stock_simple(&w.b, w.ann, "a", "kind=raw", 1, 2);
    stock_simple(&w.b, w.ann, "a", NULL, 1, 3);
    stock_simple(&w.b, w.bob, "c", NULL, 1, 2);
    stock_simple(&w.b, w.bob, "d", "public=yes", 1, 2);
    is_int(listed(&w, w.ann, 0, 0, &more), 4, "one's own, and what is for all");
    is_int(more, 0, "on one page");
    is_int(listed(&w, w.boss, 0, 0, &more), 5, "an operator sees all");
    is_int(listed(&w, w.ann, 0, 3, &more), 3, "a page of three");
    is_int(listed(&w, w.ann, more, 3, &more), 1, "and the rest");
    is_int(listed(&w, w.ann, 99, 3, &more), 0, "nothing behind the end");
    is_int(listed(&w, w.ann, UINT64_MAX, 3, &more), 0, "however far");
    ok(shown(&w, w.ann, "a", 0, &m), "one is shown");
    must(wf_rows_next(&m.u.dataset_info.dataset, wf_desc_dataset_row(), &row));
    ok(row.version == 2 && row.files == 3 && row.bytes == 6 * KIB && row.copies == 0,
       "the newest");
    ok(shown(&w, w.ann, "a@1", 0, &m), "or a version");
    must(wf_rows_next(&m.u.dataset_info.dataset, wf_desc_dataset_row(), &row));
    ok(wf_slice_is(row.labels, "kind=raw") && wf_slice_is(row.owner, "ann"),
       "with its labels and owner");
    ok(!shown(&w, w.ann, "c", 0, &m) && bed_refusal(&w.b, w.ann) == WEFT_ENOENT,
       "somebody else's is not there");
    ok(shown(&w, w.ann, "d", 0, &m) && shown(&w, w.boss, "c", 0, &m),
       "unless it is for all, or to an operator");
    bed_fini(&w.b);
}

static void many_files(void)
{
    struct list files = LIST;
    uint64_t after = 0, n = 0, pages = 0;
    struct wf_msg m;
    struct world w;

    open_world(&w);
    for (unsigned i = 0; i < 1000; i++) {
        char path[200];

        (void) snprintf(path, sizeof path, "%0150u", i);
        list_file(&files, path, i % 7, KIB);
    }
    stock_put(&w.b, w.ann, "pics", 0, NULL, &files);
    do {
        must(shown(&w, w.ann, "pics", after, &m));
        must(m.u.dataset_info.more == 0 || m.u.dataset_info.more > after);
        n += m.u.dataset_info.files.count;
        after = m.u.dataset_info.more;
        pages++;
    } while (after != 0);
    ok(n == 1000 && pages > 3, "files come in pages");
    ok(shown(&w, w.ann, "pics", 5000, &m) && m.u.dataset_info.files.count == 0 &&
           m.u.dataset_info.more == 0,
       "that end");
    list_fini(&files);
    bed_fini(&w.b);
}

static void agents_see(void)
{
    struct wf_query q = {.req = 1, .kind = WF_QUERY_JOBS};
    struct wf_msg m;
    struct world w;

    open_world(&w);
    stock_simple(&w.b, w.ann, "a", NULL, 1, 2);
    stock_simple(&w.b, w.ann, "b", NULL, 3, 2);
    stock_simple(&w.b, w.ann, "none", NULL, 1, 0);
    ok(!shown(&w, w.one, "a", 0, &m), "an agent sees no dataset");
    ok(!shown(&w, w.one, "none", 0, &m), "not even an empty one");
    stock_submit(&w.b, w.ann, 1, "in", "a");
    {
        uint32_t at = bed_job(&w.b, 1)->agent->session->peer;

        ok(shown(&w, at, "a@1", 0, &m), "but what its attempt needs");
        ok(!shown(&w, at, "b@1", 0, &m), "and nothing else");
        ok(!shown(&w, at == w.one ? w.two : w.one, "a@1", 0, &m), "nor does another");
        bed_say(&w.b, at, WF_MSG_query, &q);
        is_int(bed_refusal(&w.b, at), WEFT_EPERM, "of jobs it sees nothing");
        bed_result(&w.b, at, 1, 1, 0);
        ok(!shown(&w, at, "a@1", 0, &m), "with the attempt the right ends");
    }
    bed_fini(&w.b);
}

static void shares(void)
{
    struct wf_share_row row;
    struct wf_msg m;
    struct world w;

    open_world(&w);
    stock_simple(&w.b, w.ann, "a", NULL, 1, 2);
    stock_has(&w.b, w.one, 1);
    stock_has(&w.b, w.one, 2);
    stock_has(&w.b, w.two, 2);
    must(shown(&w, w.ann, "a", 0, &m) && m.u.dataset_info.shares.count == 2);
    must(wf_rows_next(&m.u.dataset_info.shares, wf_desc_share_row(), &row));
    ok(wf_slice_is(row.node, "one") && row.bytes == 3 * KIB && row.files == 2,
       "who has it all");
    must(wf_rows_next(&m.u.dataset_info.shares, wf_desc_share_row(), &row));
    ok(wf_slice_is(row.node, "two") && row.bytes == 2 * KIB && row.files == 1,
       "who has some");
    bed_fini(&w.b);
}

/* -- removed and pinned ----------------------------------------------------------------
 */

static void removes(void)
{
    struct world w;

    open_world(&w);
    stock_simple(&w.b, w.ann, "a", NULL, 1, 2);
    stock_simple(&w.b, w.ann, "a", NULL, 2, 2);
    stock_simple(&w.b, w.ann, "b", "public=yes", 3, 1);
    for (unsigned i = 1; i <= 3; i++) {
        stock_has(&w.b, w.one, i);
    }
    stock_rm(&w.b, w.bob, "a");
    is_int(bed_refusal(&w.b, w.bob), WEFT_ENOENT, "somebody else's is not there");
    stock_rm(&w.b, w.bob, "b");
    is_int(bed_refusal(&w.b, w.bob), WEFT_EPERM, "or not to be removed");
    stock_rm(&w.b, w.ann, "a@1");
    ok(bed_refusal(&w.b, w.ann) == 0 && stock_get(&w.b, "a", 1) == NULL &&
           stock_get(&w.b, "a", 2) != NULL,
       "a version goes");
    ok(stock_kept(&w.b, w.one, WF_KEEP_DROP, 1), "its blob may go at the agent");
    ok(!stock_kept(&w.b, w.one, WF_KEEP_DROP, 2) &&
           !stock_kept(&w.b, w.one, WF_KEEP_DROP, 3),
       "what another one has may not");
    stock_simple(&w.b, w.ann, "a", NULL, 2, 2);
    stock_rm(&w.b, w.ann, "a");
    ok(stock_get(&w.b, "a", 0) == NULL && stock_kept(&w.b, w.one, WF_KEEP_DROP, 2),
       "all versions, and what only they had");
    ok(!stock_kept(&w.b, w.one, WF_KEEP_DROP, 3), "as before");
    stock_rm(&w.b, w.boss, "b");
    is_int(bed_refusal(&w.b, w.boss), 0, "an operator may");
    stock_rm(&w.b, w.ann, "b");
    is_int(bed_refusal(&w.b, w.ann), WEFT_ENOENT, "it is gone");
    bed_fini(&w.b);
}

static int pin(struct world *w, uint32_t peer, const char *name, const char *node, int on)
{
    const struct wf_data_pin m = {1, wf_slice_of(name), wf_slice_of(node), on != 0};

    bed_say(&w->b, peer, WF_MSG_data_pin, &m);
    return bed_refusal(&w->b, peer);
}

/* The answer to a put is lost with the session. */
static void put_again(void)
{
    struct world w;
    struct wf_msg m;
    struct list files = LIST;
    uint32_t peer;

    open_world(&w);
    list_file(&files, "f", 1, KIB);
    bed_enrol(&w.b, 9, WF_ROLE_CLIENT, "eve");
    peer = bed_hello(&w.b, 9, WF_ROLE_CLIENT, 5);
    stock_put(&w.b, peer, "a", 0, NULL, &files);
    bed_down(&w.b, peer);
    peer = bed_hello(&w.b, 9, WF_ROLE_CLIENT, 5);
    stock_put(&w.b, peer, "a", 0, NULL, &files);
    ok(bed_told(&w.b, peer, WF_MSG_done, 0, &m) && m.u.done.code == 0 &&
           wf_slice_is(m.u.done.text, "a@1"),
       "the same request again is answered with what it made");
    ok(stock_get(&w.b, "a", 2) == NULL, "which is one version");
    bed_down(&w.b, peer);
    peer = bed_hello(&w.b, 9, WF_ROLE_CLIENT, 6);
    stock_put(&w.b, peer, "a", 0, NULL, &files);
    is_int(bed_refusal(&w.b, peer), WEFT_EEXIST, "another process asks for another one");
    stock_put(&w.b, peer, "a", 1, NULL, &files);
    ok(bed_refusal(&w.b, peer) == 0 && stock_get(&w.b, "a", 2) != NULL, "and may");
    list_fini(&files);
    bed_fini(&w.b);
}

/* Who was away when its data was removed is told when it is back. */
static void removed_meanwhile(void)
{
    struct list holds = LIST;
    struct world w;
    uint32_t peer;

    open_world(&w);
    stock_simple(&w.b, w.ann, "a", NULL, 1, 3);
    stock_simple(&w.b, w.ann, "b", NULL, 3, 1);
    for (unsigned i = 1; i <= 3; i++) {
        list_hold(&holds, i, i * KIB, i * KIB, WF_HOLD_PINNED);
    }
    stock_holds(&w.b, w.one, 1, &holds, MIB);
    stock_has(&w.b, w.two, 1);
    bed_down(&w.b, w.one);
    stock_rm(&w.b, w.ann, "a");
    ok(stock_kept(&w.b, w.two, WF_KEEP_DROP, 1), "who is there is told at once");
    is_int(w.b.c->data.debts.nblobs, 3, "what to tell others is remembered");
    stock_simple(&w.b, w.ann, "c", NULL, 2, 1);
    peer = stock_agent(&w.b, 1, "one", NULL);
    stock_holds(&w.b, peer, 1, &holds, MIB);
    bed_tick(&w.b, DATA_TICK_US);
    is_int(w.b.c->data.debts.nblobs, 0, "until they have heard it");
    bed_down(&w.b, peer);
    stock_rm(&w.b, w.ann, "c");
    peer = bed_hello(&w.b, 1, WF_ROLE_AGENT, 1);
    stock_info(&w.b, peer, NULL, 4, 1000 * MIB);
    bed_resync(&w.b, peer);
    is_int(bed_count(&w.b, peer, WF_MSG_keep), 0, "nothing before it says what it has");
    stock_holds(&w.b, peer, 1, &holds, MIB);
    ok(stock_kept(&w.b, peer, WF_KEEP_DROP, 2), "then it is to drop what nothing needs");
    ok(!stock_kept(&w.b, peer, WF_KEEP_DROP, 3), "but not what another dataset has");
    bed_down(&w.b, peer);
    stock_rm(&w.b, w.ann, "b");
    is_int(w.b.c->data.debts.nblobs, 1, "once more");
    data_agent_gone(w.b.c, stock_agent_of(&w.b, 1));
    is_int(w.b.c->data.debts.nblobs, 0, "who is gone for good owes nothing");
    list_fini(&holds);
    bed_fini(&w.b);
}

static void pins(void)
{
    struct list part = LIST;
    struct world w;

    open_world(&w);
    stock_simple(&w.b, w.ann, "a", "public=yes", 1, 3);
    is_int(pin(&w, w.ann, "a", "", 1), WEFT_ENOENT, "what nobody has");
    stock_has(&w.b, w.one, 1);
    stock_has(&w.b, w.two, 1);
    list_hold(&part, 2, 2 * KIB, 5, 0);
    stock_holds(&w.b, w.one, 0, &part, MIB);
    is_int(pin(&w, w.bob, "a", "", 1), WEFT_EPERM, "somebody else's");
    is_int(pin(&w, w.ann, "a", "", 1), 0, "is pinned");
    ok(stock_kept(&w.b, w.one, WF_KEEP_PIN, 1) && stock_kept(&w.b, w.two, WF_KEEP_PIN, 1),
       "wherever it is");
    ok(!stock_kept(&w.b, w.one, WF_KEEP_PIN, 2), "as far as it is there");
    is_int(pin(&w, w.ann, "a", "two", 0), 0, "and let go");
    ok(stock_kept(&w.b, w.two, WF_KEEP_UNPIN, 1) &&
           bed_count(&w.b, w.one, WF_MSG_keep) == 0,
       "at a node");
    is_int(pin(&w, w.ann, "a", "nobody", 1), WEFT_ENOENT, "that has it");
    list_fini(&part);
    bed_fini(&w.b);
}

/* Many blobs at many agents: some in each step, all in the end, none twice. */
static void long_pins(void)
{
    struct list files = LIST, holds = LIST;
    unsigned told[2] = {0}, most = 0, steps = 0;
    struct world w;

    open_world(&w);
    for (unsigned i = 1; i <= 9000; i++) {
        char path[16];

        (void) snprintf(path, sizeof path, "f%u", i);
        list_file(&files, path, i, KIB);
        list_hold(&holds, i, KIB, KIB, 0);
        if (holds.rows.count == WF_HOLD_ROWS_MAX || i == 9000) {
            stock_holds(&w.b, w.one, 0, &holds, MIB);
            stock_holds(&w.b, w.two, 0, &holds, MIB);
            list_fini(&holds);
        }
        if (files.rows.count == 1000) {
            struct wf_dataset_put m = {
                .req = 1, .name = wf_slice_of("a"), .more = i < 9000};

            m.files = files.rows;
            bed_say(&w.b, w.ann, WF_MSG_dataset_put, &m);
            list_fini(&files);
        }
    }
    is_int(pin(&w, w.ann, "a", "", 1), 0, "a large dataset is pinned");
    for (; steps < 100; steps++) {
        const uint32_t peers[2] = {w.one, w.two};
        unsigned now = 0;

        for (unsigned i = 0; i < 2; i++) {
            struct wf_msg m;

            for (unsigned k = 0; bed_told(&w.b, peers[i], WF_MSG_keep, k, &m); k++) {
                told[i] += m.u.keep.rows.count;
                now++;
            }
        }
        most = now > most ? now : most;
        if (core_wakeup_us(w.b.c) > w.b.now_us + BED_SECOND / 10) {
            break;
        }
        bed_tick(&w.b, DATA_TICK_US);
    }
    ok(told[0] == 9000 && told[1] == 9000, "each agent is told all of it, once");
    ok(steps > 1 && most <= 16, "in turns, as the broker asks to be woken for");
    is_int(w.b.c->data.keeps.n, 0, "and nothing is left of it");
    list_fini(&files);
    bed_fini(&w.b);
}

int main(void)
{
    pages();
    refused_pages();
    versions();
    labels();
    bounds();
    lists();
    many_files();
    agents_see();
    shares();
    removes();
    put_again();
    removed_meanwhile();
    pins();
    long_pins();
    return done();
}
