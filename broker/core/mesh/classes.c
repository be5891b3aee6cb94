#include "broker/core/mesh/classes.h"

#include "broker/core/core_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct wf_class_row *class_of(struct wf_class_row *v, unsigned *n,
                                     const char *name)
{
    for (unsigned i = 0; i < *n; i++) {
        if (wf_slice_is(v[i].name, name)) {
            return &v[i];
        }
    }
    if (*n == CLASSES_MAX) {
        return NULL;
    }
    v[*n] = (struct wf_class_row){.name = wf_slice_of(name)};
    return &v[(*n)++];
}

void classes_now(const struct core *c, struct wf_buf *buf, struct wf_rows *ret_rows)
{
    struct wf_class_row v[CLASSES_MAX];
    unsigned n = 0;

    *ret_rows = (struct wf_rows){0};
    for (const struct wf_list_node *x = wf_list_first(&c->agents.all); x != NULL;
         x = wf_list_next(&c->agents.all, x)) {
        const struct agent *a = CONTAINER_OF(x, struct agent, in_all);
        struct wf_class_row *row;

        if (a->neighbour != NULL || a->slots == 0 || agent_closed(a) != PLACE_PASSED) {
            continue;
        }
        row = class_of(v, &n, a->class_);
        if (row != NULL) {
            row->slots += a->slots;
            row->speed_pm += a->slots * a->speed_pm;
            row->price_pusd = prices_node(c->pricing.book, a->class_no);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        v[i].speed_pm /= v[i].slots;
        (void) wf_rows_add(buf, ret_rows, wf_desc_class_row(), &v[i]);
    }
}

const char *classes_text(struct wf_rows rows, char room[WF_TEXT_MAX + 1])
{
    struct wf_class_row row;
    size_t len = 0;

    room[0] = '\0';
    while (wf_rows_next(&rows, wf_desc_class_row(), &row)) {
        char name[WF_NAME_MAX + 1], text[WF_NAME_MAX + 64];
        const int n = snprintf(
            text, sizeof text, "%s%s=%" PRIu64 "@%" PRIu64, len != 0 ? " " : "",
            wf_slice_str(row.name, name, sizeof name), row.slots, row.price_pusd);

        if ((size_t) n > WF_TEXT_MAX - len) {
            break;
        }
        if (strpbrk(name, " =@") != NULL) {
            continue; /* a peer's word: nobody could read it */
        }
        memcpy(room + len, text, (size_t) n + 1);
        len += (size_t) n;
    }
    return room;
}
