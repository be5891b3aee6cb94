/* scenario.h - a mesh and its jobs, as six CSV files in one folder describe them
 *
 * nodes.csv     id, role, site, tier, class, slots, speed, price_usd_h, up_mbps,
 * down_mbps, capabilities (separated by `;`); roles broker, agent, client rtt_ms.csv    a
 * line of ids, then the square matrix: row from, column to egress.csv    from_tier,
 * to_tier, usd_per_gb; pairs that are missing cost nothing blobs.csv     id, bytes
 * holdings.csv  node, blob
 * jobs.csv      t_ms, client, capability, run_ms (on a node of speed 1), blobs (separated
 *               by `;`), payload_bytes, result_bytes, class, deadline_ms (0 or empty:
 * none)
 *
 * Everything is a number from 0 on: nodes in the order of nodes.csv, agents and brokers
 * among their own.  A scenario does not change once it is read.
 */
#ifndef TESTS_SIM_PLACE_SCENARIO_SCENARIO_H
#define TESTS_SIM_PLACE_SCENARIO_SCENARIO_H

#include "common/err.h"
#include "tests/sim/place/scenario/names.h"

enum sc_role { SC_BROKER, SC_AGENT, SC_CLIENT };

struct sc_node {
    enum sc_role role;
    uint32_t index; /* among those of its role */
    uint32_t site, tier, class_;
    uint32_t slots;
    double speed;
    double usd_slot_s;   /* of one slot, a second */
    double up, down;     /* bytes a second */
    double up_s, down_s; /* seconds a byte; 0 where there is no limit */
    uint32_t *caps;      /* owned */
    uint32_t ncaps;
};

struct sc_capability {
    uint32_t *agents; /* owned; agents that offer it, ascending */
    uint32_t nagents;
    double *share;  /* owned; slots x speed of agents[0..i], summed up */
    double mean_us; /* run time over all its jobs, on a node of speed 1 */
    uint64_t njobs;
};

struct sc_blob {
    uint64_t bytes;
    uint32_t *holders; /* owned; nodes */
    uint32_t nholders;
    size_t cap;
};

struct sc_job {
    uint64_t at_ns;
    uint64_t run_ns;      /* on a node of speed 1 */
    uint64_t deadline_ns; /* after at_ns; 0: none */
    uint64_t payload, result;
    uint32_t client; /* node */
    uint32_t broker; /* its home */
    uint32_t capability, class_;
    uint32_t first, nblobs; /* in refs */
    uint32_t line;          /* of jobs.csv */
};

struct scenario {
    struct names ids, sites, tiers, node_classes, capabilities, blob_ids, job_classes;
    struct sc_node *nodes;
    uint32_t nnodes;
    uint32_t *brokers, *agents; /* nodes */
    uint32_t nbrokers, nagents;
    uint32_t *rtt_us; /* nnodes x nnodes: from, to */
    double *usd_byte; /* tiers x tiers: from, to */
    struct sc_capability *caps;
    struct sc_blob *blobs;
    struct sc_job *jobs; /* in order of time */
    uint32_t njobs;
    uint32_t *refs; /* blobs of jobs */
    size_t nrefs;
    int deadlines; /* there are some */
};

/* Read a folder.  WEFT_ENOENT, WEFT_ECONF (the text names file and line), WEFT_ENOMEM,
 * WEFT_EIO.  The scenario is to be freed in any case. */
int scenario_read(struct scenario *sc, const char *dir, struct wf_err *err);
void scenario_fini(struct scenario *sc);

static inline uint32_t scenario_rtt_us(const struct scenario *sc, uint32_t from,
                                       uint32_t to)
{
    return sc->rtt_us[(size_t) from * sc->nnodes + to];
}

static inline const struct sc_node *scenario_agent(const struct scenario *sc, uint32_t a)
{
    return &sc->nodes[sc->agents[a]];
}

/* $ for a byte that one node gets from another. */
static inline double scenario_egress(const struct scenario *sc, uint32_t from,
                                     uint32_t to)
{
    return sc->usd_byte[(size_t) sc->nodes[from].tier * sc->tiers.n + sc->nodes[to].tier];
}

#endif
