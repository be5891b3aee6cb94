#include "common/sm.h"

#include "common/check.h"

int wf_sm_allowed(const struct wf_sm_state *table, unsigned n, unsigned from, unsigned to)
{
    return from < n && to < n && n <= 32 && (table[from].allowed & WF_SM_TO(to)) != 0;
}

void wf_sm_move(const struct wf_sm_state *table, unsigned n, unsigned *state, unsigned to)
{
    WF_CHECK(wf_sm_allowed(table, n, *state, to));
    *state = to;
}

const char *wf_sm_name(const struct wf_sm_state *table, unsigned n, unsigned state)
{
    return state < n ? table[state].name : "?";
}
