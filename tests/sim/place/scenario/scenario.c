#include "tests/sim/place/scenario/int.h"

#include "common/mem.h"

#include <string.h>

int scenario_parts(struct csv *c, const char *text,
                   int (*add)(struct csv *c, void *arg, const char *part, size_t len,
                              struct wf_err *err),
                   void *arg, struct wf_err *err)
{
    for (;;) {
        size_t len = strcspn(text, ";");
        int rc = len != 0 ? add(c, arg, text, len, err) : 0;

        if (rc != 0) {
            return rc;
        }
        if (text[len] == '\0') {
            return 0;
        }
        text += len + 1;
    }
}

int scenario_name(struct csv *c, unsigned column, struct names *t, uint32_t *ret,
                  struct wf_err *err)
{
    const char *text = csv_text(c, column);
    int rc = names_add(t, text, strlen(text), ret);

    return rc == 0 ? 0 : wf_err_set(err, rc, "%s:%u: too many names", c->name, c->line);
}

static int count_offers(struct scenario *sc, struct wf_err *err)
{
    const size_t n = sc->capabilities.n;

    sc->caps = wf_calloc(n + 1, sizeof *sc->caps);
    if (sc->caps == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "nodes.csv: too many capabilities");
    }
    for (uint32_t a = 0; a < sc->nagents; a++) {
        const struct sc_node *node = scenario_agent(sc, a);

        for (uint32_t i = 0; i < node->ncaps; i++) {
            sc->caps[node->caps[i]].nagents++;
        }
    }
    for (size_t k = 0; k < n; k++) {
        struct sc_capability *cap = &sc->caps[k];

        cap->agents = wf_calloc(cap->nagents + 1u, sizeof *cap->agents);
        cap->share = wf_calloc(cap->nagents + 1u, sizeof *cap->share);
        cap->nagents = 0;
        if (cap->agents == NULL || cap->share == NULL) {
            return wf_err_set(err, WEFT_ENOMEM, "nodes.csv: too many capabilities");
        }
    }
    return 0;
}

int scenario_index(struct scenario *sc, struct wf_err *err)
{
    int rc = count_offers(sc, err);

    if (rc != 0) {
        return rc;
    }
    for (uint32_t a = 0; a < sc->nagents; a++) {
        const struct sc_node *node = scenario_agent(sc, a);

        for (uint32_t i = 0; i < node->ncaps; i++) {
            struct sc_capability *cap = &sc->caps[node->caps[i]];
            double before = cap->nagents != 0 ? cap->share[cap->nagents - 1] : 0;

            cap->share[cap->nagents] = before + node->slots * node->speed;
            cap->agents[cap->nagents++] = a;
        }
    }
    for (uint32_t j = 0; j < sc->njobs; j++) {
        struct sc_capability *cap = &sc->caps[sc->jobs[j].capability];

        cap->mean_us += (double) sc->jobs[j].run_ns / 1e3;
        cap->njobs++;
    }
    for (uint32_t k = 0; k < sc->capabilities.n; k++) {
        sc->caps[k].mean_us /= sc->caps[k].njobs != 0 ? (double) sc->caps[k].njobs : 1;
    }
    return 0;
}

static int init(struct scenario *sc, struct wf_err *err)
{
    struct names *all[] = {&sc->ids,          &sc->sites,        &sc->tiers,
                           &sc->node_classes, &sc->capabilities, &sc->blob_ids,
                           &sc->job_classes};

    *sc = (struct scenario){0};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (names_init(all[i]) != 0) {
            return wf_err_set(err, WEFT_ENOMEM, "no memory for its names");
        }
    }
    return 0;
}

int scenario_read(struct scenario *sc, const char *dir, struct wf_err *err)
{
    static int (*const readers[])(struct scenario *, const char *, struct wf_err *) = {
        scenario_read_nodes, scenario_read_rtt,      scenario_read_egress,
        scenario_read_blobs, scenario_read_holdings, scenario_read_jobs};
    int rc = init(sc, err);

    for (size_t i = 0; i < ARRAY_LEN(readers) && rc == 0; i++) {
        rc = readers[i](sc, dir, err);
    }
    return rc == 0 ? scenario_index(sc, err) : rc;
}

void scenario_fini(struct scenario *sc)
{
    struct names *all[] = {&sc->ids,          &sc->sites,        &sc->tiers,
                           &sc->node_classes, &sc->capabilities, &sc->blob_ids,
                           &sc->job_classes};

    for (uint32_t i = 0; i < sc->nnodes; i++) {
        wf_free(sc->nodes[i].caps);
    }
    for (uint32_t k = 0; sc->caps != NULL && k < sc->capabilities.n; k++) {
        wf_free(sc->caps[k].agents);
        wf_free(sc->caps[k].share);
    }
    for (uint32_t b = 0; sc->blobs != NULL && b < sc->blob_ids.n; b++) {
        wf_free(sc->blobs[b].holders);
    }
    wf_free(sc->nodes);
    wf_free(sc->brokers);
    wf_free(sc->agents);
    wf_free(sc->rtt_us);
    wf_free(sc->usd_byte);
    wf_free(sc->caps);
    wf_free(sc->blobs);
    wf_free(sc->jobs);
    wf_free(sc->refs);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        names_fini(all[i]);
    }
    *sc = (struct scenario){0};
}
