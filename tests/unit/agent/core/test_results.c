/* Results that are blobs, and what becomes of their pins; memory that runs out. */
#include "tests/unit/agent/core/world.h"

#include "common/mem.h"
#include "tests/unit/agent/disk.h"

/* The result is blob `which`, which the shell has pinned. */
static void ends_with_blob(struct world *w, uint64_t run, unsigned which, int code,
                           int was_pinned)
{
    const struct run_end end = {.code = code,
                                .has_blob = 1,
                                .blob = w->blobs[which].digest,
                                .blob_size = w->blobs[which].size,
                                .blob_was_pinned = was_pinned};
    struct node_event ev = {.kind = NODE_RUN_DONE, .run = run, .end = &end};

    w->blobs[which].pinned = 1;
    put(w, which);
    act(w, &ev);
    settle(w);
}

static void are_told(void)
{
    struct wf_msg m;
    struct world w;

    open_world(&w, 1, 0);
    assign(&w.b, 1, 1, 4);
    prints(&w.b, w.b.started[0], 1, "printed");
    ends_with_blob(&w, w.b.started[0], 7, 0, 0);
    ok(heard(&w, WF_MSG_result, 0, &m) && m.u.result.code == 0 &&
           m.u.result.data.len == 0 && m.u.result.blob_size == w.blobs[7].size &&
           wf_digest_eq(&m.u.result.blob, &w.blobs[7].digest),
       "a large result is told by its name");
    say(&w, WF_MSG_result_ack, &(struct wf_result_ack){id_of(1), 1});
    settle(&w);
    ok(w.blobs[7].pinned, "and stays pinned once the broker has that");
    keep(&w, WF_KEEP_UNPIN, 7);
    settle(&w);
    ok(!w.blobs[7].pinned, "until the broker says so");
    close_world(&w);
}

static void are_unpinned_when_nobody_hears_of_them(void)
{
    const struct wf_stop stop = {.job = id_of(1), .attempt = 1, .code = 27};
    struct wf_msg m;
    struct world w;

    open_world(&w, 2, 0);
    assign(&w.b, 1, 1, 4);
    say(&w, WF_MSG_stop, &stop);
    ends_with_blob(&w, w.b.started[0], 7, 0, 0);
    ok(heard(&w, WF_MSG_result, 0, &m) && wf_digest_is_zero(&m.u.result.blob) &&
           !w.blobs[7].pinned,
       "the result of a run that was stopped is nobody's");
    close_world(&w);

    open_world(&w, 2, 0);
    assign(&w.b, 1, 1, 4);
    say(&w, WF_MSG_stop, &stop);
    ends_with_blob(&w, w.b.started[0], 7, 0, 1);
    ok(w.blobs[7].pinned, "a pin that was there before stays");
    close_world(&w);

    open_world(&w, 2, 0);
    assign(&w.b, 1, 1, 4);
    assign(&w.b, 2, 1, 4);
    say(&w, WF_MSG_stop, &stop);
    ends_with_blob(&w, w.b.started[1], 7, 0, 0);
    ends_with_blob(&w, w.b.started[0], 7, 0, 0);
    ok(w.blobs[7].pinned, "so does that of a like result");
    close_world(&w);
}

static void outlive_the_process(void)
{
    struct disk d = {.n = 0};
    struct wf_msg m;
    struct world w;

    init_world(&w, 1, 0);
    w.b.cfg.spool_bytes = 1u << 20;
    w.b.cfg.spool_age_ms = 60000;
    start_world(&w);
    assign_with(&w, 1, 2, "");
    settle(&w);
    must(w.b.nstarted == 1);
    cut(&w.b, &d);
    {
        const struct run_end end = {
            .has_blob = 1, .blob = w.blobs[7].digest, .blob_size = w.blobs[7].size};
        struct node_event ev = {
            .kind = NODE_RUN_DONE, .run = w.b.started[0], .end = &end};

        step(&w.b, &ev);
    }
    write_out(&w.b, &d);
    is_int(d.n, 1, "its record is written");
    reboot(&w.b, &d);
    back(&w.b, &d);
    ok(said(&w.b, WF_MSG_result, 0, &m) && m.u.result.blob_size == w.blobs[7].size &&
           wf_digest_eq(&m.u.result.blob, &w.blobs[7].digest) &&
           m.u.result.fetched >= w.blobs[2].size,
       "the next process tells it");
    cut(&w.b, &d);
    wait_ms(&w.b, &d, 61000);
    is_int(d.n, 0, "until it is too old");
    wipe(&d);
    close_world(&w);
}

/* -- memory ----------------------------------------------------------------------------
 */

/* A step under which the n-th allocation fails; what was lost with it is made good by a
 * new session. */
