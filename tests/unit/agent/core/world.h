/* world.h - a node with a blob store, a broker that knows holders, and their lane
 *
 * Answers what the node asks for until nothing is asked any more: the broker locates and
 * lists, one holder gives over the broker's lane.  The flags of struct world make it
 * worse.
 */
#ifndef TESTS_UNIT_AGENT_CORE_WORLD_H
#define TESTS_UNIT_AGENT_CORE_WORLD_H

#include "tests/unit/agent/core/store.h"

/* -- the broker and the holder ---------------------------------------------------------
 */

WF_UNUSED static void locate(struct world *w, const struct wf_locate *m)
{
    struct wf_located out = {.req = m->req};
    struct wf_holder_row holder = {
        .name = wf_slice_of("far"), .ticket = 7, .ttl_ms = 600000};
    struct wf_buf a = WF_BUF_INIT(WF_FRAME_MAX), b = WF_BUF_INIT(WF_FRAME_MAX);
    struct wf_rows rows = m->rows;
    struct wf_digest_row row;

    w->locates++;
    if (w->deaf) {
        return;
    }
    if (w->forbids != NULL) {
        out.code = (uint64_t) -WEFT_EPERM;
        out.text = wf_slice_of(w->forbids);
        say(w, WF_MSG_located, &out);
        return;
    }
    memset(holder.key.b, 9, sizeof holder.key.b);
    must(wf_rows_add(&a, &out.holders, wf_desc_holder_row(), &holder) == 0);
    while (wf_rows_next(&rows, wf_desc_digest_row(), &row)) {
        const struct wf_at_row at = {row.digest, row.size, 0, row.size};

        if (blob_of(w, &row.digest)->listed) {
            must(wf_rows_add(&b, &out.rows, wf_desc_at_row(), &at) == 0);
        }
    }
    say(w, WF_MSG_located, &out);
    wf_buf_fini(&a);
    wf_buf_fini(&b);
}

WF_UNUSED static void list_files(struct world *w, const struct wf_query *q)
{
    struct wf_dataset_info m = {.req = q->req};
    struct wf_buf rows = WF_BUF_INIT(WF_FRAME_MAX);
    uint64_t i = q->after;

    w->queries++;
    w->asked_after = q->after;
    if (w->unlisted != 0) {
        const struct wf_error e = {
            .code = (uint64_t) -w->unlisted, .about = WF_MSG_query, .req = q->req};

        say(w, WF_MSG_error, &e);
        return;
    }
    must(wf_slice_is(q->key, "maps@2"));
    for (; i < w->files && m.files.count < w->page; i++) {
        const struct world_blob *x = &w->blobs[i % WORLD_BLOBS];
        struct wf_file_row row = {.digest = x->digest, .size = x->size};
        char path[64];

        (void) snprintf(path, sizeof path, "%s%llu", w->folder, (unsigned long long) i);
        row.path = wf_slice_of(path);
        must(wf_rows_add(&rows, &m.files, wf_desc_file_row(), &row) == 0);
    }
    m.more = i < w->files ? i : 0;
    say(w, WF_MSG_dataset_info, &m);
    wf_buf_fini(&rows);
}

WF_UNUSED static void lane_says(struct world *w, enum wf_type type, const void *body)
{
    struct wf_msg msg = {.type = type};
    struct node_event ev = {.kind = NODE_LANE_MSG, .msg = &msg};

    memcpy(&msg.u, body, wf_desc_of(type)->size);
    act(w, &ev);
}

WF_UNUSED static void give(struct world *w, const struct wf_want *m)
{
    struct world_blob *x = blob_of(w, &m->digest);
    unsigned n = (unsigned) (x - w->blobs);
    struct wf_piece piece = {.ticket = m->ticket, .digest = m->digest, .kind = m->kind};
    struct wf_digest leaves[WORLD_CHUNKS_MAX];

    if (m->kind == WF_WANT_LEAVES) {
        world_leaves(w, n, leaves);
        piece.total = wf_chunk_count(x->size) * sizeof leaves[0];
        piece.data = wf_slice_make(leaves, piece.total);
        lane_says(w, WF_MSG_piece, &piece);
        return;
    }
    for (uint64_t i = m->first; i < m->first + m->count; i++) {
        uint8_t *copy;

        if (w->stingy && w->left-- == 0) {
            w->left = 0;
            return;
        }
        world_fill(w, n, i);
        if (w->wrong != 0) {
            w->wrong--;
            w->bytes[0] ^= 1;
        }
        piece.chunk = i;
        piece.total = wf_chunk_len(x->size, i);
        copy = malloc(piece.total);
        must(copy != NULL);
        memcpy(copy, w->bytes, piece.total);
        piece.data = wf_slice_make(copy, piece.total);
        lane_says(w, WF_MSG_piece, &piece);
        free(copy);
    }
}

