/* Blobs, the sets that need them, and what pull does for those.
 *
 * A blob is pull's while a waiting set needs it and it is not whole.  Why (for which job,
 * at which priority) follows from its uses, so that a set that comes or goes only has to
 * have its blobs looked at again.
 */
#include "agent/core/node_data.h"

#include "common/err.h"
#include "common/mem.h"
#include "common/plant.h"
#include "common/str.h"

#include <stdio.h>
#include <string.h>

#define LOST_MAX 3u       /* a disk that loses a blob more often is not given it again */
#define TODO_US  1000000u /* until pull is asked again when it had no room */
#define ENDS_MAX 1024u    /* looked at in a row */

struct node_blob *node_blob_get(const struct node_data *d, const struct wf_digest *digest)
{
    return wf_map_get(d->blobs, digest, sizeof *digest);
}

static int need_blob(struct node *n, const struct wf_digest *digest, uint64_t size,
                     struct node_blob **ret_blob)
{
    struct node_blob *b = node_blob_get(n->data, digest);
    int rc;

    if (b != NULL) {
        *ret_blob = b;
        return b->size == size ? 0 : WEFT_ECONFLICT;
    }
    if (size > WF_BLOB_MAX) {
        return WEFT_ETOOBIG;
    }
    b = wf_calloc(1, sizeof *b);
    if (b == NULL) {
        return WEFT_ENOMEM;
    }
    b->digest = *digest;
    b->size = size;
    wf_list_init(&b->uses);
    wf_list_init(&b->changed);
    wf_list_init(&b->todo);
    rc = wf_map_put(n->data->blobs, &b->digest, sizeof b->digest, b);
    if (rc != 0) {
        wf_free(b);
        return rc;
    }
    *ret_blob = b;
    return 0;
}

void node_blob_settle(struct node *n, struct node_blob *b)
{
    if (!b->here && !b->told && wf_list_empty(&b->uses) && !b->pulled) {
        (void) wf_map_take(n->data->blobs, &b->digest, sizeof b->digest);
        wf_list_remove(&b->changed);
        wf_list_remove(&b->todo);
        wf_free(b);
    }
}

void node_blob_keep(const struct node_blob *b, unsigned action, struct wf_effects *out)
{
    wf_effects_add(out, WF_EFFECT_BLOB_KEEP, 0, action, &b->digest, sizeof b->digest,
                   NULL);
}

/* Held while it is needed and there. */
static void hold(struct node_blob *b, struct wf_effects *out)
{
    int want = b->here && !wf_list_empty(&b->uses);

    if (WF_PLANT(INPUT_UNHELD)) {
        want = b->held;
    }
    if (want != b->held && b->here) {
        wf_effects_add(out, want ? WF_EFFECT_BLOB_HOLD : WF_EFFECT_BLOB_RELEASE, 0, 0,
                       &b->digest, sizeof b->digest, NULL);
    }
    b->held = want;
}

/* -- why it is wanted ------------------------------------------------------------------
 */

static int set_waits(const struct node_set *s)
{
    return s->order != NULL || node_input_waits(s->input);
}

/* 1 and the want, or 0 when nobody waits for it. */
static int want_of(const struct node_blob *b, struct wf_pull_want *ret)
{
    int any = 0;

    *ret = (struct wf_pull_want){.digest = b->digest, .size = b->size};
    for (struct wf_list_node *x = wf_list_first(&b->uses); x != NULL;
         x = wf_list_next(&b->uses, x)) {
        const struct node_set *s = CONTAINER_OF(x, struct node_use, of_blob)->set;

        if (!set_waits(s)) {
            continue;
        }
        any = 1;
        if (s->order != NULL) {
            /* An order of this session is the one that the broker knows. */
            if (ret->fetch == 0 || !s->order->stale) {
                ret->fetch = s->order->req;
            }
        } else {
            const struct run *r = s->input->reason->run;

            if (!ret->waits || run_urgency(r) > ret->priority) {
                ret->job = r->key.job;
                ret->priority = run_urgency(r);
            }
            ret->waits = 1;
        }
    }
    return any;
}

static void blob_failed(struct node *n, struct node_blob *b, int code, const char *text)
{
    for (struct wf_list_node *x = wf_list_first(&b->uses); x != NULL;
         x = wf_list_next(&b->uses, x)) {
        struct node_set *s = CONTAINER_OF(x, struct node_use, of_blob)->set;

        if (set_waits(s)) {
            node_set_fail(n, s, code, text);
        }
    }
}

