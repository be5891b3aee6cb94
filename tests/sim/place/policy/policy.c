#include "tests/sim/place/policy/policy.h"

#include <string.h>

static const struct policy *const policies[] = {
    &policy_random,           &policy_nearest, &policy_data_local, &policy_least_loaded,
    &policy_least_loaded_own, &policy_p2c,     &policy_p2c_own,    &policy_ect,
    &policy_ect_all,          &policy_oracle,  &policy_weft};

const struct policy *policy_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        if (strcmp(policies[i]->name, name) == 0) {
            return policies[i];
        }
    }
    return NULL;
}

const struct policy *policy_at(size_t i)
{
    return i < ARRAY_LEN(policies) ? policies[i] : NULL;
}