/* -- answers ---------------------------------------------------------------------------
 */

WF_UNUSED static void answer_message(struct world *w, const uint8_t *p, size_t len)
{
    struct wf_cursor cur;
    struct wf_msg m;

    wf_cur_init(&cur, p, len);
    must(wf_msg_decode(&cur, &m) == 0);
    if (m.type == WF_MSG_locate) {
        locate(w, &m.u.locate);
    } else if (m.type == WF_MSG_query && !w->deaf) {
        list_files(w, &m.u.query);
    } else if (m.type == WF_MSG_want && !w->mute) {
        give(w, &m.u.want);
    }
}

WF_UNUSED static void answer(struct world *w, const struct wf_effect *x, const uint8_t *p)
{
    struct node_event up = {.kind = NODE_LANE_UP, .lane = x->peer};
    struct wf_blob_ref ref;
    struct wf_digest digest;

    switch (x->kind) {
    case WF_EFFECT_SEND:
    case WF_EFFECT_LANE_SEND:
        answer_message(w, p, x->len);
        break;
    case WF_EFFECT_LANE_OPEN:
        w->opens++;
        act(w, &up);
        break;
    case WF_EFFECT_LANE_CLOSE:
        w->closes++;
        break;
    case WF_EFFECT_BLOB_BEGIN:
        memcpy(&ref, p, sizeof ref);
        begin_blob(w, &ref);
        break;
    case WF_EFFECT_BLOB_WRITE:
        memcpy(&ref, p, sizeof ref);
        write_blob(w, &ref, x->arg, p + sizeof ref, x->len - sizeof ref);
        break;
    case WF_EFFECT_BLOB_KEEP:
    case WF_EFFECT_BLOB_HOLD:
    case WF_EFFECT_BLOB_RELEASE:
        memcpy(&digest, p, sizeof digest);
        keep_blob(w, x, &digest);
        break;
    case WF_EFFECT_BLOB_READ:
        w->reads++;
        break;
    default:
        break;
    }
}

WF_UNUSED static void answer_next(struct world *w)
{
    struct wf_effect x;
    uint8_t *bytes;

    memcpy(&x, w->queue.p + w->at, sizeof x);
    bytes = malloc(x.len + 1);
    must(bytes != NULL);
    memcpy(bytes, w->queue.p + w->at + sizeof x, x.len);
    w->at += sizeof x + x.len;
    answer(w, &x, bytes);
    free(bytes);
}

/* Answer until nothing is asked, or due, any more. */
WF_UNUSED static void settle(struct world *w)
{
    struct node_event tick = {.kind = NODE_TICK};

    for (unsigned ticks = 0; ticks < 1000; ticks++) {
        while (w->at < w->queue.len) {
            answer_next(w);
        }
        wf_buf_clear(&w->queue);
        w->at = 0;
        if (node_wakeup_us(w->b.n) > w->b.now_us) {
            return;
        }
        act(w, &tick);
    }
    must(!"the node comes to rest");
}

WF_UNUSED static void pass(struct world *w, uint64_t ms)
{
    struct node_event tick = {.kind = NODE_TICK};

    for (uint64_t done_ms = 0; done_ms < ms; done_ms += 100) {
        w->b.now_us += (ms - done_ms < 100 ? ms - done_ms : 100) * MS;
        if (node_link(w->b.n)->state == WF_LINK_READY) {
            say(w, WF_MSG_ping, &(struct wf_ping){.seq = 1});
        }
        act(w, &tick);
        settle(w);
    }
}

/* -- what the broker asks for -----------------------------------------------------------
 */

WF_UNUSED static void join_world(struct world *w)
{
    connect(&w->b);
    gather(w);
}

