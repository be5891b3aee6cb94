/* What the broker is told of the blobs here: all of it once a session, then what changes.
 *
 * Changes gather for a second; those that a job or an order waits for hardly at all.  All
 * of it goes in pieces with the loop's turns between them, so that heartbeats are not
 * held up by a million rows.
 */
#include "agent/core/node_data.h"

#include "common/err.h"

#define SECOND_US 1000000u
#define URGENT_US 20000u /* what is waited for gathers for so long */
#define PAUSE_US  1000u  /* between the pieces of all of it */
#define PIECES    8u     /* messages in one step */
/* A change of the room by less than 1/16 is not worth a message of its own. */
#define DELTA_SHIFT 4

void node_holdings_changed(struct node *n, struct node_blob *b, int urgent)
{
    struct node_data *d = n->data;

    if (node_is_open(n) && wf_list_empty(&b->changed)) {
        wf_list_push_back(&d->changed, &b->changed);
    }
    d->urgent |= urgent;
}

void node_holdings_stats(struct node *n, uint64_t used, uint64_t room)
{
    n->data->used = used;
    n->data->room = room;
}

/* A broker that knows nothing: everything is a change. */
void node_holdings_opened(struct node *n)
{
    struct node_data *d = n->data;
    struct node_blob *b;
    size_t it = 0;

    d->resetting = 1;
    d->begun = 0;
    d->told_us = 0;
    while ((b = wf_map_next(d->blobs, &it)) != NULL) {
        if (b->here) {
            node_holdings_changed(n, b, 0);
        }
    }
}

void node_holdings_cut(struct node *n)
{
    struct node_blob *b;
    size_t it = 0;

    while ((b = wf_map_next(n->data->blobs, &it)) != NULL) {
        wf_list_remove(&b->changed);
        b->told = 0;
        node_blob_settle(n, b);
    }
}

static int differs(uint64_t was, uint64_t now)
{
    uint64_t by = was > now ? was - now : now - was;

    return by != 0 && by >= was >> DELTA_SHIFT;
}

uint64_t node_holdings_due_us(const struct node *n)
{
    const struct node_data *d = n->data;

    if (!node_is_open(n) || !d->listed) {
        return UINT64_MAX;
    }
    if (d->resetting) {
        return d->told_us + PAUSE_US;
    }
    if (wf_list_empty(&d->changed) && !differs(d->told_used, d->used) &&
        !differs(d->told_room, d->room)) {
        return UINT64_MAX;
    }
    return d->told_us + (d->urgent ? URGENT_US : SECOND_US);
}

/* 1 when there is a row to tell: parts of which nothing has come yet are none. */
static int row_of(struct node_blob *b, struct wf_hold_row *ret)
{
    int was_told = b->told;

    *ret = (struct wf_hold_row){b->digest, b->size, b->have, b->flags};
    b->told = b->here && (b->have != 0 || b->size == 0);
    return b->told || (was_told && b->size != 0);
}

/* One message.  0, or WEFT_ENOMEM: what did not fit stays. */
static int tell(struct node *n, struct wf_effects *out)
{
    struct node_data *d = n->data;
    struct wf_holdings m = {
        .seq = ++d->seq, .reset = !d->begun, .used = d->used, .room = d->room};
    struct wf_list_node *x;
    int rc = 0;

    wf_buf_clear(&d->rows);
    while ((x = wf_list_first(&d->changed)) != NULL && m.rows.count < WF_HOLD_ROWS_MAX) {
        struct node_blob *b = CONTAINER_OF(x, struct node_blob, changed);
        struct wf_hold_row row;
        int was_told = b->told;

        if (row_of(b, &row)) {
            rc = wf_rows_add(&d->rows, &m.rows, wf_desc_hold_row(), &row);
        }
        if (rc != 0) {
            b->told = was_told;
            break;
        }
        wf_list_remove(x);
        node_blob_settle(n, b);
    }
    d->begun = 1;
    d->told_used = d->used;
    d->told_room = d->room;
    node_send(n, out, WF_MSG_holdings, &m);
    return rc;
}

void node_holdings_after(struct node *n, struct wf_effects *out)
{
    struct node_data *d = n->data;
    unsigned pieces = 0;

    if (n->now_us < node_holdings_due_us(n)) {
        return;
    }
    d->told_us = n->now_us;
    do {
        if (tell(n, out) != 0) {
            d->told_us = wf_add_sat(n->now_us, SECOND_US);
            break;
        }
    } while (!wf_list_empty(&d->changed) && ++pieces < PIECES);
    if (wf_list_empty(&d->changed)) {
        d->resetting = 0;
        d->urgent = 0;
    }
    if (d->rows.cap > WF_FRAME_TARGET) {
        wf_buf_fini(&d->rows);
    }
}
