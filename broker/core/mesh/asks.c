#include "broker/core/mesh/asks.h"

#include "broker/core/core_int.h"
#include "common/err.h"

#define RETRY_MS 1000u

void mesh_ask_again(struct core *c, struct mesh_ask *x, const char *why,
                    struct wf_effects *out)
{
    const struct session *asker = session_get(&c->sessions, x->peer);
    const struct wf_located nobody = {.req = x->req};
    const struct wf_error m = {.code = (uint64_t) -WEFT_EBUSY,
                               .about = x->query ? WF_MSG_query : WF_MSG_locate,
                               .req = x->req,
                               .retry_ms = RETRY_MS,
                               .text = wf_slice_of(why)};

    if (asker != NULL && !x->query && role_runs(asker->role)) {
        /* It asks for what nobody has after a while by itself. */
        wf_effects_send(out, x->peer, WF_MSG_located, &nobody);
    } else if (asker != NULL) {
        wf_effects_send(out, x->peer, WF_MSG_error, &m);
    }
    *x = (struct mesh_ask){0};
}

struct mesh_ask *mesh_ask_take(struct core *c, struct wf_effects *out)
{
    const uint64_t number = ++c->mesh.ask_number;
    struct mesh_ask *x = &c->mesh.asks[number % MESH_ASKS];

    if (x->number != 0 && x->query && x->peer == 0) {
        import_displaced(c, x->req, x->number);
    } else if (x->number != 0) {
        mesh_ask_again(c, x, "too many questions to other brokers are under way", out);
    }
    *x = (struct mesh_ask){.number = number};
    return x;
}
