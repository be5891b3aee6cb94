#include "tests/sim/place/holdings.h"

#include "tests/sim/place/scenario/vec.h"

int holdings_init(struct holdings *h, const struct scenario *sc)
{
    const uint32_t nblobs = sc->blob_ids.n;
    int err = 0;

    *h = (struct holdings){.sc = sc, .words = nblobs / 64 + 1u};
    h->of = wf_calloc(nblobs + 1u, sizeof *h->of);
    h->has = wf_calloc(sc->nnodes, h->words * sizeof *h->has);
    if (h->of == NULL || h->has == NULL) {
        return WEFT_ENOMEM;
    }
    for (uint32_t b = 0; b < nblobs; b++) {
        for (uint32_t i = 0; i < sc->blobs[b].nholders && err == 0; i++) {
            err = holdings_add(h, sc->blobs[b].holders[i], b);
        }
    }
    return err;
}

void holdings_fini(struct holdings *h)
{
    for (uint32_t b = 0; h->of != NULL && b < h->sc->blob_ids.n; b++) {
        wf_free(h->of[b].nodes);
    }
    wf_free(h->of);
    wf_free(h->has);
    *h = (struct holdings){0};
}

int holdings_add(struct holdings *h, uint32_t node, uint32_t blob)
{
    struct holding *of = &h->of[blob];
    uint32_t *nodes;

    if (holdings_has(h, node, blob)) {
        return 0;
    }
    nodes = vec_room(of->nodes, &of->cap, of->n, sizeof *nodes);
    if (nodes == NULL) {
        return WEFT_ENOMEM;
    }
    of->nodes = nodes;
    nodes[of->n++] = node;
    h->has[node * h->words + blob / 64] |= UINT64_C(1) << blob % 64;
    return 0;
}
