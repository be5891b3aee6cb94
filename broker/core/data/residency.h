/* residency.h - where bytes may be
 *
 * A residency names regions, "eu" or "eu+ch"; empty: anywhere; "+": nowhere, as no region
 * has an empty name.  A node is in the region that its label `residency` says.
 * docs/spec/7-data.md, 7.1.
 */
#ifndef BROKER_CORE_DATA_RESIDENCY_H
#define BROKER_CORE_DATA_RESIDENCY_H

#include "broker/core/data/datasets.h"

/* Leave of `have` what `more` allows as well. */
void residency_narrow(char have[WF_LABEL_MAX + 1], struct wf_slice more);

static inline int residency_is_nowhere(const char *residency)
{
    return residency[0] == '+';
}

/* Narrow to what holds for a blob whoever uses it: what the datasets say that have it, as
 * far as they are of the owner who put it first.  Others who put the same bytes say it
 * for their own uses alone: else anyone could take a public dataset away from all. */
void residency_of_blob(const struct blob *b, char have[WF_LABEL_MAX + 1]);

/* The residency label of an agent; empty: it has none. */
const char *agent_region(const struct agent *a);

/* 1 when bytes with that residency may be at the agent. */
int residency_allows(const char *residency, const struct agent *a);

#endif
