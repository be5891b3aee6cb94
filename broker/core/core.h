/* core.h - the broker as a function
 *
 * core_step(state, event) changes the state and appends ordered effects.  Pure: no clock,
 * no I/O, no randomness but the seed, deterministic iteration; the simulator runs the
 * same code.  Not thread-safe.
 */
#ifndef BROKER_CORE_CORE_H
#define BROKER_CORE_CORE_H

#include "broker/core/event.h"
#include "proto/effects.h"

struct core;

struct core_config {
    char name[WF_NAME_MAX + 1];
    char site[WF_NAME_MAX + 1];
    char software[WF_NAME_MAX + 1];
    char store[WF_NAME_MAX + 1]; /* told to operators */
    struct wf_key key;           /* own public key */
    uint64_t epoch;              /* boot epoch */
    uint64_t seed;
    int durable;       /* there is a store that keeps jobs */
    int shared;        /* other brokers of the site use it as well */
    uint64_t store_id; /* of that store, and how far it is: see struct store_facts */
    uint64_t boot, lsn;
    int accept_rollback; /* the operator knows that the store went back in time */
    uint64_t heartbeat_ms, lease_ms;
    uint64_t grace_ms;      /* a lost agent may return within it and keep its attempts */
    uint64_t site_grace_ms; /* the same of a neighbour broker */
    uint64_t max_payload;   /* bytes of a payload or result */
    uint64_t max_jobs;      /* live: accepted and without an outcome */
    uint64_t max_bytes;     /* of payloads, results and output held */
    uint64_t max_nodes;
    uint64_t max_blobs;  /* known to be at agents or in datasets; files of datasets */
    uint64_t bulk_port;  /* of the bulk lane; 0: there is none */
    uint64_t probe_port; /* where probes are answered; 0: nowhere */
    uint64_t probe_seed; /* of their cookies: secret */
    uint8_t
        sign_seed[WF_KEY_SIZE]; /* of the key that our facts are signed with: secret */
    uint64_t retain_ms;         /* finished jobs are kept so long, */
    uint64_t retain_jobs;       /* and so many */
    uint64_t max_attempts;
    uint64_t rho_pusd[WF_GOALS]; /* 1e-12 $ that a second is worth, by goal */
    uint64_t crash_limit; /* attempts of one job that may take a process with them */
    uint64_t retry_min_ms, retry_max_ms; /* back-off between attempts */
    uint64_t hedge_at_pm; /* so many per mille are over when a run is slow, 1 to 999 */
    uint64_t hedge_pm;    /* of a capability's jobs so many per mille may be copied */
    int preempt;          /* work of low priority makes way: see preempt.h */
    uint64_t log_bytes;   /* tail of a job's output kept */
    unsigned nendpoints;  /* where devices are told to connect */
    char endpoints[8][WF_ENDPOINT_MAX + 1];
};

/* Defaults for all but name, site, key, epoch, seed and endpoints. */
void core_config_init(struct core_config *cfg);

/* WEFT_ENOMEM, WEFT_EINVAL. */
int core_new(const struct core_config *cfg, struct core **ret_core);
void core_free(struct core *c);

/* Step.  Total: any event in any state. */
void core_step(struct core *c, const struct broker_event *ev, struct wf_effects *out);

/* This message comes in one of the next steps: have the cache fetch where its job will be
 * looked up.  Changes nothing. */
void core_expect(const struct core *c, const struct wf_msg *m);

/* When a TICK is wanted next, or UINT64_MAX. */
uint64_t core_wakeup_us(const struct core *c);

/* Would this key be let in?  For the ZAP handler; read-only. */
int core_admits(const struct core *c, const struct wf_key *key);

/* Was this cookie of probes given to a session that is open?  For the shell, which
 * answers those alone; read-only. */
int core_knows_probe(struct core *c, const uint8_t *cookie);

/* 1 when any operator key is enrolled. */
int core_has_operator(const struct core *c);

/* Enrol what only the machine's owner can: the first operator's token, at start-up. */
int core_put_token(struct core *c, const struct wf_key *key, unsigned role,
                   const char *name, uint64_t expires_ms, struct wf_effects *out);

/* Where devices are told to connect. */
unsigned core_endpoints(const struct core *c);
const char *core_endpoint(const struct core *c, unsigned i);

/* For the shell's farewell: live jobs, and those of them that are lost with the process.
 */
size_t core_live_jobs(const struct core *c);
size_t core_fast_jobs(const struct core *c);

/* Records that could not be read back; a broker that cannot read all of them must not
 * serve. */
uint64_t core_bad_records(const struct core *c);

/* Abort unless every invariant holds.  O(everything): for simulator and tests. */
void core_check(const struct core *c);

/* Hash of the state that must be equal wherever the same events were stepped. */
uint64_t core_hash(const struct core *c);

/* Hash of what must survive a restart: accepted jobs of class durable with their reserved
 * attempts and outcomes, keys and tokens.  Equal to that of a core which read all
 * records, when nothing waits for the store. */
uint64_t core_durable_hash(const struct core *c);

/* 1 when nothing waits for the store. */
int core_is_settled(const struct core *c);

#endif
