#include "client/data/put_int.h"

#include "client/data/lanes.h"
#include "common/mem.h"

#include <string.h>

#define HASH_STEP  (8u << 20) /* bytes hashed in one task */
#define HASH_FILES 256u       /* files hashed in one task */

/* -- reading ---------------------------------------------------------------------------
 */

static void walk(struct desk_task *task)
{
    struct put *p = CONTAINER_OF(task, struct put, task);

    p->code =
        tree_walk(&p->tree, (const char *const *) p->paths, p->npaths, &p->stop, &p->err);
}

/* Some more of the files. */
static void hash_files(struct desk_task *task)
{
    struct put *p = CONTAINER_OF(task, struct put, task);
    uint64_t until = p->bytes + HASH_STEP;
    unsigned n = 0;

    while (p->code == 0 && p->at < p->tree.n && n < HASH_FILES && p->bytes < until) {
        struct source *s = &p->tree.files[p->at];

        if (s->leaves == NULL) {
            p->code = source_open(s, &p->err);
        }
        if (p->code == 0 && s->hashed < wf_chunk_count(s->size)) {
            p->bytes += wf_chunk_len(s->size, s->hashed);
            p->code = source_read(s, s->hashed, p->buf, &p->err);
        }
        if (p->code == 0) {
            source_hash(s, p->buf);
        }
        if (source_is_ready(s)) {
            p->at++;
            n++;
        }
    }
}

/* One chunk that was fetched on the loop's thread. */
static void hash_chunk(struct desk_task *task)
{
    struct put *p = CONTAINER_OF(task, struct put, task);
    struct source *s = &p->tree.files[0];

    source_hash(s, p->buf);
    p->bytes = source_done(s);
    p->at += source_is_ready(s);
}

static void back(struct desk_task *task);

static void send_task(struct put *p, void (*work)(struct desk_task *task))
{
    p->task.work = work;
    p->task.done = back;
    p->out = transfer_ask(&p->g.t, &p->task) == 0;
    if (!p->out) {
        transfer_end(&p->g.t, WEFT_EIO, "no thread for the disk could be started");
    }
}

/* The next chunk of memory, or of the user's function. */
static int fetch_chunk(struct put *p)
{
    struct source *s = &p->tree.files[0];
    struct weft_client *c = p->g.t.client;
    int rc;

    if (s->hashed >= wf_chunk_count(s->size)) {
        return 0;
    }
    if (s->read == NULL) {
        return source_raw(s, s->hashed, p->buf);
    }
    data_user_begin(c);
    rc = source_raw(s, s->hashed, p->buf);
    data_user_end(c);
    return rc;
}

static void tell(struct put *p, uint64_t now_us, const char *text, int now)
{
    const struct weft_progress w = {.phase = p->phase < PUT_STAGING ? WEFT_READING
                                                                    : WEFT_MOVING,
                                    .bytes = p->bytes,
                                    .total = p->total,
                                    .moved = p->moved,
                                    .node = p->last,
                                    .text = text};

    transfer_tell(&p->g.t, now_us, &w, now);
}

static void go_on_hashing(struct put *p)
{
    if (p->npaths != 0) {
        send_task(p, hash_files);
    } else if (fetch_chunk(p) != 0) {
        transfer_end(&p->g.t, WEFT_EIO, "the function that reads the data failed");
    } else if (transfer_is_wanted(&p->g.t)) {
        send_task(p, hash_chunk);
    }
}

/* -- staging ---------------------------------------------------------------------------
 */

void put_row(const void *files, size_t i, struct wf_file_row *ret_file)
{
    const struct source *s = (const struct source *) files + i;

    *ret_file = (struct wf_file_row){
        .path = wf_slice_of(s->path), .digest = s->digest, .size = s->size};
}

