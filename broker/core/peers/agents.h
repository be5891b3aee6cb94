/* agents.h - what the broker knows of each agent
 *
 *   OFFLINE --hello--> UP --silence--> TORPID --more--> LOST --grace over--> OFFLINE
 *                      ^ |                |               |
 *                      | +----------------+-- hello ------+
 *                      +--- heard again --+
 *
 * Draining and revoked are not states here but flags that the views combine.  An agent
 * that is LOST keeps its attempts until the grace is over: it may come back and tell.
 */
#ifndef BROKER_CORE_AGENTS_H
#define BROKER_CORE_AGENTS_H

#include "broker/core/peers/links.h"
#include "broker/core/peers/sessions.h"
#include "broker/core/place/capabilities.h"
#include "broker/core/router/router.h"
#include "common/rate.h"

enum agent_state { AGENT_OFFLINE, AGENT_UP, AGENT_TORPID, AGENT_LOST, AGENT_STATES };

struct agent {
    struct principal *principal; /* borrowed */
    unsigned state;              /* enum agent_state; agent_move() only */
    struct session *session;     /* borrowed; NULL unless UP or TORPID */
    uint64_t epoch;
    uint64_t since_us; /* in this state */
    uint64_t heard_us;
    uint64_t lost_until_us; /* end of the grace, while LOST */
    uint64_t info_seq;
    uint32_t node;              /* the router's number; ROUTE_NONE: none yet */
    uint32_t site_no, class_no; /* of the price book's names; 0: none */
    uint32_t speed_pm;          /* of a node of speed 1000 */
    uint64_t price_pusd;        /* a neighbour's: of a slot-second, as it told */
    uint32_t hop_us;            /* a neighbour's: from there to its agents, as it told */
    uint64_t covered_seq;       /* of this session's assignments, by its last report */
    int metered, spot;
    uint64_t notice_until_us; /* it is taken away then; 0: nothing is known of that */
    uint64_t recall_us;       /* it may ask for work of others from then on */
    uint64_t preempt_us;      /* and stop what runs there */
    uint64_t slots, assigned; /* over all capabilities */
    uint64_t running;         /* of these, as far as it told */
    uint64_t bytes;           /* of their payloads and inputs */
    uint64_t done, failed;
    struct wf_list_node attempts; /* job.in_agent: jobs that occupy a slot here */
    struct neighbour *neighbour;  /* borrowed: it is a broker; NULL: it is not */
    struct wf_list_node in_all;   /* agents.all */
    struct wf_heap_node grace;    /* agents.graces */
    struct wf_ewma rtt_us;
    struct links links; /* as it measured them */
    struct wf_rate up;  /* as those who fetch from it do */
    int synced;         /* told in this session which attempts it holds */
    int restarted;      /* another process than before: what it does not hold is lost */
    int expected; /* was connected before this broker's restart, and did not tell yet */
    int draining; /* the agent itself says so */
    unsigned noffers;
    struct offer offers[WF_CAPS_MAX];
    unsigned nlabels; /* its own; an operator's are in the principal */
    char labels[WF_LABELS_MAX][WF_LABEL_MAX + 1];
    char arch[WF_NAME_MAX + 1], sandbox[WF_NAME_MAX + 1], software[WF_NAME_MAX + 1];
    char class_[WF_NAME_MAX + 1];
    char cpu[WF_TEXT_MAX + 1], sandbox_why[WF_TEXT_MAX + 1];
    uint64_t cpus, mem, disk;
    char bulk[WF_ENDPOINT_MAX + 1]; /* where others may fetch from it; empty: nowhere */
    uint64_t data_cap, data_used, data_room; /* bytes of blobs */
    int holdings_known;                      /* it told in this session what it has */
    struct wf_list_node shares;              /* share.of_agent: its blobs */
    size_t nshares;
    struct wf_list_node orders; /* order.of_agent: what it was told to fetch */
    struct wf_ewma fetch_rate;  /* bytes a second that came to it, as it told */
    struct wf_buf accel_store;  /* encoded accel_row rows */
    struct wf_rows accels;
    uint32_t metrics_known; /* bit per enum wf_metric */
    uint64_t metrics[WF_METRICS];
    uint64_t metrics_us; /* when the last came */
};

struct agents {
    struct wf_list_node all; /* owned, in order of first hello */
    struct wf_heap graces;   /* agent.grace */
    size_t n, max;
};

int agents_init(struct agents *t, size_t max);
void agents_fini(struct agents *t);

/* The agent of a principal, made when it is new.  WEFT_EFULL, WEFT_ENOMEM. */
int agents_need(struct agents *t, struct principal *p, struct agent **ret_agent);

void agent_move(struct agent *a, unsigned to, uint64_t now_us);

/* Replace what it offers and is.  WEFT_EPROTO (a bad name or label), WEFT_EFULL,
 * WEFT_ENOMEM: then nothing changed. */
int agent_set_info(struct agent *a, const struct wf_agent_info *info,
                   struct capabilities *caps);

/* A neighbour broker: nothing may be heard of it for a while, and its site goes on. */
static inline int agent_is_site(const struct agent *a)
{
    return a->principal->role == WF_ROLE_BROKER;
}

/* Why it gets no work at present, of any kind: a filter, or PLACE_PASSED. */
unsigned agent_closed(const struct agent *a);

struct offer *agent_offer(struct agent *a, const struct capability *c, uint32_t version);

/* The value of an attribute for needs: site, tier, name, arch, cpus, mem, gpu, sandbox or
 * a label; NULL: it has none.  Numbers are written to `room`. */
const char *agent_attribute(const struct agent *a, struct wf_slice key, char *room,
                            size_t cap);

/* Name of the node of a job's present or last attempt; empty: it had none.  Borrowed. */
struct wf_slice job_node(const struct job *j);

/* enum wf_node_state for views. */
unsigned agent_view_state(const struct agent *a);

#endif