/* What pull knows of it: bytes that came, and from whom. */
static void note_moved(struct node_blob *b, uint64_t moved, const char *from)
{
    uint64_t more = moved - wf_min_u64(moved, b->moved);

    b->moved = wf_max_u64(b->moved, moved);
    if (more == 0) {
        return;
    }
    for (struct wf_list_node *x = wf_list_first(&b->uses); x != NULL;
         x = wf_list_next(&b->uses, x)) {
        struct node_set *s = CONTAINER_OF(x, struct node_use, of_blob)->set;

        s->moved += more;
        if (from[0] != '\0') {
            (void) snprintf(s->from, sizeof s->from, "%s", from);
        }
    }
}

static void leave_pull(struct node *n, struct node_blob *b, struct wf_effects *out)
{
    struct wf_pull_progress p;

    wf_list_remove(&b->todo);
    if (!b->pulled) {
        return;
    }
    if (wf_pull_progress(n->data->pull, &b->digest, &p) == 0) {
        note_moved(b, p.moved, p.from);
        (void) wf_pull_drop(n->data->pull, n->now_us, &b->digest, out);
    }
    b->pulled = 0;
    b->moved = 0;
}

/* Give it to pull, take it away, or change why it is wanted. */
static void fetch(struct node *n, struct node_blob *b, struct wf_effects *out)
{
    struct node_data *d = n->data;
    struct wf_pull_want want;
    int rc;

    if (node_blob_whole(b) || !want_of(b, &want)) {
        leave_pull(n, b, out);
        return;
    }
    rc = wf_pull_add(d->pull, n->now_us, &want, out);
    wf_list_remove(&b->todo);
    if (rc == 0) {
        b->pulled = 1;
    } else if (rc == WEFT_EFULL || rc == WEFT_ENOMEM) {
        wf_list_push_back(&d->todo, &b->todo);
        d->todo_us = wf_add_sat(n->now_us, TODO_US);
    } else {
        blob_failed(n, b, rc, wf_err_sentence(rc));
    }
}

/* -- what there is ---------------------------------------------------------------------
 */

static void count(struct node *n, struct node_blob *b, uint64_t was, int was_whole)
{
    int whole = node_blob_whole(b);

    for (struct wf_list_node *x = wf_list_first(&b->uses); x != NULL;
         x = wf_list_next(&b->uses, x)) {
        struct node_set *s = CONTAINER_OF(x, struct node_use, of_blob)->set;

        s->have = s->have - was + b->have;
        s->missing = s->missing + (size_t) was_whole - (size_t) whole;
        if (whole != was_whole) {
            node_set_touch(n, s);
        }
        if (s->order != NULL) {
            node_order_moved(n, s->order);
        }
    }
}

/* So much of it is in the store now. */
static void set_have(struct node *n, struct node_blob *b, int here, uint64_t have,
                     struct wf_effects *out)
{
    uint64_t was = b->have;
    int was_whole = node_blob_whole(b), was_here = b->here;

    b->here = here;
    b->have = here ? wf_min_u64(have, b->size) : 0;
    if (!here) {
        b->flags = 0;
        b->held = 0;
    }
    if (b->have == was && here == was_here) {
        return;
    }
    hold(b, out);
    count(n, b, was, was_whole);
    node_holdings_changed(n, b, node_blob_whole(b) && !wf_list_empty(&b->uses));
    if (node_blob_whole(b)) {
        leave_pull(n, b, out);
    } else if (was_whole && !b->pulled) {
        if (!wf_list_empty(&b->uses) && ++b->lost > LOST_MAX) {
            blob_failed(n, b, WEFT_EIO,
                        "the disk does not keep what it is given: look at the log of "
                        "the agent, and at its disk");
        } else {
            fetch(n, b, out);
        }
    }
}

void node_on_held(struct node *n, const struct node_hold *h, struct wf_effects *out)
{
    struct node_blob *b = node_blob_get(n->data, &h->digest);
    uint64_t have;

    if (b == NULL && h->gone) {
        return;
    }
    if (b == NULL && need_blob(n, &h->digest, h->size, &b) != 0) {
        n->data->untold++;
        return;
    }
    if (h->size != b->size && !h->gone) {
        /* The digest covers the size: what needed it with another one does not exist. */
        blob_failed(n, b, WEFT_ECONFLICT, "there is no blob of that size and digest");
        return;
    }
    if (!h->gone && b->flags != h->flags) {
        b->flags = h->flags;
        node_holdings_changed(n, b, 0);
    }
    /* While it comes in, what pull counts is newer than what a listing says. */
    have = b->pulled && !h->gone ? wf_max_u64(h->have, b->have) : h->have;
    set_have(n, b, !h->gone, have, out);
    node_blob_settle(n, b);
}

