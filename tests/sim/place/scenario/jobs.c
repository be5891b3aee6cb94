/* Blobs, who holds them, and the jobs that need them. */
#include "tests/sim/place/scenario/int.h"
#include "tests/sim/place/scenario/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX 50000000u

static int too_many(const struct csv *c, struct wf_err *err)
{
    return wf_err_set(err, WEFT_ENOMEM, "%s:%u: too many lines", c->name, c->line);
}

int scenario_read_blobs(struct scenario *sc, const char *dir, struct wf_err *err)
{
    static const char *const columns[] = {"id", "bytes"};
    struct csv c;
    size_t cap = 0;
    int rc = csv_open(&c, dir, "blobs.csv", columns, ARRAY_LEN(columns), err);

    if (rc != 0) {
        return rc;
    }
    while ((rc = csv_next(&c, err)) > 0) {
        const uint32_t n = sc->blob_ids.n;
        struct sc_blob *blobs = vec_room(sc->blobs, &cap, n, sizeof *blobs);
        uint32_t number = 0;
        double bytes;

        if (blobs == NULL) {
            rc = too_many(&c, err);
            break;
        }
        sc->blobs = blobs;
        blobs[n] = (struct sc_blob){0};
        rc = csv_number(&c, 1, 0, SC_BYTES_MAX, NAN, &bytes, err);
        rc = rc != 0 ? rc : scenario_name(&c, 0, &sc->blob_ids, &number, err);
        if (rc == 0 && number != n) {
            rc = csv_fail(&c, err, "blob `%.60s` stands here twice: remove one",
                          csv_text(&c, 0));
        }
        if (rc != 0) {
            break;
        }
        blobs[n].bytes = (uint64_t) bytes;
    }
    csv_close(&c);
    return rc;
}

static int add_holding(struct csv *c, struct scenario *sc, struct wf_err *err)
{
    const char *id = csv_text(c, 0), *name = csv_text(c, 1);
    uint32_t node = names_find(&sc->ids, id, strlen(id));
    uint32_t number = names_find(&sc->blob_ids, name, strlen(name));
    struct sc_blob *blob;
    uint32_t *holders;

    if (node == NAMES_NONE) {
        return csv_fail(c, err, "node `%.60s` is not in nodes.csv: add or correct it",
                        id);
    }
    if (number == NAMES_NONE) {
        return csv_fail(c, err, "blob `%.60s` is not in blobs.csv: add or correct it",
                        name);
    }
    if (sc->nodes[node].up <= 0) {
        return csv_fail(c, err, "node `%.60s` has no up_mbps: write it in nodes.csv", id);
    }
    blob = &sc->blobs[number];
    for (uint32_t i = 0; i < blob->nholders; i++) {
        if (blob->holders[i] == node) {
            return 0;
        }
    }
    holders = vec_room(blob->holders, &blob->cap, blob->nholders, sizeof *holders);
    if (holders == NULL) {
        return too_many(c, err);
    }
    blob->holders = holders;
    holders[blob->nholders++] = node;
    return 0;
}

int scenario_read_holdings(struct scenario *sc, const char *dir, struct wf_err *err)
{
    static const char *const columns[] = {"node", "blob"};
    struct csv c;
    int rc = csv_open(&c, dir, "holdings.csv", columns, ARRAY_LEN(columns), err);

    if (rc != 0) {
        return rc;
    }
    while ((rc = csv_next(&c, err)) > 0) {
        rc = add_holding(&c, sc, err);
        if (rc != 0) {
            break;
        }
    }
    csv_close(&c);
    return rc;
}

enum { T, CLIENT, CAPABILITY, RUN, BLOBS, PAYLOAD, RESULT, CLASS, DEADLINE };
static const char *const job_columns[] = {[T] = "t_ms",
                                          [CLIENT] = "client",
                                          [CAPABILITY] = "capability",
                                          [RUN] = "run_ms",
                                          [BLOBS] = "blobs",
                                          [PAYLOAD] = "payload_bytes",
                                          [RESULT] = "result_bytes",
                                          [CLASS] = "class",
                                          [DEADLINE] = "deadline_ms"};

struct refs {
    struct scenario *sc;
    size_t cap;
    struct sc_job *job;
};

static int add_ref(struct csv *c, void *arg, const char *part, size_t len,
                   struct wf_err *err)
{
    struct refs *r = arg;
    uint32_t blob = names_find(&r->sc->blob_ids, part, len);
    uint32_t *refs;

