/* words.h - enumerations that cross the wire, and their names
 *
 * Numbers are part of the protocol: append only.  0 is "not said" where that makes sense.
 */
#ifndef PROTO_WORDS_H
#define PROTO_WORDS_H

#include "common/defs.h"

enum wf_role {
    WF_ROLE_NONE,
    WF_ROLE_AGENT,
    WF_ROLE_CLIENT,
    WF_ROLE_OPERATOR,
    WF_ROLE_BROKER
};
enum wf_tier { WF_TIER_NONE, WF_TIER_EDGE, WF_TIER_ONPREM, WF_TIER_CLOUD };
enum wf_handler_kind {
    WF_HANDLER_NONE,
    WF_HANDLER_EXEC,
    WF_HANDLER_WORKER,
    WF_HANDLER_INPROC
};
/* What agents tell of that makes way does so for work of this priority, and above. */
#define WF_WAY_PRIORITY 4u
enum wf_job_class { WF_CLASS_BEST, WF_CLASS_FAST, WF_CLASS_DURABLE };

/* What a job is placed for: how much money a second is worth to it. */
enum wf_goal {
    WF_GOAL_NONE,
    WF_GOAL_LATENCY,
    WF_GOAL_BALANCED,
    WF_GOAL_THROUGHPUT,
    WF_GOAL_COST,
    WF_GOALS
};

enum wf_near_kind { WF_NEAR_NONE, WF_NEAR_JOB, WF_NEAR_DATA, WF_FAR_JOB };
enum wf_spread { WF_SPREAD_NONE, WF_SPREAD, WF_PACK };
enum wf_link_source { WF_LINK_NONE, WF_LINK_MEASURED, WF_LINK_ESTIMATED, WF_LINK_SITE };
enum wf_price_kind { WF_PRICE_NONE, WF_PRICE_NODE, WF_PRICE_TIERS, WF_PRICE_SITES };

/* What becomes of an attempt whose agent is cut off: the broker assigns another one after
 * a while (its agent goes on; the first result counts), or waits for as long as it takes,
 * or the agent stops it after a while and the broker assigns another one then. */
enum wf_disconnect { WF_REPLACE_AFTER, WF_KEEP, WF_STOP_AFTER };

/* ACCEPTED..RUNNING, then exactly one of the last five. */
enum wf_job_state {
    WF_JOB_ACCEPTED,
    WF_JOB_QUEUED,
    WF_JOB_ASSIGNED,
    WF_JOB_RUNNING,
    WF_JOB_OK,
    WF_JOB_FAILED,
    WF_JOB_DEAD,
    WF_JOB_CANCELLED,
    WF_JOB_EXPIRED,
    WF_JOB_STATES
};

enum wf_run_state { WF_RUN_WAITING, WF_RUN_RUNNING, WF_RUN_FINISHED };

/* offline: not seen since this broker started, or gone for good; lost: its lease ended or
 * its connection broke a moment ago; torpid: connected but silent. */
enum wf_node_state {
    WF_NODE_OFFLINE,
    WF_NODE_UP,
    WF_NODE_TORPID,
    WF_NODE_LOST,
    WF_NODE_DRAINING,
    WF_NODE_DRAINED,
    WF_NODE_REVOKED,
    WF_NODE_STATES
};

enum wf_key_state { WF_KEY_ACTIVE, WF_KEY_REVOKED, WF_KEY_USED, WF_KEY_EXPIRED };

enum wf_metric {
    WF_METRIC_LOAD_X100,
    WF_METRIC_CPU_PM,
    WF_METRIC_MEM_FREE,
    WF_METRIC_DISK_FREE,
    WF_METRIC_TEMP_MC,
    WF_METRIC_BATTERY_PCT,
    WF_METRIC_ON_BATTERY,
    WF_METRIC_ACCEL_PM,
    WF_METRIC_ACCEL_MEM_FREE,
    WF_METRIC_UPTIME_S,
    WF_METRIC_WAITING,
    WF_METRIC_RUNNING,
    WF_METRICS
};