void node_on_kept(struct node *n, const struct node_event *ev, struct wf_effects *out)
{
    struct node_blob *b = node_blob_get(n->data, &ev->ref->digest);
    struct wf_pull_progress p;

    if (b == NULL || !b->pulled) {
        return;
    }
    if (wf_pull_progress(n->data->pull, &b->digest, &p) == 0) {
        note_moved(b, p.moved, p.from);
        if (ev->code == 0 || ev->code == WEFT_EEXIST) {
            set_have(n, b, 1, p.done, out);
        }
    }
}

/* -- sets ------------------------------------------------------------------------------
 */

void node_set_init(struct node_set *s)
{
    *s = (struct node_set){0};
    wf_list_init(&s->uses);
    wf_list_init(&s->touched);
}

static int has(const struct node_set *s, const struct node_blob *b)
{
    /* The latest come first: a blob twice in one set is mostly found at once. */
    for (struct wf_list_node *x = wf_list_first(&b->uses); x != NULL;
         x = wf_list_next(&b->uses, x)) {
        if (CONTAINER_OF(x, struct node_use, of_blob)->set == s) {
            return 1;
        }
    }
    return 0;
}

int node_set_add(struct node *n, struct node_set *s, const struct wf_digest *digest,
                 uint64_t size, struct wf_effects *out)
{
    struct node_blob *b = NULL;
    struct node_use *u;
    int rc = need_blob(n, digest, size, &b);

    if (rc != 0 || has(s, b)) {
        return rc;
    }
    u = n->data->nuses < NODE_USES_MAX ? wf_calloc(1, sizeof *u) : NULL;
    if (u == NULL) {
        rc = n->data->nuses < NODE_USES_MAX ? WEFT_ENOMEM : WEFT_EFULL;
        node_blob_settle(n, b);
        return rc;
    }
    if (wf_list_empty(&b->uses)) {
        b->lost = 0;
    }
    u->blob = b;
    u->set = s;
    wf_list_push_front(&b->uses, &u->of_blob);
    wf_list_push_back(&s->uses, &u->of_set);
    n->data->nuses++;
    s->n++;
    s->total += b->size;
    s->have += b->have;
    s->missing += !node_blob_whole(b);
    hold(b, out);
    fetch(n, b, out);
    node_set_touch(n, s);
    return 0;
}

void node_set_clear(struct node *n, struct node_set *s, struct wf_effects *out)
{
    struct wf_list_node *x;

    while ((x = wf_list_first(&s->uses)) != NULL) {
        struct node_use *u = CONTAINER_OF(x, struct node_use, of_set);
        struct node_blob *b = u->blob;

        wf_list_remove(&u->of_blob);
        wf_list_remove(&u->of_set);
        wf_free(u);
        n->data->nuses--;
        hold(b, out);
        fetch(n, b, out);
        node_blob_settle(n, b);
    }
    s->n = s->missing = 0;
    s->look = NULL;
    s->total = s->have = 0;
    wf_list_remove(&s->touched);
}

void node_set_fetch(struct node *n, struct node_set *s, struct wf_effects *out)
{
    for (struct wf_list_node *x = wf_list_first(&s->uses); x != NULL && s->missing != 0;
         x = wf_list_next(&s->uses, x)) {
        struct node_blob *b = CONTAINER_OF(x, struct node_use, of_set)->blob;

        if (!node_blob_whole(b)) {
            fetch(n, b, out);
        }
    }
}

/* One that is not whole; NULL: all are. */
static const struct node_blob *lacking(struct node_set *s)
{
    for (unsigned round = 0; round < 2; round++) {
        struct wf_list_node *x = s->look != NULL ? s->look : wf_list_first(&s->uses);

        for (; x != NULL; x = wf_list_next(&s->uses, x)) {
            const struct node_blob *b = CONTAINER_OF(x, struct node_use, of_set)->blob;

            if (!node_blob_whole(b)) {
                s->look = x;
                return b;
            }
        }
        s->look = NULL; /* one before it may have been lost */
    }
    return NULL;
}