    if (blob == NAMES_NONE) {
        return csv_fail(c, err, "blob `%.*s` is not in blobs.csv: add or correct it",
                        len < 60 ? (int) len : 60, part);
    }
    for (uint32_t i = 0; i < r->job->nblobs; i++) {
        if (r->sc->refs[r->job->first + i] == blob) {
            return 0;
        }
    }
    refs = vec_room(r->sc->refs, &r->cap, r->sc->nrefs, sizeof *refs);
    if (refs == NULL || r->sc->nrefs >= UINT32_MAX) {
        return too_many(c, err);
    }
    r->sc->refs = refs;
    refs[r->sc->nrefs++] = blob;
    r->job->nblobs++;
    return 0;
}

static uint32_t home_of(const struct scenario *sc, uint32_t client)
{
    uint32_t best = 0;

    for (uint32_t b = 1; b < sc->nbrokers; b++) {
        if (scenario_rtt_us(sc, client, sc->brokers[b]) <
            scenario_rtt_us(sc, client, sc->brokers[best])) {
            best = b;
        }
    }
    return best;
}

static int parse_client(struct csv *c, struct scenario *sc, struct sc_job *job,
                        struct wf_err *err)
{
    const char *id = csv_text(c, CLIENT);

    job->client = names_find(&sc->ids, id, strlen(id));
    if (job->client == NAMES_NONE || sc->nodes[job->client].role != SC_CLIENT) {
        return csv_fail(c, err, "`%.60s` is no client of nodes.csv: add or correct it",
                        id);
    }
    job->broker = home_of(sc, job->client);
    return 0;
}

static int parse_job(struct csv *c, struct refs *r, struct wf_err *err)
{
    struct sc_job *job = r->job;
    double at, run, deadline, payload, result;
    int rc = csv_number(c, T, 0, SC_MS_MAX, NAN, &at, err);

    rc = rc != 0 ? rc : parse_client(c, r->sc, job, err);
    rc = rc != 0 ? rc : csv_number(c, RUN, 0, SC_MS_MAX, NAN, &run, err);
    rc = rc != 0 ? rc : csv_number(c, PAYLOAD, 0, SC_BYTES_MAX, 0, &payload, err);
    rc = rc != 0 ? rc : csv_number(c, RESULT, 0, SC_BYTES_MAX, 0, &result, err);
    rc = rc != 0 ? rc : csv_number(c, DEADLINE, 0, SC_MS_MAX, 0, &deadline, err);
    rc = rc != 0
             ? rc
             : scenario_name(c, CAPABILITY, &r->sc->capabilities, &job->capability, err);
    rc = rc != 0 ? rc : scenario_name(c, CLASS, &r->sc->job_classes, &job->class_, err);
    if (rc != 0) {
        return rc;
    }
    job->at_ns = (uint64_t) (at * 1e6 + 0.5);
    job->run_ns = (uint64_t) (run * 1e6 + 0.5);
    job->deadline_ns = (uint64_t) (deadline * 1e6 + 0.5);
    job->payload = (uint64_t) payload;
    job->result = (uint64_t) result;
    job->line = c->line;
    job->first = (uint32_t) r->sc->nrefs;
    r->sc->deadlines |= job->deadline_ns != 0;
    return scenario_parts(c, csv_text(c, BLOBS), add_ref, r, err);
}

/* Equal times stay as they stand in the file. */
static int by_time(const void *a, const void *b)
{
    const struct sc_job *x = a, *y = b;

    if (x->at_ns != y->at_ns) {
        return x->at_ns < y->at_ns ? -1 : 1;
    }
    return (x->line > y->line) - (x->line < y->line);
}

int scenario_read_jobs(struct scenario *sc, const char *dir, struct wf_err *err)
{
    struct refs refs = {.sc = sc};
    struct csv c;
    size_t cap = 0;
    int sorted = 1;
    int rc = csv_open(&c, dir, "jobs.csv", job_columns, ARRAY_LEN(job_columns), err);

    if (rc != 0) {
        return rc;
    }
    while ((rc = csv_next(&c, err)) > 0) {
        struct sc_job *jobs = vec_room(sc->jobs, &cap, sc->njobs, sizeof *jobs);

        if (jobs == NULL || sc->njobs >= JOBS_MAX) {
            rc = too_many(&c, err);
            break;
        }
        sc->jobs = jobs;
        refs.job = &jobs[sc->njobs];
        *refs.job = (struct sc_job){0};
        rc = parse_job(&c, &refs, err);
        if (rc != 0) {
            break;
        }
        sorted &= sc->njobs == 0 || refs.job[-1].at_ns <= refs.job->at_ns;
        sc->njobs++;
    }
    if (rc == 0 && !sorted) {
        qsort(sc->jobs, sc->njobs, sizeof *sc->jobs, by_time);
    }
    csv_close(&c);
    return rc;
}