static int shelve(struct put *p)
{
    struct data *d = p->g.t.data;
    int rc = data_give(d) != NULL ? 0 : WEFT_ENOMEM;

    p->g.residency = p->residency;
    while (rc == 0 && p->shelved < p->tree.n) {
        rc = shelf_add(d, &p->g, &p->tree.files[p->shelved]);
        p->shelved += rc == 0;
    }
    return rc;
}

static void stage(struct put *p, uint64_t now_us)
{
    struct transfer *t = &p->g.t;
    struct weft_client *c = t->client;
    int rc = shelve(p);

    if (rc != 0) {
        transfer_end(t, rc, "too much is being put at once");
        return;
    }
    p->phase = PUT_STAGING;
    p->bytes = 0;
    p->total = p->size;
    p->parts.files = p->tree.files;
    p->parts.n = p->tree.n;
    p->parts.file = put_row;
    if (transfer_inner(t) == NULL) {
        return;
    }
    t->inner->call.flags |= WF_CALL_STAGE;
    transfer_asked(t, wf_calls_request_parts(&c->calls, now_us, &t->inner->call,
                                             WF_MSG_stage, parts_stage, &p->parts,
                                             client_out(c)));
}

static void name(struct put *p, uint64_t now_us)
{
    struct transfer *t = &p->g.t;
    struct weft_client *c = t->client;

    p->phase = PUT_NAMING;
    if (transfer_inner(t) == NULL) {
        return;
    }
    transfer_asked(t, wf_calls_request_parts(&c->calls, now_us, &t->inner->call,
                                             WF_MSG_dataset_put, parts_put, &p->parts,
                                             client_out(c)));
}

/* All is well: what the user is told, and the job that waited. */
static void finish(struct put *p, uint64_t now_us, struct wf_slice dataset)
{
    struct transfer *t = &p->g.t;
    struct result *r = transfer_result(t);
    const struct source *only = &p->tree.files[0];

    p->bytes = p->total;
    tell(p, now_us, "", 1);
    if (t->job != NULL) {
        wf_calls_release(&t->client->calls, now_us, &t->job->call, &only->digest,
                         only->size, client_out(t->client));
    }
    if (r != NULL) {
        struct weft_moved *m = &r->moved;

        m->size = sizeof *m;
        m->dataset = wf_slice_str(dataset, r->dataset, sizeof r->dataset);
        m->node = strcpy(r->node, p->last);
        m->files = p->tree.n;
        m->bytes = p->size;
        m->moved = p->moved;
        m->skipped = p->tree.links;
        m->nodes = p->nodes;
        if (p->tree.n == 1) {
            memcpy(m->digest.bytes, only->digest.b, sizeof m->digest.bytes);
        }
    }
    transfer_end(t, 0, "");
}

static void note_stage(struct put *p, const struct wf_stage_info *m)
{
    p->bytes = m->bytes;
    p->total = wf_max_u64(p->total, m->total);
    p->moved = m->moved;
    p->nodes = m->nodes;
    if (m->node.len != 0) {
        (void) wf_slice_str(m->node, p->last, sizeof p->last);
    }
}

static void told(struct transfer *t, const struct wf_stage_info *m)
{
    struct put *p = put_of(t);
    char text[WF_TEXT_MAX + 1];

    if (p->phase == PUT_STAGING && !m->over) {
        note_stage(p, m);
        tell(p, wf_now_us(), wf_slice_str(m->text, text, sizeof text), m->text.len != 0);
    }
}

static void look_at_stage(struct put *p, uint64_t now_us)
{
    struct transfer *t = &p->g.t;
    struct wf_msg msg;
    const struct wf_link *link = &t->client->calls.link;

    if (wf_calls_ready(&t->client->calls) && link->welcome.bulk_port == 0) {
        transfer_end(t, WEFT_ESUPPORT, "this broker moves no data");
        return;
    }
    lanes_give(t->data->lanes, now_us, 1);
    if (transfer_answer(t, WF_MSG_stage_info, &msg) != 1) {
        return;
    }
    note_stage(p, &msg.u.stage_info);
    transfer_inner_done(t);
    if (p->dataset[0] != '\0') {
        name(p, now_us);
    } else {
        finish(p, now_us, wf_slice_of(NULL));
    }
}

