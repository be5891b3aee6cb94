/* shell_int.h - the body of the broker's shell, for shell.c and shell_open.c */
#ifndef BROKER_SHELL_INT_H
#define BROKER_SHELL_INT_H

#include "broker/bulk.h"
#include "broker/dial_lanes.h"
#include "broker/dial_probes.h"
#include "broker/dials.h"
#include "broker/echo.h"
#include "broker/price_watch.h"
#include "broker/shell.h"
#include "broker/store/store.h"
#include "common/io/ahead.h"
#include "common/io/loop.h"
#include "common/io/router.h"
#include "common/io/zap.h"

struct shell {
    struct wf_loop loop;
    struct wf_ahead *ahead;
    const struct log_sink *log;
    struct core *core;
    struct wf_effects effects;
    struct store *store;
    void *zmq, *bulk_zmq; /* contexts */
    struct zap *zap, *bulk_zap;
    struct router *router;
    struct bulk *bulk;
    struct dials *dials;
    struct dial_lanes *dial_lanes;
    struct dial_probes *dial_probes;
    const char *state;          /* folder */
    struct echo *echo;          /* NULL: probes are not answered */
    struct price_watch *prices; /* NULL: no file of prices */
    struct wf_timer *timer;
    uint64_t armed_us; /* when the timer fires; UINT64_MAX: not armed */
    struct keys keys;
    int lock_fd;
    int stopping;
    int fenced; /* another process has our place in the store */
    struct store_facts facts;
    int repair; /* the operator knows that the store lost something */
    struct bus_counts bus;
};

/* What happens, as callbacks of loop, store, bus and neighbours; `arg` is the shell. */
extern const struct store_cbs shell_store_cbs;
extern const struct router_cbs shell_router_cbs;
extern const struct dials_cbs shell_dials_cbs;

void shell_on_time(void *arg);
void shell_on_signal(void *arg, int signum);
int shell_allow(void *arg, const uint8_t *key, const char *domain, const char *address);
void shell_on_lane(void *arg, struct broker_event *ev);
void shell_on_dial_lane(void *arg, struct broker_event *ev);
void shell_on_probe(void *arg, struct broker_event *ev);
void shell_on_prices(void *arg, const struct price_line *lines, size_t n);
void shell_on_record(void *arg, unsigned table, struct wf_slice record);
void shell_on_repair(void *arg, const char *line);

/* Step the core and carry out what it wants. */
void shell_step(struct shell *sh, struct broker_event *ev);

#endif
