#include "cli/view/terms.h"

#include <string.h>

#include "cli/tool/fmt.h"

/* Take ":TIME" off the end: 1 when there is one. */
static int take_time(struct terms_part *part, uint64_t *ret_ms)
{
    const char *colon = strrchr(part->text, ':');

    if (colon == NULL || fmt_parse_time(colon + 1, ret_ms) < 0) {
        return 0;
    }
    part->len = (size_t) (colon - part->text);
    return 1;
}

int terms_prefer(const char *text, struct terms_part *ret_need, uint64_t *ret_ms)
{
    struct terms_part need = {text, strlen(text)};
    uint64_t ms = 0;

    if (!take_time(&need, &ms) || ms == 0 || need.len == 0) {
        return -1;
    }
    *ret_need = need;
    *ret_ms = ms;
    return 0;
}

static int starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

int terms_near(const char *text, int far, enum weft_near_kind *ret_kind,
               struct terms_part *ret_what, uint64_t *ret_ms)
{
    enum weft_near_kind kind;
    struct terms_part what;
    uint64_t ms = 0;

    if (starts(text, "job:")) {
        kind = far ? WEFT_FAR_JOB : WEFT_NEAR_JOB;
        text += strlen("job:");
    } else if (!far && starts(text, "data:")) {
        kind = WEFT_NEAR_DATA;
        text += strlen("data:");
    } else {
        return -1;
    }
    what = (struct terms_part){text, strlen(text)};
    /* A time of 0 would say the opposite of what it means here: a must. */
    if ((take_time(&what, &ms) && ms == 0) || what.len == 0) {
        return -1;
    }
    *ret_kind = kind;
    *ret_what = what;
    *ret_ms = ms;
    return 0;
}

int terms_goal(const char *name, enum weft_goal *ret_goal)
{
    static const char *const names[] = {"", "latency", "balanced", "throughput", "cost"};

    if (name == NULL) {
        *ret_goal = WEFT_GOAL_NONE;
        return 0;
    }
    for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_goal = (enum weft_goal) i;
            return 0;
        }
    }
    return -1;
}
