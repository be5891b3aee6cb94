#include "tests/torture/calls.h"

#include "common/mem.h"
#include "tests/lib/fnv.h"
#include "tests/torture/story.h"
#include "tests/torture/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void die(const char *what, const char *why)
{
    (void) fprintf(stderr, "torture-load: %s: %s\n", what, why);
    exit(1);
}

uint64_t now_ms(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static void tell(const struct job *j, const char *kind, unsigned n, const uint64_t *x)
{
    if (story_write(j->load->story, kind, j->text, n, x) != 0) {
        die("story", "cannot be written");
    }
}

struct job *job_of(struct load *l, const weft_id *id)
{
    struct job *j = wf_map_get(l->jobs, id, sizeof *id);

    if (j == NULL) {
        j = wf_calloc(1, sizeof *j);
        if (j == NULL) {
            die("job", "out of memory");
        }
        j->id = *id;
        j->load = l;
        weft_id_text(id, j->text);
        if (wf_map_put(l->jobs, &j->id, sizeof j->id, j) != 0) {
            die("job", "too many");
        }
    }
    return j;
}

/* -- calls ------------------------------------------------------------------------------
 */

static void on_accepted(weft_future *future, void *arg);
static void on_done(weft_future *future, void *arg);
static void call_start(struct call *c);

static void job_closed(struct job *j)
{
    if (--j->open == 0) {
        j->load->open--;
        if (j->over) {
            j->load->done++;
        }
    }
}

static struct call *call_new(struct job *j)
{
    struct call *c = wf_calloc(1, sizeof *c);

    if (c == NULL) {
        die("call", "out of memory");
    }
    c->job = j;
    /* Unique among all processes that had this job. */
    c->handle = now_ms() << 20 | (++j->load->handles & 0xfffff);
    if (j->open++ == 0) {
        j->load->open++;
    }
    return c;
}

static void call_free(struct call *c)
{
    weft_future_free(c->future);
    c->job->kinds[c->kind]--;
    job_closed(c->job);
    wf_free(c);
}

static void call_later(struct call *c, uint64_t ms)
{
    weft_future_free(c->future);
    c->future = NULL;
    c->due_ms = now_ms() + (ms < 50 ? 50 : ms > 2000 ? 2000 : ms);
    c->next = c->job->load->again;
    c->job->load->again = c;
}

static void on_output(const weft_id *id, unsigned attempt, int stream, uint64_t offset,
                      const void *data, size_t len, void *arg)
{
    (void) id;
    (void) attempt;
    (void) stream;
    (void) offset;
    (void) data;
    (void) len;
    (void) arg;
}

static int start_submit(struct call *c)
{
    struct weft_job job = WEFT_JOB_INIT;
    struct load *l = c->job->load;
    const uint8_t *id = c->job->id.bytes;
    char payload[WORK_PAYLOAD_MAX];

    job.id = c->job->id;
    job.capability = l->capability;
    job.payload = payload;
    job.payload_len = work_payload(id, payload);
    job.job_class = l->job_class;
    job.priority = id[6] % 10;
    job.disconnect = (enum weft_disconnect)(id[7] % 10 == 0   ? WEFT_DISCONNECT_KEEP
                                            : id[7] % 10 == 1 ? WEFT_DISCONNECT_STOP
                                                              : WEFT_DISCONNECT_REPLACE);
    job.disconnect_ms = 300;
    return weft_submit(l->client, &job, &c->future);
}

static void call_start(struct call *c)
{
    struct load *l = c->job->load;
    const weft_id *id = &c->job->id;
    int rc = 0;

    switch (c->kind) {
    case SUBMIT:
        rc = start_submit(c);
        break;
    case WATCH:
        rc = weft_watch(l->client, id, on_output, NULL, NULL, &c->future);
        break;
    case CANCEL:
        rc = weft_cancel(l->client, id, &c->future);
        break;
    case REPEAT:
        rc = weft_retry(l->client, id, NULL, &c->future);
        break;
    case LOGS:
        rc = weft_logs(l->client, id, on_output, NULL, &c->future);
        break;
    default:
        break;
    }
    if (rc == WEFT_EFULL || rc == WEFT_ENOMEM) {
        call_later(c, 100);
        return;
    }
    if (rc != 0) {
        die("call", weft_errname(rc));
    }
    weft_future_then(c->future, on_done, c);
    if (c->kind == SUBMIT) {
        weft_future_accepted(c->future, on_accepted, c);
    }
}

void job_call(struct job *j, enum kind kind)
{
    struct call *c = call_new(j);

    c->kind = kind;
    j->kinds[kind]++;
    call_start(c);
}

/* -- what is told -----------------------------------------------------------------------
 */

static void on_accepted(weft_future *future, void *arg)
{
    struct call *c = arg;
    struct job *j = c->job;
    /* What was asked for and granted must hold: whoever asks for class fast sees to it
     * that brokers live. */
    uint64_t durable = weft_future_class(future) != WEFT_CLASS_FAST ||
                       j->load->job_class == WEFT_CLASS_FAST;
    int again = j->accepted;

    tell(j, "accepted", 1, &durable);
    j->accepted = 1;
    if (again) {
        return;
    }
    switch (work_manner(j->id.bytes)) {
    case WORK_FORGETS:
        call_free(c);
        return;
    case WORK_CANCELS:
        job_call(j, CANCEL);
        return;
    case WORK_WATCHES:
        job_call(j, WATCH);
        return;
    default:
        return;
    }
}

static void tell_outcome(const struct job *j, const struct weft_outcome *o)
{
    uint64_t rest = fnv_hash(0, o->node, strlen(o->node));
    uint64_t x[6] = {o->state, (uint64_t) -o->code, o->attempt};

    rest = fnv_hash(rest, o->reason, strlen(o->reason));
    rest = fnv_hash(rest, &o->exit_code, sizeof o->exit_code);
    rest = fnv_hash(rest, &o->term_signal, sizeof o->term_signal);
    rest = fnv_hash(rest, &o->cut, sizeof o->cut);
    x[3] = fnv_hash(0, o->data, o->len);
    x[4] = rest;
    x[5] = o->state == WEFT_JOB_OK && o->code == 0;
    tell(j, "outcome", 6, x);
}

static int is_passing(const struct load *l, int error)
{
    switch (error) {
    case WEFT_EBUSY:
    case WEFT_EQUOTA:
    case WEFT_ESTORAGE:
    case WEFT_ENOCAP:
    case WEFT_ENOAGENT:
    case WEFT_EUNREACH:
    case WEFT_ETIMEOUT:
    case WEFT_EFULL:
    case WEFT_ENOMEM:
        return 1;
    case WEFT_ENOENT:
    case WEFT_ECONFLICT:
        return l->is_site;
    default:
        return 0;
    }
}

/* It came to its end without an outcome. */
static void on_error(struct call *c, int error)
{
    struct job *j = c->job;
    uint64_t code = (uint64_t) -error;

    if (is_passing(j->load, error)) {
        call_later(c, weft_future_retry_ms(c->future));
        return;
    }
    if (error == WEFT_ENOENT && (c->kind == WATCH || j->accepted)) {
        tell(j, "denied", 1, &code);
    } else if (error != WEFT_ECLOSED && c->kind == SUBMIT) {
        tell(j, "refused", 1, &code);
    }
    if (error != WEFT_ECLOSED) {
        printf("%s %s: %s: %s\n", c->kind == WATCH ? "watch" : "submit", j->text,
               weft_errname(error), weft_future_text(c->future));
        (void) fflush(stdout);
    }
    call_free(c);
}

/* A job that repeats another is one like all, but for its payload. */
static void on_repeated(struct call *c, int error)
{
    uint64_t durable = 1;

    if (error == 0) {
        struct job *j = job_of(c->job->load, weft_future_id(c->future));

        tell(j, "accepted", 1, &durable);
        j->accepted = 1;
        job_call(j, WATCH);
    }
    call_free(c);
}

static void look_back(struct job *j, const struct weft_outcome *o)
{
    if (o->state == WEFT_JOB_FAILED || o->state == WEFT_JOB_DEAD) {
        job_call(j, j->id.bytes[9] % 2 == 0 ? REPEAT : LOGS);
    }
}

static void on_done(weft_future *future, void *arg)
{
    struct call *c = arg;
    struct job *j = c->job;
    const struct weft_outcome *o = weft_future_outcome(future);
    int error = weft_future_error(future);

    if (c->kind == CANCEL || c->kind == LOGS) {
        call_free(c); /* its outcome tells */
        return;
    }
    if (c->kind == REPEAT) {
        on_repeated(c, error);
        return;
    }
    if (o == NULL) {
        if (error != 0) {
            on_error(c, error);
        } else {
            call_free(c);
        }
        return;
    }
    if (!j->load->fetching) {
        tell(j, "fired", 1, &c->handle);
    }
    tell_outcome(j, o);
    if (!j->over && !j->load->fetching && !*j->load->stopped) {
        look_back(j, o);
    }
    j->over = 1;
    call_free(c);
}

/* -- what the program does --------------------------------------------------------------
 */

void job_begin(struct job *j)
{
    tell(j, "submit", 0, NULL);
    job_call(j, SUBMIT);
    if (work_manner(j->id.bytes) == WORK_TWICE) {
        job_call(j, SUBMIT);
    }
}

void calls_due(struct load *l)
{
    struct call **at = &l->again;
    uint64_t now = now_ms();
    struct call *due = NULL, *c;

    while ((c = *at) != NULL) {
        if (c->due_ms > now) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        c->next = due;
        due = c;
    }
    while ((c = due) != NULL) {
        due = c->next;
        /* Nobody waits for an answer that has come by another way. */
        if (*l->stopped > 1 || (c->job->over && !l->fetching)) {
            call_free(c);
        } else {
            call_start(c);
        }
    }
}

void jobs_free(struct load *l)
{
    struct call *c;
    struct job *j;
    size_t it = 0;

    while ((c = l->again) != NULL) {
        l->again = c->next;
        call_free(c);
    }
    while ((j = wf_map_next(l->jobs, &it)) != NULL) {
        wf_free(j);
    }
    wf_map_free(l->jobs);
}