WF_UNUSED static void start_world(struct world *w)
{
    must(node_new(&w->b.cfg, &w->b.n) == 0);
    happens(&w->b, NODE_START);
    list_store(w);
    happens(&w->b, NODE_LINK_UP);
    hears(&w->b, WF_MSG_welcome,
          &(struct wf_welcome){.proto = 1,
                               .heartbeat_ms = 1000,
                               .lease_ms = 4000,
                               .max_payload = 1000,
                               .role = WF_ROLE_AGENT});
    gather(w);
    settle(w);
}

WF_UNUSED static void open_world(struct world *w, uint64_t slots, uint64_t queue)
{
    init_world(w, slots, queue);
    start_world(w);
}

WF_UNUSED static void cut_world(struct world *w)
{
    struct node_event ev = {.kind = NODE_LINK_DOWN};

    act(w, &ev);
    settle(w);
}

WF_UNUSED static void back_world(struct world *w)
{
    for (int i = 0; i < 200 && node_link(w->b.n)->state != WF_LINK_DIALLING; i++) {
        pass(w, 100);
    }
    join_world(w);
    settle(w);
}

/* Blobs as digest rows; `n` of them. */
WF_UNUSED static void order(struct world *w, struct wf_fetch m, const unsigned *which,
                            unsigned n)
{
    struct wf_buf rows = WF_BUF_INIT(WF_FRAME_MAX);

    for (unsigned i = 0; i < n; i++) {
        const struct wf_digest_row row = {w->blobs[which[i]].digest,
                                          w->blobs[which[i]].size};

        must(wf_rows_add(&rows, &m.rows, wf_desc_digest_row(), &row) == 0);
    }
    say(w, WF_MSG_fetch, &m);
    wf_buf_fini(&rows);
}

WF_UNUSED static void keep(struct world *w, unsigned action, unsigned which)
{
    struct wf_keep m = {.action = action};
    struct wf_buf rows = WF_BUF_INIT(WF_FRAME_MAX);
    const struct wf_digest_row row = {w->blobs[which].digest, w->blobs[which].size};

    must(wf_rows_add(&rows, &m.rows, wf_desc_digest_row(), &row) == 0);
    say(w, WF_MSG_keep, &m);
    wf_buf_fini(&rows);
}

/* An assignment whose input `in0` is blob `which`, or with -1 the folder `ref`. */
WF_UNUSED static struct wf_assign work_for(struct world *w, uint8_t id,
                                           struct wf_buf *rows, int which,
                                           const char *ref)
{
    struct wf_assign m = {.job = id_of(id),
                          .attempt = 1,
                          .seq = id,
                          .capability = wf_slice_of("echo"),
                          .version = 1,
                          .priority = 4};
    struct wf_need_row row = {.name = wf_slice_of("in0"), .ref = wf_slice_of(ref)};

    if (which >= 0) {
        row.digest = w->blobs[which].digest;
        row.size = w->blobs[which].size;
        row.files = 1;
    } else {
        row.size = 1000;
        row.files = w->files;
    }
    must(wf_rows_add(rows, &m.inputs, wf_desc_need_row(), &row) == 0);
    return m;
}

WF_UNUSED static void assign_with(struct world *w, uint8_t id, int which, const char *ref)
{
    struct wf_buf rows = WF_BUF_INIT(WF_FRAME_MAX);
    const struct wf_assign m = work_for(w, id, &rows, which, ref);

    say(w, WF_MSG_assign, &m);
    wf_buf_fini(&rows);
}

WF_UNUSED static int refused_with(const struct world *w, int code)
{
    struct wf_msg m;

    return heard(w, WF_MSG_refuse, 0, &m) && m.u.refuse.code == (uint64_t) -code &&
           m.u.refuse.text.len != 0;
}

/* The order ended with this code: 0 and what it said. */
WF_UNUSED static int order_over(const struct world *w, uint64_t req,
                                struct wf_fetched *ret)
{
    struct wf_msg m;

    for (unsigned i = 0; heard(w, WF_MSG_fetched, i, &m); i++) {
        if (m.u.fetched.req == req && m.u.fetched.over) {
            *ret = m.u.fetched;
            return 1;
        }
    }
    return 0;
}

#endif