int node_set_progress(struct node *n, struct node_set *s, struct wf_pull_progress *ret)
{
    const struct node_blob *b = s->missing != 0 ? lacking(s) : NULL;

    return b != NULL && b->pulled &&
           wf_pull_progress(n->data->pull, &b->digest, ret) == 0;
}

void node_set_touch(struct node *n, struct node_set *s)
{
    if (wf_list_empty(&s->touched)) {
        wf_list_push_back(&n->data->touched, &s->touched);
    }
}

void node_set_fail(struct node *n, struct node_set *s, int code, const char *text)
{
    if (s->code == 0) {
        s->code = code;
        (void) snprintf(s->text, sizeof s->text, "%s", text);
        s->text[wf_utf8_cut(s->text, strlen(s->text))] = '\0';
    }
    node_set_touch(n, s);
}

/* -- what pull has to tell -------------------------------------------------------------
 */

static void ended(struct node *n, const struct wf_pull_end *end, struct wf_effects *out)
{
    struct node_blob *b = node_blob_get(n->data, &end->digest);

    if (b == NULL) {
        return;
    }
    note_moved(b, end->moved, end->from);
    b->pulled = 0;
    b->moved = 0;
    if (end->code == 0) {
        set_have(n, b, 1, b->size, out);
    } else if (end->code == WEFT_EFULL) {
        blob_failed(n, b, WEFT_EFULL,
                    "no room for the data: raise the cap of the agent's blob store, "
                    "unpin data there, or free its disk");
    } else {
        blob_failed(n, b, end->code, end->text);
    }
    node_blob_settle(n, b);
}

static void tell_bad(struct node *n, struct wf_effects *out)
{
    struct wf_pull_bad bad;

    /* Until there is a session they wait with pull, which bounds them. */
    while (node_is_open(n) && wf_pull_next_bad(n->data->pull, &bad)) {
        char text[WF_TEXT_MAX + 1], digest[WF_DIGEST_TEXT];
        struct wf_fetched m = {.over = 1, .code = (uint64_t) -WEFT_EPROTO};

        (void) wf_digest_text(&bad.digest, digest);
        if (bad.chunk == UINT64_MAX) {
            (void) snprintf(text, sizeof text, "wrong digests of the chunks of %s",
                            digest);
        } else {
            (void) snprintf(text, sizeof text, "wrong bytes for chunk %llu of %s",
                            (unsigned long long) bad.chunk, digest);
        }
        m.text = wf_slice_of(text);
        m.from = wf_slice_of(bad.name);
        node_send(n, out, WF_MSG_fetched, &m);
    }
}

/* What pull had no room for, as far as there is some now. */
static void feed(struct node *n, struct wf_effects *out)
{
    struct node_data *d = n->data;
    struct wf_list_node *x;

    while (n->now_us >= d->todo_us && (x = wf_list_first(&d->todo)) != NULL) {
        fetch(n, CONTAINER_OF(x, struct node_blob, todo), out);
    }
}

static void look(struct node *n, struct wf_effects *out)
{
    struct wf_list_node *x;

    while ((x = wf_list_first(&n->data->touched)) != NULL) {
        struct node_set *s = CONTAINER_OF(x, struct node_set, touched);

        wf_list_remove(x);
        if (s->order != NULL) {
            node_order_look(n, s->order, out);
        } else {
            node_input_look(n, s->input, out);
        }
    }
}

void node_blobs_after(struct node *n, struct wf_effects *out)
{
    struct node_data *d = n->data;
    struct wf_pull_end end;

    do {
        unsigned some = 0;

        while (some < ENDS_MAX && wf_pull_next_end(d->pull, &end)) {
            some++;
            ended(n, &end, out);
        }
        if (some != 0) {
            d->todo_us = 0; /* there is room again */
        }
        feed(n, out);
        look(n, out);
        if (some < ENDS_MAX) {
            break;
        }
    } while (1);
    tell_bad(n, out);
}

void node_blobs_free(struct node_data *d)
{
    struct node_blob *b;
    size_t it = 0;

    while (d->blobs != NULL && (b = wf_map_next(d->blobs, &it)) != NULL) {
        struct wf_list_node *x;

        while ((x = wf_list_first(&b->uses)) != NULL) {
            struct node_use *u = CONTAINER_OF(x, struct node_use, of_blob);

            wf_list_remove(&u->of_blob); /* its set has gone already */
            wf_free(u);
        }
        (void) wf_map_take(d->blobs, &b->digest, sizeof b->digest);
        wf_free(b);
    }
    wf_map_free(d->blobs);
}
