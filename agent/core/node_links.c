/* What the link to the broker is like, and when the broker is told.
 *
 * Probes are the better samples: they wait behind nothing.  Until the first is answered,
 * and while none are, the round trips of heartbeats stand in.  The two are not mixed: a
 * link that turns from one to the other begins anew.
 */
#include "agent/core/node_int.h"

/* What did not change is told all the same after so long, or it would look forgotten. */
#define RETELL_US (UINT64_C(300) * 1000000)
#define LINK_ROWS 32u /* of one message */

static void anew(struct node *n, int probed)
{
    if (n->probed != probed) {
        n->probed = probed;
        n->rtt = (struct wf_rtt){0};
    }
}

void node_probed(struct node *n, uint64_t rtt_us)
{
    if (rtt_us != 0) {
        anew(n, 1);
        (void) wf_rtt_add(&n->rtt, rtt_us, n->now_us);
        n->link.probed_us = wf_rtt_us(&n->rtt);
    } else if (n->probed) {
        wf_rtt_lost(&n->rtt);
    }
}

void node_unprobed(struct node *n)
{
    anew(n, 0);
    n->link.probed_us = 0;
}

/* The way to the broker; `down` is of all that the node gets, from whomever. */
static struct wf_link_row broker_row(const struct node *n)
{
    return (struct wf_link_row){.rtt_us = wf_rtt_us(&n->rtt),
                                .jitter_us = wf_rtt_jitter_us(&n->rtt),
                                .loss_pm = wf_rtt_loss_pm(&n->rtt),
                                .down = node_data_down(n),
                                .samples = n->rtt.n,
                                .age_ms = (n->now_us - n->rtt.at_us) / 1000};
}

/* A row for each holder of which transfers showed something new. */
static void add_peers(struct node *n, struct wf_rows *rows)
{
    struct wf_pull_peer peer;

    while (rows->count < LINK_ROWS - 1 && node_data_peer(n, &peer)) {
        const struct wf_link_row row = {.peer = peer.key,
                                        .name = wf_slice_of(peer.name),
                                        .rtt_us = peer.rtt_us,
                                        .down = peer.rate,
                                        .samples = peer.samples};

        (void) wf_rows_add(&n->rows[0], rows, wf_desc_link_row(), &row);
    }
}

/* It may be another broker, or another way to the same. */
void node_links_opened(struct node *n)
{
    n->rtt = (struct wf_rtt){0};
    n->probed = 0;
    n->pongs = n->link.rtt_us.n;
    n->link.probed_us = 0;
    n->links_told_us = 0;
}

void node_links_after(struct node *n, struct wf_effects *out)
{
    struct wf_links m = {{0}};

    if (n->pongs != n->link.rtt_us.n) {
        n->pongs = n->link.rtt_us.n;
        if (!n->probed) {
            (void) wf_rtt_add(&n->rtt, n->link.last_rtt_us, n->now_us);
        }
    }
    if (!node_is_open(n)) {
        return;
    }
    wf_buf_clear(&n->rows[0]);
    add_peers(n, &m.rows);
    /* Only a sample makes news, so what is told is never old. */
    if (n->rtt.n != 0 &&
        (m.rows.count != 0 ||
         (n->rtt.at_us == n->now_us &&
          (n->links_told_us == 0 || n->now_us - n->links_told_us >= RETELL_US ||
           wf_rtt_news(&n->rtt))))) {
        const struct wf_link_row row = broker_row(n);

        (void) wf_rows_add(&n->rows[0], &m.rows, wf_desc_link_row(), &row);
        wf_rtt_told(&n->rtt);
        n->links_told_us = n->now_us;
    }
    if (m.rows.count != 0) {
        node_send(n, out, WF_MSG_links, &m);
    }
}

int node_link_unsure(const struct node *n)
{
    return wf_rtt_unsure(&n->rtt);
}