enum wf_query_kind {
    WF_QUERY_NONE,
    WF_QUERY_STATUS,
    WF_QUERY_NODES,
    WF_QUERY_NODE,
    WF_QUERY_JOBS,
    WF_QUERY_JOB,
    WF_QUERY_WHY,
    WF_QUERY_EVENTS, /* the last `limit`; key "follow": and all that come */
    WF_QUERY_KEYS,
    WF_QUERY_TOKENS,
    WF_QUERY_LOGS, /* the kept tail of a job's output, as output messages, then done */
    WF_QUERY_DATASETS,
    WF_QUERY_DATASET, /* key "NAME[@VERSION]"; `after`: number of the first file */
    WF_QUERY_LINKS,   /* key: a node's name; empty: all.  Filter "brokers": those between
                         brokers alone */
    WF_QUERY_PRICES,
    WF_QUERY_MAP /* brokers */
};

/* What a broker says for all others to know: the body of a fact is a site_fact, a
 * key_fact, the filter of the blobs that are at the site, a site_fact with nothing but
 * the figures that change all the time, a dataset_fact, or a site_fact with nothing but
 * the links. */
enum wf_fact_kind {
    WF_FACT_NONE,
    WF_FACT_SITE,
    WF_FACT_KEY,
    WF_FACT_HOLDS,
    WF_FACT_LOAD,
    WF_FACT_DATASET,
    WF_FACT_LINKS
};
#define WF_FACT_KINDS 7u /* that are spread, whether or not they are known */

/* What a list of how far facts are known is told for (docs/spec/9-gossip.md). */
enum wf_seen_kind {
    WF_SEEN_TABLE, /* all there is between the first and the last row, by order of keys */
    WF_SEEN_LACK,  /* of these, the sender has no more than this */
    WF_SEEN_STOP,  /* facts of these come by another way: do not push them */
    WF_SEEN_PUSH   /* send what is newer, and push what comes */
};

/* A broker, or the link to it, as another broker sees it. */
enum wf_site_state {
    WF_SITE_NONE,
    WF_SITE_SELF,
    WF_SITE_UP, /* a neighbour, or reached through one */
    WF_SITE_CUT /* known from before; nothing leads there now */
};

/* A ping with this in its number measures and does nothing else: it tells no load, and
 * its pong is for who sent it, not for the link that counts its own. */
#define WF_PING_APART (UINT64_C(1) << 63)

enum wf_node_action {
    WF_NODE_ACT_NONE,
    WF_NODE_ACT_DRAIN,
    WF_NODE_ACT_UNDRAIN,
    WF_NODE_ACT_REVOKE,
    WF_NODE_ACT_LABEL /* text "key=value", or "key=" to remove */
};

/* What a node says of a blob that it has. */
enum wf_hold { WF_HOLD_PINNED = 1, WF_HOLD_IN_PLACE = 2 };

enum wf_keep_action { WF_KEEP_NONE, WF_KEEP_PIN, WF_KEEP_UNPIN, WF_KEEP_DROP };

enum wf_want_kind {
    WF_WANT_CHUNKS,
    WF_WANT_LEAVES, /* `count` digests of chunks from `first` on, 2048 of them a piece */
    WF_WANT_MAP     /* a bit for each chunk, lowest first; in pieces like a chunk */
};

/* Why nothing comes of what a job waits for; the gravest first.  Others may follow. */
enum wf_stand {
    WF_STAND_NONE,      /* it comes, or is looked for */
    WF_STAND_FORBIDDEN, /* the broker does not let it be fetched there */
    WF_STAND_NOWHERE,   /* nobody who can be reached has it */
    WF_STAND_DAY,       /* the bytes of the day are used up */
    WF_STAND_STORE,     /* the store makes room */
    WF_STAND_SILENT,    /* who has it does not answer */
    WF_STANDS
};

/* Names as people write them; "?" for a number out of range.  Static, thread-safe. */
const char *wf_role_name(uint64_t v);
const char *wf_tier_name(uint64_t v);
const char *wf_handler_name(uint64_t v);
const char *wf_class_name(uint64_t v);
const char *wf_job_state_name(uint64_t v);
const char *wf_node_state_name(uint64_t v);
const char *wf_key_state_name(uint64_t v);
const char *wf_metric_name(uint64_t v);
const char *wf_disconnect_name(uint64_t v);
const char *wf_goal_name(uint64_t v);
const char *wf_stand_name(uint64_t v);

/* The number of a name, or -1. */
int wf_role_parse(const char *s);
int wf_tier_parse(const char *s);
int wf_class_parse(const char *s);
int wf_disconnect_parse(const char *s);
int wf_goal_parse(const char *s);

static inline int wf_job_is_final(unsigned state)
{
    return state >= WF_JOB_OK;
}

#endif
