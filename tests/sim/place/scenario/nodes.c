/* Nodes, how far they are from each other, and what bytes between them cost. */
#include "tests/sim/place/scenario/int.h"
#include "tests/sim/place/scenario/vec.h"

#include <math.h>
#include <string.h>

#define MBIT 125000.0 /* bytes */

enum { ID, ROLE, SITE, TIER, CLASS, SLOTS, SPEED, PRICE, UP, DOWN, CAPABILITIES };
static const char *const columns[] = {[ID] = "id",
                                      [ROLE] = "role",
                                      [SITE] = "site",
                                      [TIER] = "tier",
                                      [CLASS] = "class",
                                      [SLOTS] = "slots",
                                      [SPEED] = "speed",
                                      [PRICE] = "price_usd_h",
                                      [UP] = "up_mbps",
                                      [DOWN] = "down_mbps",
                                      [CAPABILITIES] = "capabilities"};

struct offers {
    struct scenario *sc;
    struct sc_node *node;
    size_t cap;
};

static int add_offer(struct csv *c, void *arg, const char *part, size_t len,
                     struct wf_err *err)
{
    struct offers *o = arg;
    uint32_t *caps;
    uint32_t k;
    int rc = names_add(&o->sc->capabilities, part, len, &k);

    if (rc != 0) {
        return wf_err_set(err, rc, "%s:%u: too many capabilities", c->name, c->line);
    }
    for (uint32_t i = 0; i < o->node->ncaps; i++) {
        if (o->node->caps[i] == k) {
            return 0;
        }
    }
    caps = vec_room(o->node->caps, &o->cap, o->node->ncaps, sizeof *caps);
    if (caps == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "%s:%u: too many capabilities", c->name,
                          c->line);
    }
    o->node->caps = caps;
    caps[o->node->ncaps++] = k;
    return 0;
}

static int parse_role(struct csv *c, struct sc_node *node, struct wf_err *err)
{
    static const char *const roles[] = {"broker", "agent", "client"};

    for (unsigned i = 0; i < ARRAY_LEN(roles); i++) {
        if (strcmp(csv_text(c, ROLE), roles[i]) == 0) {
            node->role = (enum sc_role) i;
            return 0;
        }
    }
    return csv_fail(c, err, "role `%.40s`: write broker, agent or client",
                    csv_text(c, ROLE));
}

/* What an agent must have, others may leave out. */
static int parse_numbers(struct csv *c, struct sc_node *node, struct wf_err *err)
{
    const int agent = node->role == SC_AGENT;
    const double must = agent ? NAN : 0;
    double slots, price;
    int rc = csv_number(c, SLOTS, agent, 1e6, must, &slots, err);

    rc = rc != 0 ? rc
                 : csv_number(c, SPEED, agent ? 1e-3 : 0, 1e6, must, &node->speed, err);
    rc = rc != 0 ? rc : csv_number(c, PRICE, 0, 1e9, 0, &price, err);
    rc = rc != 0 ? rc : csv_number(c, UP, agent ? 1e-3 : 0, 1e9, must, &node->up, err);
    rc =
        rc != 0 ? rc : csv_number(c, DOWN, agent ? 1e-3 : 0, 1e9, must, &node->down, err);
    if (rc != 0) {
        return rc;
    }
    if (slots != floor(slots)) {
        return csv_fail(c, err, "slots: `%.40s`: write a whole number",
                        csv_text(c, SLOTS));
    }
    node->slots = (uint32_t) slots;
    node->usd_slot_s = agent ? price / slots / 3600 : 0;
    node->up *= MBIT;
    node->down *= MBIT;
    node->up_s = node->up > 0 ? 1 / node->up : 0;
    node->down_s = node->down > 0 ? 1 / node->down : 0;
    return 0;
}

static int parse_node(struct csv *c, struct scenario *sc, struct sc_node *node,
                      struct wf_err *err)
{
    struct offers offers = {.sc = sc, .node = node};
    int rc;

