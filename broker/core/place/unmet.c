#include "broker/core/place/unmet.h"

#include "broker/core/mesh/told.h"
#include "broker/core/place/need.h"
#include "broker/core/place/place.h"

static int meets(const struct core *c, const struct job *j, struct agent *a, int near,
                 const struct need *need, struct wf_slice text)
{
    char room[32];

    if (a->neighbour == NULL) {
        return need_met(need, agent_attribute(a, need->key, room, sizeof room));
    }
    return !near && !place_refused(c, j, a) && told_may_meet(c, a, need, text);
}

static int is_met(const struct core *c, const struct job *j, int near,
                  const struct need *need, struct wf_slice text)
{
    const struct wf_list_node *offers = &j->capability->offers;
    unsigned looks = 0;

    for (const struct wf_list_node *n = wf_list_first(offers); n != NULL;
         n = wf_list_next(offers, n)) {
        const struct offer *o = CONTAINER_OF(n, struct offer, peers);

        if (looks++ == UNMET_LOOKS || meets(c, j, o->agent, near, need, text)) {
            return 1;
        }
    }
    return 0;
}

int unmet_need(const struct core *c, const struct job *j, int near,
               struct wf_slice *ret_need)
{
    struct wf_rows rows = j->needs;
    struct wf_label_row row;

    while (wf_rows_next(&rows, wf_desc_label_row(), &row)) {
        struct need need;

        if (need_parse(row.text, &need) != 0 || !is_met(c, j, near, &need, row.text)) {
            *ret_need = row.text;
            return 1;
        }
    }
    return 0;
}