static void look_at_name(struct put *p, uint64_t now_us)
{
    struct wf_msg msg;

    if (transfer_answer(&p->g.t, WF_MSG_done, &msg) == 1) {
        finish(p, now_us, msg.u.done.text);
    }
}

/* -- steps -----------------------------------------------------------------------------
 */

static void back(struct desk_task *task)
{
    struct put *p = CONTAINER_OF(task, struct put, task);
    struct transfer *t = &p->g.t;

    p->out = 0;
    if (transfer_back(t, task) != 0) {
        return;
    }
    if (p->code != 0) {
        transfer_end(t, p->code, p->err.text);
        return;
    }
    if (p->tree.n == 0) {
        transfer_end(t, WEFT_EINVAL, "there is no file to put");
        return;
    }
    if (p->tree.n > 1 && p->dataset[0] == '\0') {
        transfer_end(t, WEFT_EINVAL, "several files need the name of a dataset");
        return;
    }
    if (p->phase == PUT_WALKING || p->at == p->tree.n) {
        p->size = 0;
        for (size_t i = 0; i < p->tree.n; i++) {
            p->size += p->tree.files[i].size;
        }
    }
    p->phase = PUT_HASHING;
    p->total = p->size;
    tell(p, wf_now_us(), "", 0);
}

static void step(struct transfer *t, uint64_t now_us)
{
    struct put *p = put_of(t);

    if (p->out) {
        return;
    }
    switch (p->phase) {
    case PUT_NEW:
        p->phase = p->npaths != 0 ? PUT_WALKING : PUT_HASHING;
        if (p->npaths != 0) {
            send_task(p, walk);
        } else {
            go_on_hashing(p);
        }
        break;
    case PUT_WALKING:
        break;
    case PUT_HASHING:
        if (p->at < p->tree.n) {
            go_on_hashing(p);
        } else {
            stage(p, now_us);
        }
        break;
    case PUT_STAGING:
        look_at_stage(p, now_us);
        break;
    case PUT_NAMING:
        look_at_name(p, now_us);
        break;
    }
}

static int is_giving(const struct transfer *t);

static void stop(struct transfer *t)
{
    struct put *p = put_of(t);
    int gives = 0;

    atomic_store(&p->stop, 1);
    if (p->phase == PUT_STAGING && t->inner != NULL) {
        wf_calls_stage_end(&t->client->calls, &t->inner->call, client_out(t->client));
    }
    while (p->shelved != 0) {
        shelf_remove(t->data, &p->tree.files[--p->shelved]);
    }
    for (struct wf_list_node *n = wf_list_first(&t->data->transfers); n != NULL;
         n = wf_list_next(&t->data->transfers, n)) {
        const struct transfer *x = CONTAINER_OF(n, struct transfer, node);

        gives |= x != t && is_giving(x);
    }
    lanes_give(t->data->lanes, wf_now_us(), gives);
}

void put_fini(struct put *p)
{
    for (size_t i = 0; i < p->npaths; i++) {
        wf_free(p->paths[i]);
    }
    wf_free(p->paths);
    tree_fini(&p->tree);
    parts_fini(&p->parts);
    wf_buf_fini(&p->labels);
    wf_buf_fini(&p->needs);
    wf_free(p->copy);
    wf_free(p->buf);
}

static void fini(struct transfer *t)
{
    struct put *p = put_of(t);

    t->data->payloads -= p->copied;
    put_fini(p);
}

const struct transfer_ops put_ops = {step, told, stop, fini};

static int is_giving(const struct transfer *t)
{
    return t->ops == &put_ops && t->state == TRANSFER_RUNNING &&
           CONTAINER_OF(CONTAINER_OF(t, const struct giver, t), const struct put, g)
                   ->shelved != 0;
}
