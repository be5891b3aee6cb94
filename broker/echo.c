#include "broker/echo.h"

#include "common/io/udp.h"
#include "common/mem.h"
#include "common/parse.h"
#include "proto/limits.h"
#include "proto/probe.h"

#include <stdio.h>
#include <string.h>

#define HOSTS_MAX 8u

struct listener {
    struct echo *echo;
    struct udp *udp;
    char host[WF_ENDPOINT_MAX + 1];
};

struct echo {
    struct listener at[HOSTS_MAX];
    unsigned n, port;
    echo_knows_fn *fn;
    void *arg;
    uint64_t answered, unknown;
};

static void on_datagram(void *arg, const uint8_t *bytes, size_t len,
                        const union udp_addr *from)
{
    struct listener *at = arg;
    struct echo *e = at->echo;
    uint8_t answer[WF_PROBE_MAX];
    struct wf_probe probe;

    if (wf_probe_parse(bytes, len, &probe) != 0 || probe.kind != WF_PROBE_ASK ||
        !e->fn(e->arg, probe.cookie)) {
        e->unknown++;
        return;
    }
    probe.kind = WF_PROBE_ANSWER;
    e->answered++;
    udp_send(at->udp, from, answer, wf_probe_pack(&probe, 0, answer));
}

/* The host of tcp://HOST:PORT, without the brackets of IPv6, and the port (0: any). */
static unsigned split(const char *endpoint, char *host, size_t cap)
{
    const char *from = strncmp(endpoint, "tcp://", 6) == 0 ? endpoint + 6 : endpoint;
    const char *colon = strrchr(from, ':');
    uint64_t port = 0;
    int len = colon != NULL ? (int) (colon - from) : (int) strlen(from);

    if (len >= 2 && from[0] == '[' && from[len - 1] == ']') {
        from++;
        len -= 2;
    }
    (void) snprintf(host, cap, "%.*s", len, from);
    return colon != NULL && wf_parse_u64(colon + 1, &port) == 0 && port <= 65535
               ? (unsigned) port
               : 0;
}

static int is_bound(const struct echo *e, const char *host)
{
    for (unsigned i = 0; i < e->n; i++) {
        if (strcmp(e->at[i].host, host) == 0 || strcmp(e->at[i].host, "*") == 0) {
            return 1;
        }
    }
    return 0;
}

static int bind_host(struct wf_loop *loop, struct echo *e, const char *host,
                     struct wf_err *err)
{
    struct listener *at = &e->at[e->n];
    union udp_addr addr;
    int rc;

    if (is_bound(e, host) || e->n == HOSTS_MAX) {
        return 0;
    }
    if (udp_resolve(host, e->port, &addr) != 0) {
        return wf_err_set(err, WEFT_EIO, "no address of `%s`", host);
    }
    at->echo = e;
    (void) snprintf(at->host, sizeof at->host, "%s", host);
    rc = udp_bind(loop, &addr, on_datagram, at, &at->udp, err);
    e->n += rc == 0;
    return rc;
}

/* Every host at once first: the others are part of it. */
static int bind_all(struct wf_loop *loop, struct echo *e, const struct echo_where *where,
                    struct wf_err *err)
{
    char host[WF_ENDPOINT_MAX + 1];
    int rc = 0;

    for (int all = 1; all >= 0; all--) {
        for (size_t i = 0; rc == 0 && i < where->control->n; i++) {
            (void) split(where->control->item[i], host, sizeof host);
            if (!all || strcmp(host, "*") == 0) {
                rc = bind_host(loop, e, host, err);
            }
        }
    }
    return rc;
}

int echo_new(struct wf_loop *loop, const struct log_sink *log,
             const struct echo_where *where, echo_knows_fn *fn, void *arg,
             struct echo **ret_echo, struct wf_err *err)
{
    char host[WF_ENDPOINT_MAX + 1];
    uint64_t port = split(where->bound, host, sizeof host);
    int said = where->port[0] != '\0' && wf_parse_u64(where->port, &port) == 0;
    struct wf_err why = {0, ""};
    struct echo *e;
    int rc;

    *ret_echo = NULL;
    if (port == 0) {
        return 0;
    }
    e = wf_calloc(1, sizeof *e);
    if (e == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the probes");
    }
    e->port = (unsigned) port;
    e->fn = fn;
    e->arg = arg;
    rc = bind_all(loop, e, where, &why);
    if (rc == 0) {
        *ret_echo = e;
        return 0;
    }
    echo_free(e);
    if (said || rc == WEFT_ENOMEM) {
        return wf_err_set(err, rc, "cannot answer probes on UDP port %u: %s",
                          (unsigned) port, why.text);
    }
    log_warn(log, "broker", "no-probes",
             "port=%u text=\"cannot listen on UDP: %s; heartbeats are measured instead, "
             "or set probe_port\"",
             (unsigned) port, why.text);
    return 0;
}

void echo_free(struct echo *e)
{
    if (e != NULL) {
        for (unsigned i = 0; i < e->n; i++) {
            udp_free(e->at[i].udp);
        }
        wf_free(e);
    }
}

unsigned echo_port(const struct echo *e)
{
    return e != NULL ? e->port : 0;
}

void echo_count(const struct echo *e, uint64_t *ret_answered, uint64_t *ret_unknown)
{
    *ret_answered = e != NULL ? e->answered : 0;
    *ret_unknown = e != NULL ? e->unknown : 0;
}
