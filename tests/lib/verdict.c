#include "tests/lib/verdict.h"

#include "common/err.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/lib/fnv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* More of these for one job than any broker allows. */
#define MAX_RUNS    4096u
#define MAX_HANDLES 65536u

struct run {
    unsigned attempt, times;
    uint64_t hash;
};

struct handle {
    uint64_t number;
    unsigned times;
};

struct job {
    struct wf_id id;
    int durable, fast, refused, denied;
    size_t nruns, cap_runs, nhandles, cap_handles;
    struct run *runs;       /* owned */
    struct handle *handles; /* owned */
    int ended;
    struct verdict_end end; /* the first that was seen */
    struct verdict_end other;
    int differs;
};

struct verdict {
    struct wf_map *jobs;
    verdict_tell_fn *tell;
    void *arg;
    int expect_runs;
    uint64_t superseded;
};

struct verdict *verdict_new(size_t max, verdict_tell_fn *tell, void *arg)
{
    struct verdict *v = wf_calloc(1, sizeof *v);

    if (v == NULL) {
        return NULL;
    }
    v->jobs = wf_map_new(max, 1);
    if (v->jobs == NULL) {
        wf_free(v);
        return NULL;
    }
    v->tell = tell;
    v->arg = arg;
    return v;
}

void verdict_free(struct verdict *v)
{
    struct job *j;
    size_t it = 0;

    if (v == NULL) {
        return;
    }
    while ((j = wf_map_next(v->jobs, &it)) != NULL) {
        wf_free(j->runs);
        wf_free(j->handles);
        wf_free(j);
    }
    wf_map_free(v->jobs);
    wf_free(v);
}

void verdict_expect_runs(struct verdict *v)
{
    v->expect_runs = 1;
}

/* The job, made when it is new. */
static int job_of(struct verdict *v, const struct wf_id *id, struct job **ret_job)
{
    struct job *j = wf_map_get(v->jobs, id, sizeof *id);
    int rc;

    if (j == NULL) {
        j = wf_calloc(1, sizeof *j);
        if (j == NULL) {
            return WEFT_ENOMEM;
        }
        j->id = *id;
        rc = wf_map_put(v->jobs, &j->id, sizeof j->id, j);
        if (rc != 0) {
            wf_free(j);
            return rc;
        }
    }
    *ret_job = j;
    return 0;
}

/* Room for one more of `n` things. */
static int grow(void **things, size_t n, size_t *cap, size_t size, size_t max)
{
    size_t more = *cap == 0 ? 2 : *cap * 2;
    void *p;

    if (n < *cap) {
        return 0;
    }
    if (n >= max) {
        return WEFT_EFULL;
    }
    p = wf_realloc(*things, more * size);
    if (p == NULL) {
        return WEFT_ENOMEM;
    }
    *things = p;
    *cap = more;
    return 0;
}

/* -- what was seen ----------------------------------------------------------------------
 */

int verdict_accepted(struct verdict *v, const struct wf_id *id, int durable)
{
    struct job *j;
    int rc = job_of(v, id, &j);

    if (rc == 0) {
        j->durable |= durable != 0;
        j->fast |= durable == 0;
    }
    return rc;
}

int verdict_refused(struct verdict *v, const struct wf_id *id)
{
    struct job *j;
    int rc = job_of(v, id, &j);

    if (rc == 0) {
        j->refused = 1;
    }
    return rc;
}

int verdict_denied(struct verdict *v, const struct wf_id *id)
{
    struct job *j;
    int rc = job_of(v, id, &j);

    if (rc == 0) {
        j->denied = 1;
    }
    return rc;
}

static struct run *run_of(const struct job *j, unsigned attempt)
{
    for (size_t i = 0; i < j->nruns; i++) {
        if (j->runs[i].attempt == attempt) {
            return &j->runs[i];
        }
    }
    return NULL;
}

int verdict_started(struct verdict *v, const struct wf_id *id, unsigned attempt,
                    uint64_t hash)
{
    struct job *j;
    struct run *r;
    void *runs;
    int rc = job_of(v, id, &j);

    if (rc != 0) {
        return rc;
    }
    r = run_of(j, attempt);
    if (r != NULL) {
        r->times++;
        return 0;
    }
    runs = j->runs;
    rc = grow(&runs, j->nruns, &j->cap_runs, sizeof *j->runs, MAX_RUNS);
    j->runs = runs;
    if (rc == 0) {
        j->runs[j->nruns++] = (struct run){attempt, 1, hash};
    }
    return rc;
}

static int same_end(const struct verdict_end *a, const struct verdict_end *b)
{
    return a->state == b->state && a->code == b->code && a->attempt == b->attempt &&
           (a->hash == b->hash || a->hash == 0 || b->hash == 0) &&
           (a->rest == b->rest || a->rest == 0 || b->rest == 0);
}

int verdict_outcome(struct verdict *v, const struct wf_id *id,
                    const struct verdict_end *end)
{
    struct job *j;
    int rc = job_of(v, id, &j);

    if (rc != 0) {
        return rc;
    }
    if (!j->ended) {
        j->ended = 1;
        j->end = *end;
        return 0;
    }
    if (!j->differs && !same_end(&j->end, end)) {
        j->differs = 1;
        j->other = *end;
    }
    if (!j->differs && j->end.hash == 0) {
        j->end.hash = end->hash;
    }
    if (!j->differs && j->end.rest == 0) {
        j->end.rest = end->rest;
    }
    return 0;
}

