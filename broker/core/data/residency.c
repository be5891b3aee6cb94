#include "broker/core/data/residency.h"

#include "common/str.h"
#include "proto/name.h"

#include <string.h>

#define NOWHERE "+"
#define LOOKS   64u /* datasets of one blob that are asked */

/* Append a region to a list of them. */
static size_t add(char *list, size_t len, const char *region, size_t n)
{
    if (len != 0) {
        list[len++] = '+';
    }
    memcpy(list + len, region, n);
    list[len + n] = '\0';
    return len + n;
}

void residency_narrow(char have[WF_LABEL_MAX + 1], struct wf_slice more)
{
    char left[WF_LABEL_MAX + 1] = "";
    size_t len = 0;

    if (more.len == 0) {
        return;
    }
    if (have[0] == '\0') {
        wf_slice_str(more, have, WF_LABEL_MAX + 1);
        return;
    }
    for (const char *at = have; at != NULL;) {
        const char *end = strchr(at, '+');
        size_t n = end != NULL ? (size_t) (end - at) : strlen(at);

        if (wf_residency_ok(more, wf_slice_make(at, n))) {
            len = add(left, len, at, n);
        }
        at = end != NULL ? end + 1 : NULL;
    }
    (void) wf_str_copy(have, WF_LABEL_MAX + 1, len != 0 ? left : NOWHERE);
}

void residency_of_blob(const struct blob *b, char have[WF_LABEL_MAX + 1])
{
    const struct principal *owner = NULL;
    unsigned looks = LOOKS;

    for (struct wf_list_node *n = wf_list_first(&b->members); n != NULL && looks-- > 0;
         n = wf_list_next(&b->members, n)) {
        const struct dataset *d = CONTAINER_OF(n, struct member, of_blob)->dataset;

        owner = owner != NULL ? owner : d->owner;
        if (d->owner == owner) {
            residency_narrow(have, wf_slice_of(d->residency));
        }
    }
}

const char *agent_region(const struct agent *a)
{
    char room[32];
    const char *v = agent_attribute(a, wf_slice_of("residency"), room, sizeof room);

    return v != NULL ? v : "";
}

int residency_allows(const char *residency, const struct agent *a)
{
    return residency[0] == '\0' ||
           wf_residency_ok(wf_slice_of(residency), wf_slice_of(agent_region(a)));
}
