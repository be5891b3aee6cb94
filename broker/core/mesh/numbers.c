#include "broker/core/mesh/numbers.h"

#include "broker/core/mesh/guests.h"
#include "broker/core/peers/agents.h"
#include "broker/core/place/wishes.h"
#include "common/plant.h"

uint32_t numbers_last(const struct job *j)
{
    return j->attempt + (j->numbers > 1 ? j->numbers - 1 : 0);
}

uint32_t numbers_next(const struct job *j)
{
    if (WF_PLANT(NUMBERS_AGAIN)) {
        return j->attempt + 1;
    }
    return numbers_last(j) + 1;
}

uint32_t numbers_for(const struct job *j, uint32_t attempt, const struct agent *a)
{
    if (!agent_is_site(a)) {
        return 1;
    }
    if (j->guest == NULL) {
        return NUMBERS_BLOCK;
    }
    return j->guest->numbers > attempt ? (j->guest->numbers - attempt + 1) / 2 : 1;
}

uint32_t numbers_recorded(const struct job *j)
{
    uint64_t last = numbers_last(j);

    if (j->wishes != NULL) {
        last = wf_max_u64(last, j->wishes->hedged.last);
        if (j->wishes->hedged.wanted) {
            last = wf_max_u64(last, j->reserved + NUMBERS_BLOCK - 1);
        }
    }
    return last > j->reserved ? (uint32_t) (last - j->reserved) + 1 : 1;
}

int numbers_used_up(const struct job *j)
{
    return j->guest != NULL && j->guest->numbers != 0 &&
           numbers_last(j) >= j->guest->numbers;
}

/* The first that the present attempt may show; 0: its home does not tell. */
static uint32_t first_shown(const struct job *j)
{
    const struct guest *g = j->guest;

    if (g == NULL || j->attempt == 0) {
        return j->attempt;
    }
    return g->numbers != 0 ? g->number + j->attempt - 1 : 0;
}

uint32_t numbers_seen(const struct job *j)
{
    return j->number != 0 ? j->number : first_shown(j);
}

void numbers_ended(struct job *j, const struct wf_result *m)
{
    const uint32_t first = first_shown(j);

    if (agent_is_site(j->agent) && first != 0 && m->number > first &&
        m->number - first < j->numbers) {
        j->number = (uint32_t) m->number;
    }
}

uint32_t numbers_left(const struct job *j)
{
    return j->guest->numbers - (uint32_t) wf_min_u64(numbers_last(j), j->guest->numbers);
}

void numbers_refused(struct job *j, const struct wf_refuse *m)
{
    if (j->numbers > 1 && agent_is_site(j->agent)) {
        j->numbers -= (uint32_t) wf_min_u64(m->left, j->numbers - 1);
    }
}

void numbers_show(const struct job *j, struct wf_assign *m)
{
    const struct guest *g = j->guest;

    if (g != NULL && g->numbers == 0) {
        return; /* an older broker, which gave none */
    }
    if (g != NULL) {
        m->origin = g->origin;
        m->number = first_shown(j);
    } else if (agent_is_site(j->agent)) {
        m->origin = j->id;
        m->number = j->attempt;
    }
    if (agent_is_site(j->agent)) {
        m->numbers = j->numbers;
    }
}