int verdict_fired(struct verdict *v, const struct wf_id *id, uint64_t handle)
{
    struct job *j;
    void *handles;
    int rc = job_of(v, id, &j);

    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < j->nhandles; i++) {
        if (j->handles[i].number == handle) {
            j->handles[i].times++;
            return 0;
        }
    }
    handles = j->handles;
    rc = grow(&handles, j->nhandles, &j->cap_handles, sizeof *j->handles, MAX_HANDLES);
    j->handles = handles;
    if (rc == 0) {
        j->handles[j->nhandles++] = (struct handle){handle, 1};
    }
    return rc;
}

void verdict_superseded(struct verdict *v, uint64_t n)
{
    v->superseded += n;
}

/* -- what it means ----------------------------------------------------------------------
 */

WF_PRINTF(3, 4)
static void complain(const struct verdict *v, const struct job *j, const char *fmt, ...)
{
    char line[256], hex[2 * sizeof j->id.b + 1];
    int n;
    va_list ap;

    if (v->tell == NULL) {
        return;
    }
    wf_hex(hex, j->id.b, sizeof j->id.b);
    n = snprintf(line, sizeof line, "job %s: ", hex);
    va_start(ap, fmt);
    (void) vsnprintf(line + n, sizeof line - (size_t) n, fmt, ap);
    va_end(ap);
    v->tell(v->arg, line);
}

static int must_hold(const struct job *j)
{
    /* Who saw an outcome need not have seen that it was accepted. */
    return j->durable || (j->ended && !j->fast);
}

static int is_lost(const struct verdict *v, const struct job *j)
{
    if (!must_hold(j)) {
        return 0;
    }
    if (!j->ended) {
        complain(v, j, "lost: accepted, and has no outcome");
        return 1;
    }
    if (j->denied) {
        complain(v, j, "lost: accepted, and a reader was told that there is none");
        return 1;
    }
    return 0;
}

static int is_divergent(const struct verdict *v, const struct job *j)
{
    const struct verdict_end *e = &j->end;
    const struct run *r;

    if (!j->ended || (j->fast && !j->durable)) {
        return 0;
    }
    if (j->differs) {
        complain(v, j,
                 "divergent: state %u code %u attempt %u hash %016llx rest %016llx, and "
                 "state %u code %u attempt %u hash %016llx rest %016llx",
                 e->state, e->code, e->attempt, (unsigned long long) e->hash,
                 (unsigned long long) e->rest, j->other.state, j->other.code,
                 j->other.attempt, (unsigned long long) j->other.hash,
                 (unsigned long long) j->other.rest);
        return 1;
    }
    if (!e->ran) {
        return 0;
    }
    r = run_of(j, e->attempt);
    if (r == NULL && v->expect_runs) {
        complain(v, j, "divergent: attempt %u has a result and was never started",
                 e->attempt);
        return 1;
    }
    if (r != NULL && r->hash != 0 && e->hash != 0 && r->hash != e->hash) {
        complain(v, j, "divergent: the result is not that of attempt %u", e->attempt);
        return 1;
    }
    return 0;
}

static int is_duplicate(const struct verdict *v, const struct job *j)
{
    for (size_t i = 0; i < j->nhandles; i++) {
        if (j->handles[i].times > 1) {
            complain(v, j, "duplicate: a handle fired %u times", j->handles[i].times);
            return 1;
        }
    }
    for (size_t i = 0; i < j->nruns && !j->fast; i++) {
        if (j->runs[i].times > 1) {
            complain(v, j, "duplicate: attempt %u was started %u times",
                     j->runs[i].attempt, j->runs[i].times);
            return 1;
        }
    }
    return 0;
}

void verdict_judge(struct verdict *v, struct verdict_counts *ret_counts)
{
    struct verdict_counts c = {.superseded = v->superseded};
    const struct job *j;
    size_t it = 0;

    while ((j = wf_map_next(v->jobs, &it)) != NULL) {
        c.accepted += (uint64_t) must_hold(j);
        c.outcomes += (uint64_t) (must_hold(j) && j->ended);
        c.lost += (uint64_t) is_lost(v, j);
        c.divergent += (uint64_t) is_divergent(v, j);
        c.duplicate += (uint64_t) is_duplicate(v, j);
    }
    *ret_counts = c;
}

int verdict_is_good(const struct verdict_counts *c)
{
    return c->lost == 0 && c->divergent == 0 && c->duplicate == 0;
}

const struct wf_id *verdict_next_open(const struct verdict *v, size_t *it)
{
    const struct job *j;

    while ((j = wf_map_next(v->jobs, it)) != NULL) {
        if (must_hold(j) && !j->ended) {
            return &j->id;
        }
    }
    return NULL;
}

void verdict_line(const struct verdict_counts *c, char *dst, size_t cap)
{
    (void) snprintf(dst, cap,
                    "accepted %llu outcomes %llu lost %llu divergent %llu duplicate %llu "
                    "superseded %llu",
                    (unsigned long long) c->accepted, (unsigned long long) c->outcomes,
                    (unsigned long long) c->lost, (unsigned long long) c->divergent,
                    (unsigned long long) c->duplicate,
                    (unsigned long long) c->superseded);
}

uint64_t verdict_hash(uint64_t seed, const void *p, size_t len)
{
    return fnv_hash(seed, p, len);
}