static int starve(struct world *w, struct node_event *ev, long n)
{
    int lost;

    ev->now_us = w->b.now_us;
    wf_effects_fini(&w->b.fx);
    (void) wf_mem_fail_after(n);
    node_step(w->b.n, ev, &w->b.fx);
    lost = wf_mem_fail_after(-1) <= (unsigned long) n;
    node_check(w->b.n);
    for (size_t i = 0; i < w->b.fx.n; i++) {
        if (w->b.fx.v[i].kind == WF_EFFECT_START && w->b.nstarted < 16) {
            w->b.started[w->b.nstarted++] = w->b.fx.v[i].arg;
        }
    }
    gather(w);
    return lost;
}

enum { ASSIGN, FOLDER, PAGE, ORDER, HELD, LINK_DOWN, STARVINGS };

/* All files of the dataset, as the answer to the first query. */
static struct wf_dataset_info page_of(struct world *w, struct wf_buf *rows)
{
    struct wf_dataset_info m = {.req = 1};

    for (uint64_t i = 0; i < w->files; i++) {
        const struct world_blob *x = &w->blobs[i % WORLD_BLOBS];
        char path[] = {'a', (char) ('a' + i), '\0'};
        const struct wf_file_row row = {wf_slice_of(path), x->digest, x->size};

        must(wf_rows_add(rows, &m.files, wf_desc_file_row(), &row) == 0);
    }
    return m;
}

static void starve_one(struct world *w, unsigned what, long n, int *ret_done)
{
    struct wf_buf rows = WF_BUF_INIT(WF_FRAME_MAX);
    struct wf_msg msg = {.type = WF_MSG_assign};
    struct node_event ev = {.kind = NODE_MSG, .msg = &msg};
    const struct node_hold h = {
        .digest = w->blobs[0].digest, .size = w->blobs[0].size, .have = w->blobs[0].size};

    if (what == ASSIGN) {
        msg.u.assign = work_for(w, 1, &rows, 6, "");
    } else if (what == FOLDER) {
        msg.u.assign = work_for(w, 1, &rows, -1, "maps@2");
    } else if (what == PAGE) {
        w->deaf = 1;
        assign_with(w, 1, -1, "maps@2");
        settle(w);
        w->deaf = 0;
        msg.type = WF_MSG_dataset_info;
        msg.u.dataset_info = page_of(w, &rows);
    } else if (what == ORDER) {
        const struct wf_digest_row row = {w->blobs[6].digest, w->blobs[6].size};

        msg.type = WF_MSG_fetch;
        msg.u.fetch = (struct wf_fetch){.req = 1, .pin = 1};
        must(wf_rows_add(&rows, &msg.u.fetch.rows, wf_desc_digest_row(), &row) == 0);
    } else if (what == HELD) {
        ev = (struct node_event){.kind = NODE_BLOB_HELD, .hold = &h};
    } else {
        ev = (struct node_event){.kind = NODE_LINK_DOWN};
    }
    *ret_done = starve(w, &ev, n);
    wf_buf_fini(&rows);
}

static void survives_without_memory(unsigned what)
{
    int over = 0;
    unsigned n = 0, sound = 0, is_started;

    for (; !over && n < 500; n++) {
        struct world w;

        init_world(&w, 1, 4);
        w.files = 20;
        start_world(&w);
        starve_one(&w, what, (long) n, &over);
        settle(&w);
        cut_world(&w);
        back_world(&w);
        pass(&w, 5000);
        if (w.b.nstarted == 1) {
            ends(&w.b, w.b.started[0], 0);
            gather(&w);
        }
        is_started = w.b.nstarted;
        assign_with(&w, 2, 7, "");
        pass(&w, 60000);
        sound += w.b.nstarted == is_started + 1 && w.blobs[7].held;
        close_world(&w);
    }
    ok(over && sound == n, "case %u: whichever allocation fails, work goes on (%u)", what,
       n);
}

static void needs_memory_to_begin(void)
{
    struct world w;
    unsigned n = 0;
    int rc = WEFT_ENOMEM;

    init_world(&w, 1, 0);
    for (; rc != 0 && n < 200; n++) {
        (void) wf_mem_fail_after((long) n);
        rc = node_new(&w.b.cfg, &w.b.n);
        (void) wf_mem_fail_after(-1);
        must(rc == 0 || rc == WEFT_ENOMEM);
    }
    ok(rc == 0 && n > 5, "an agent without memory does not begin");
    close_world(&w);
}

int main(void)
{
    are_told();
    are_unpinned_when_nobody_hears_of_them();
    outlive_the_process();
    needs_memory_to_begin();
    for (unsigned what = 0; what < STARVINGS; what++) {
        survives_without_memory(what);
    }
    return done();
}