    if (csv_text(c, ID)[0] == '\0') {
        return csv_fail(c, err, "id is empty: name the node");
    }
    rc = parse_role(c, node, err);
    rc = rc != 0 ? rc : parse_numbers(c, node, err);
    rc = rc != 0 ? rc : scenario_name(c, SITE, &sc->sites, &node->site, err);
    rc = rc != 0 ? rc : scenario_name(c, TIER, &sc->tiers, &node->tier, err);
    rc = rc != 0 ? rc : scenario_name(c, CLASS, &sc->node_classes, &node->class_, err);
    return rc != 0
               ? rc
               : scenario_parts(c, csv_text(c, CAPABILITIES), add_offer, &offers, err);
}

static int add_node(struct csv *c, struct scenario *sc, size_t *cap, struct wf_err *err)
{
    struct sc_node *nodes = vec_room(sc->nodes, cap, sc->nnodes, sizeof *nodes);
    uint32_t number;
    int rc;

    if (nodes == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "%s:%u: too many nodes", c->name, c->line);
    }
    sc->nodes = nodes;
    nodes[sc->nnodes] = (struct sc_node){0};
    /* Counted at once, so that what it owns is freed. */
    sc->nnodes++;
    rc = parse_node(c, sc, &nodes[sc->nnodes - 1], err);
    rc = rc != 0 ? rc : scenario_name(c, ID, &sc->ids, &number, err);
    if (rc == 0 && number != sc->nnodes - 1) {
        return csv_fail(c, err, "node `%.60s` stands here twice: remove or rename one",
                        csv_text(c, ID));
    }
    return rc;
}

static int sort_roles(struct scenario *sc, struct wf_err *err)
{
    uint32_t n[3] = {0, 0, 0};

    sc->brokers = wf_calloc(sc->nnodes + 1u, sizeof *sc->brokers);
    sc->agents = wf_calloc(sc->nnodes + 1u, sizeof *sc->agents);
    if (sc->brokers == NULL || sc->agents == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "nodes.csv: too many nodes");
    }
    for (uint32_t i = 0; i < sc->nnodes; i++) {
        struct sc_node *node = &sc->nodes[i];

        node->index = n[node->role]++;
        if (node->role == SC_BROKER) {
            sc->brokers[node->index] = i;
        } else if (node->role == SC_AGENT) {
            sc->agents[node->index] = i;
        }
    }
    sc->nbrokers = n[SC_BROKER];
    sc->nagents = n[SC_AGENT];
    return sc->nbrokers != 0
               ? 0
               : wf_err_set(err, WEFT_ECONF,
                            "nodes.csv: no broker: add a line with that role");
}

int scenario_read_nodes(struct scenario *sc, const char *dir, struct wf_err *err)
{
    struct csv c;
    size_t cap = 0;
    int rc = csv_open(&c, dir, "nodes.csv", columns, ARRAY_LEN(columns), err);

    if (rc != 0) {
        return rc;
    }
    while ((rc = csv_next(&c, err)) > 0) {
        rc = add_node(&c, sc, &cap, err);
        if (rc != 0) {
            break;
        }
    }
    csv_close(&c);
    return rc != 0 ? rc : sort_roles(sc, err);
}

/* Which node each column is: NAMES_NONE for one that nodes.csv does not have. */
static int read_header(struct csv *c, const struct scenario *sc, uint32_t *order,
                       struct wf_err *err)
{
    for (size_t i = 0; i < c->nfields; i++) {
        uint32_t node = names_find(&sc->ids, c->fields[i], strlen(c->fields[i]));

        if (node == NAMES_NONE) {
            return csv_fail(c, err, "node `%.60s` is not in nodes.csv: add or remove it",
                            c->fields[i]);
        }
        for (size_t k = 0; k < i && i < sc->nnodes; k++) {
            if (order[k] == node) {
                return csv_fail(c, err, "node `%.60s` stands here twice: remove one",
                                c->fields[i]);
            }
        }
        if (i < sc->nnodes) {
            order[i] = node;
        }
    }
    return c->nfields == sc->nnodes
               ? 0
               : csv_fail(c, err, "%zu ids for %u nodes of nodes.csv: name each once",
                          c->nfields, sc->nnodes);
}

