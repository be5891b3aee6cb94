#include "broker/core/place/wishes.h"

#include "broker/core/core_int.h"
#include "broker/core/data/inputs.h"
#include "broker/core/place/need.h"
#include "common/err.h"
#include "common/mem.h"
#include "proto/name.h"

#include <string.h>

/* What one job more or less of its group there is worth. */
#define SPREAD_US   500000u
#define GROUP_LOOKS 64u

size_t wishes_size(const struct wf_submit *m)
{
    if (m->rho_pusd == 0 && m->max_cost_pusd == 0 && m->spread == WF_SPREAD_NONE &&
        m->hedge == 0 && m->prefers.count == 0 && m->nears.count == 0) {
        return 0;
    }
    return sizeof(struct wishes) + m->prefers.len + m->nears.len + m->group.len + 1;
}

int wishes_new(const struct wf_submit *m, struct wishes **ret)
{
    size_t size = wishes_size(m);
    struct wishes *w;
    uint8_t *at;

    *ret = NULL;
    if (size == 0) {
        return 0;
    }
    w = wf_calloc(1, size);
    if (w == NULL) {
        return WEFT_ENOMEM;
    }
    w->size = size;
    w->rho_pusd = m->rho_pusd;
    w->max_cost_pusd = m->max_cost_pusd;
    w->spread = (unsigned) m->spread;
    w->hedge = m->hedge != 0;
    at = jobs_put_rows(w->bytes, m->prefers, &w->prefers);
    at = jobs_put_rows(at, m->nears, &w->nears);
    w->group = wf_slice_str(m->group, (char *) at, (size_t) m->group.len + 1);
    *ret = w;
    return 0;
}

int wishes_are_sound(const struct wf_submit *m)
{
    struct wf_rows rows = m->prefers;
    struct wf_weight_row weight;
    struct wf_near_row near;
    struct need need;

    while (wf_rows_next(&rows, wf_desc_weight_row(), &weight)) {
        if (need_parse(weight.text, &need) != 0) {
            return 0;
        }
    }
    rows = m->nears;
    while (wf_rows_next(&rows, wf_desc_near_row(), &near)) {
        if (near.kind == WF_NEAR_NONE || near.what.len == 0) {
            return 0;
        }
    }
    return 1;
}

void wishes_put(const struct wishes *w, struct wf_submit *m)
{
    if (w != NULL) {
        m->rho_pusd = w->rho_pusd;
        m->max_cost_pusd = w->max_cost_pusd;
        m->spread = w->spread;
        m->hedge = (uint64_t) w->hedge;
        m->prefers = w->prefers;
        m->nears = w->nears;
        m->group = wf_slice_of(w->group);
    }
}

/* -- affinity -------------------------------------------------------------------------
 */

/* A job by its id, or the attempts of that name at this agent. */
static int is_job_at(const struct core *c, struct wf_slice what, const struct agent *a)
{
    char text[WF_ID_TEXT];
    struct wf_id id;
    unsigned looks = GROUP_LOOKS;

    if (what.len == WF_ID_TEXT - 1 &&
        wf_id_parse(wf_slice_str(what, text, sizeof text), &id) == 0) {
        const struct job *j = jobs_get(&c->jobs, &id);

        return j != NULL && j->agent == a;
    }
    for (const struct wf_list_node *n = a->attempts.prev;
         n != &a->attempts && looks-- > 0; n = n->prev) {
        if (wf_slice_is(what, CONTAINER_OF(n, struct job, in_agent)->name)) {
            return 1;
        }
    }
    return 0;
}

/* At least half of a dataset counts as being there. */
static int has_data(const struct core *c, struct wf_slice what, const struct agent *a)
{
    const struct dataset_share *s;
    const struct dataset *d;
    struct wf_data_ref ref;

    if (wf_data_ref_parse(what, &ref) != 0) {
        return 0;
    }
    d = dataset_get(&c->data.datasets, ref.name, ref.version);
    s = d != NULL ? dataset_share_of(&c->data.catalogue, d, a) : NULL;
    return s != NULL && s->bytes >= dataset_bytes(d, 0, d->nfiles) / 2;
}

static int is_met(const struct core *c, const struct wf_near_row *near,
                  const struct agent *a)
{
    switch (near->kind) {
    case WF_NEAR_DATA:
        return has_data(c, near->what, a);
    case WF_FAR_JOB:
        return !is_job_at(c, near->what, a);
    default:
        return is_job_at(c, near->what, a);
    }
}

int wishes_allow(const struct core *c, const struct job *j, const struct agent *a)
{
    struct wf_rows rows = j->wishes->nears;
    struct wf_near_row near;

    while (wf_rows_next(&rows, wf_desc_near_row(), &near)) {
        if (near.ms == 0 && !is_met(c, &near, a)) {
            return 0;
        }
    }
    return 1;
}

/* -- weights --------------------------------------------------------------------------
 */

static int is_of_group(const struct job *j, const struct job *other)
{
    const char *group = other->wishes != NULL ? other->wishes->group : "";

    return other != j && other->owner == j->owner &&
           (j->wishes->group[0] != '\0' ? strcmp(group, j->wishes->group) == 0
                                        : other->capability == j->capability);
}

static uint64_t group_at(const struct job *j, const struct agent *a)
{
    unsigned looks = GROUP_LOOKS;
    uint64_t found = 0;

    for (const struct wf_list_node *n = a->attempts.prev;
         n != &a->attempts && looks-- > 0; n = n->prev) {
        found += is_of_group(j, CONTAINER_OF(n, struct job, in_agent)) != 0;
    }
    return found;
}

uint64_t wishes_unmet_us(const struct core *c, const struct job *j, const struct agent *a)
{
    const struct wishes *w = j->wishes;
    struct wf_rows rows = w->prefers;
    struct wf_weight_row weight;
    struct wf_near_row near;
    uint64_t us = 0;
    char room[32];

    while (wf_rows_next(&rows, wf_desc_weight_row(), &weight)) {
        struct need need;

        if (need_parse(weight.text, &need) == 0 &&
            !need_met(&need, agent_attribute(a, need.key, room, sizeof room))) {
            us = wf_add_sat(us, wf_us_of_ms(weight.ms));
        }
    }
    rows = w->nears;
    while (wf_rows_next(&rows, wf_desc_near_row(), &near)) {
        if (near.ms != 0 && !is_met(c, &near, a)) {
            us = wf_add_sat(us, wf_us_of_ms(near.ms));
        }
    }
    if (w->spread == WF_SPREAD) {
        us = wf_add_sat(us, group_at(j, a) * SPREAD_US);
    } else if (w->spread == WF_PACK && group_at(j, a) == 0) {
        us = wf_add_sat(us, SPREAD_US);
    }
    return us;
}
