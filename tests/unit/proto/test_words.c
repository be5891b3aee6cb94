#include "proto/words.h"

#include "proto/msg.h"
#include "tests/lib/tap.h"

static void all_named(const char *what, const char *(*name)(uint64_t), unsigned n)
{
    unsigned bad = 0;

    for (unsigned i = 0; i < n; i++) {
        bad += strcmp(name(i), "?") == 0 || name(i)[0] == '\0';
        for (unsigned k = 0; k < i; k++) {
            bad += strcmp(name(i), name(k)) == 0;
        }
    }
    ok(bad == 0, "each %s has a name of its own", what);
    is_str(name(n), "?", "the number after the last has none");
    is_str(name(UINT64_MAX), "?", "nor has the largest");
}

/* The limit of a field in messages.def must let every value of its enum through. */
static void fits(unsigned number, const char *field, uint64_t last)
{
    const struct wf_desc *d = wf_desc_of(number);

    for (unsigned i = 0; i < d->nfields; i++) {
        if (strcmp(d->fields[i].name, field) == 0) {
            ok(d->fields[i].max >= last, "%s.%s holds every value", d->name, field);
            return;
        }
    }
    ok(0, "%s has a field %s", d->name, field);
}

int main(void)
{
    all_named("role", wf_role_name, WF_ROLE_BROKER + 1);
    all_named("tier", wf_tier_name, WF_TIER_CLOUD + 1);
    all_named("handler kind", wf_handler_name, WF_HANDLER_INPROC + 1);
    all_named("class", wf_class_name, WF_CLASS_DURABLE + 1);
    all_named("job state", wf_job_state_name, WF_JOB_STATES);
    all_named("node state", wf_node_state_name, WF_NODE_STATES);
    all_named("key state", wf_key_state_name, WF_KEY_EXPIRED + 1);
    all_named("metric", wf_metric_name, WF_METRICS);

    for (int i = 0; i <= WF_ROLE_BROKER; i++) {
        is_int(wf_role_parse(wf_role_name((uint64_t) i)), i, "a role is read back");
    }
    for (int i = 0; i <= WF_TIER_CLOUD; i++) {
        is_int(wf_tier_parse(wf_tier_name((uint64_t) i)), i, "a tier is read back");
    }
    for (int i = 0; i <= WF_CLASS_DURABLE; i++) {
        is_int(wf_class_parse(wf_class_name((uint64_t) i)), i, "a class is read back");
    }
    ok(wf_role_parse("") == -1 && wf_role_parse("Agent") == -1 &&
           wf_tier_parse("cloudy") == -1 && wf_class_parse("?") == -1,
       "other text is no number");

    ok(!wf_job_is_final(WF_JOB_ACCEPTED) && !wf_job_is_final(WF_JOB_RUNNING),
       "a job that runs is not final");
    ok(wf_job_is_final(WF_JOB_OK) && wf_job_is_final(WF_JOB_EXPIRED),
       "the last five are");

    fits(WF_MSG_hello, "role", WF_ROLE_BROKER);
    fits(WF_MSG_welcome, "tier", WF_TIER_CLOUD);
    fits(WF_MSG_submit, "class_", WF_CLASS_DURABLE);
    fits(WF_MSG_outcome, "state", WF_JOB_STATES - 1);
    fits(WF_MSG_query, "kind", WF_QUERY_LOGS);
    fits(WF_MSG_node_set, "action", WF_NODE_ACT_LABEL);
    fits(WF_MSG_telemetry, "metrics", WF_METRICS);
    return done();
}