static int read_matrix(struct csv *c, struct scenario *sc, const uint32_t *order,
                       struct wf_err *err)
{
    for (uint32_t row = 0; row < sc->nnodes; row++) {
        int rc = csv_next(c, err);

        if (rc <= 0) {
            return rc < 0 ? rc
                          : csv_fail(c, err, "%u rows for %u nodes: write one a node",
                                     row, sc->nnodes);
        }
        if (c->nfields != sc->nnodes) {
            return csv_fail(c, err, "%zu numbers for %u nodes: write one a node",
                            c->nfields, sc->nnodes);
        }
        for (uint32_t col = 0; col < sc->nnodes; col++) {
            double ms;

            rc = csv_parse(c, "round trip", c->fields[col], 0, 1e6, &ms, err);
            if (rc != 0) {
                return rc;
            }
            sc->rtt_us[(size_t) order[row] * sc->nnodes + order[col]] =
                (uint32_t) (ms * 1e3 + 0.5);
        }
    }
    return 0;
}

int scenario_read_rtt(struct scenario *sc, const char *dir, struct wf_err *err)
{
    struct csv c;
    uint32_t *order = wf_calloc(sc->nnodes, sizeof *order);
    int rc;

    sc->rtt_us = wf_calloc((size_t) sc->nnodes * sc->nnodes, sizeof *sc->rtt_us);
    if (order == NULL || sc->rtt_us == NULL) {
        wf_free(order);
        return wf_err_set(err, WEFT_ENOMEM, "rtt_ms.csv: too many nodes");
    }
    rc = csv_open(&c, dir, "rtt_ms.csv", NULL, 0, err);
    if (rc == 0) {
        rc = read_header(&c, sc, order, err);
        rc = rc != 0 ? rc : read_matrix(&c, sc, order, err);
        csv_close(&c);
    }
    wf_free(order);
    return rc;
}

/* One pair; the table is made anew when it names a tier that no node has. */
static int add_pair(struct csv *c, struct scenario *sc, uint32_t *side,
                    struct wf_err *err)
{
    uint32_t from, to, more;
    double usd;
    double *table;
    int rc = scenario_name(c, 0, &sc->tiers, &from, err);

    rc = rc != 0 ? rc : scenario_name(c, 1, &sc->tiers, &to, err);
    rc = rc != 0 ? rc : csv_number(c, 2, 0, 1e9, 0, &usd, err);
    if (rc != 0) {
        return rc;
    }
    more = sc->tiers.n;
    if (more != *side) {
        table = wf_calloc((size_t) more * more, sizeof *table);
        if (table == NULL) {
            return wf_err_set(err, WEFT_ENOMEM, "egress.csv: too many tiers");
        }
        for (uint32_t i = 0; i < *side; i++) {
            memcpy(&table[(size_t) i * more], &sc->usd_byte[(size_t) i * *side],
                   *side * sizeof *table);
        }
        wf_free(sc->usd_byte);
        sc->usd_byte = table;
        *side = more;
    }
    sc->usd_byte[(size_t) from * *side + to] = usd / 1e9;
    return 0;
}

int scenario_read_egress(struct scenario *sc, const char *dir, struct wf_err *err)
{
    static const char *const pair[] = {"from_tier", "to_tier", "usd_per_gb"};
    uint32_t side = sc->tiers.n;
    struct csv c;
    int rc;

    sc->usd_byte = wf_calloc((size_t) side * side, sizeof *sc->usd_byte);
    if (sc->usd_byte == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "egress.csv: too many tiers");
    }
    rc = csv_open(&c, dir, "egress.csv", pair, ARRAY_LEN(pair), err);
    if (rc != 0) {
        return rc;
    }
    while ((rc = csv_next(&c, err)) > 0) {
        rc = add_pair(&c, sc, &side, err);
        if (rc != 0) {
            break;
        }
    }
    csv_close(&c);
    return rc;
}
