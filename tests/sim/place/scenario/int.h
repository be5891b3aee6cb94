/* int.h - what the readers of a scenario's files share */
#ifndef TESTS_SIM_PLACE_SCENARIO_INT_H
#define TESTS_SIM_PLACE_SCENARIO_INT_H

#include "tests/sim/place/scenario/csv.h"
#include "tests/sim/place/scenario/scenario.h"

#define SC_MS_MAX    1e9 /* of a time */
#define SC_BYTES_MAX 1e15

/* Each reads one file; what it refers to must have been read. */
int scenario_read_nodes(struct scenario *sc, const char *dir, struct wf_err *err);
int scenario_read_rtt(struct scenario *sc, const char *dir, struct wf_err *err);
int scenario_read_egress(struct scenario *sc, const char *dir, struct wf_err *err);
int scenario_read_blobs(struct scenario *sc, const char *dir, struct wf_err *err);
int scenario_read_holdings(struct scenario *sc, const char *dir, struct wf_err *err);
int scenario_read_jobs(struct scenario *sc, const char *dir, struct wf_err *err);

/* Which agents offer what, and how long its jobs run. */
int scenario_index(struct scenario *sc, struct wf_err *err);

/* Call `add` with each part of a field that is separated by `;`, empty ones left out. */
int scenario_parts(struct csv *c, const char *text,
                   int (*add)(struct csv *c, void *arg, const char *part, size_t len,
                              struct wf_err *err),
                   void *arg, struct wf_err *err);

/* The text of a column as a number of that table. */
int scenario_name(struct csv *c, unsigned column, struct names *t, uint32_t *ret,
                  struct wf_err *err);

#endif
