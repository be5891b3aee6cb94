#include "agent/config/data.h"

#include "common/str.h"
#include "proto/name.h"

#include <stdio.h>
#include <string.h>

/* Smaller stores hold not even what one transfer has under way. */
#define CAP_MIN (UINT64_C(16) << 20)

/* Whether an endpoint to listen on names no host that others could connect to, or no
 * port. */
static int is_open_host(const char *endpoint)
{
    static const char *const any[] = {"tcp://*:", "tcp://0.0.0.0:", "tcp://[::]:"};

    for (size_t i = 0; i < ARRAY_LEN(any); i++) {
        if (strncmp(endpoint, any[i], strlen(any[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

static int check_endpoints(const struct check *k, const struct agent_config *c)
{
    if (c->data_listen[0] != '\0' && !wf_endpoint_ok(c->data_listen, 1)) {
        return check_wrong(k, "data_listen", "give tcp://HOST:PORT, not `%.64s`",
                           c->data_listen);
    }
    if (c->data_advertise[0] != '\0' && c->data_listen[0] == '\0') {
        return check_wrong(k, "data_advertise",
                           "nobody listens there: give data_listen as well");
    }
    if (c->data_advertise[0] != '\0' && !wf_endpoint_ok(c->data_advertise, 0)) {
        return check_wrong(k, "data_advertise", "give tcp://HOST:PORT, not `%.64s`",
                           c->data_advertise);
    }
    if (is_open_host(c->data_listen) && c->data_advertise[0] == '\0') {
        return check_wrong(k, "data_listen",
                           "give the address that others connect to, or name it with "
                           "data_advertise");
    }
    return 0;
}

int data_check(const struct check *k, struct agent_config *c)
{
    if (c->data[0] != '/' && c->data[0] != '\0') {
        return check_wrong(k, "data", "give a full path");
    }
    if (c->data[0] == '\0' &&
        snprintf(c->data, sizeof c->data, "%s/blobs", c->state) >= (int) sizeof c->data) {
        return check_wrong(k, "state", "the path is too long");
    }
    if (c->data_cap != 0 && c->data_cap < CAP_MIN) {
        return check_wrong(k, "data_cap", "give at least 16M, or 0 to keep no data");
    }
    if (c->data_cap == 0 && c->data_listen[0] != '\0') {
        return check_wrong(k, "data_listen",
                           "data_cap is 0, so that there is nothing to give: leave one "
                           "of them out");
    }
    return check_endpoints(k, c);
}
