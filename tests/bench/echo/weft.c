/* weft itself, with CURVE on: a client of the SDK, a broker, and a handler that is either
 * a function of a process which serves through the SDK or a worker process below an
 * agent. */
#include "tests/bench/echo/echo.h"
#include "tests/bench/mesh.h"
#include "tests/bench/proc.h"

#include "client/include/weft/weft.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLOTS         4096
#define READY_TRIES   250
#define READY_WAIT_NS 20000000

struct run {
    struct bench_run *echo;
    weft_client *client;
    int over;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "bench: weft: %s: %s\n", what, why);
    exit(1);
}

static void answer(weft_call *call, void *arg)
{
    size_t len;
    const void *payload = weft_call_payload(call, &len);

    (void) arg;
    weft_call_done(call, 0, payload, len, NULL);
}

static void serve(void *arg)
{
    const struct mesh *m = arg;
    struct weft_serve_options options = WEFT_SERVE_OPTIONS_INIT;
    weft_server *server = NULL;
    char why[256] = "";

    options.state = m->agent;
    options.slots = SLOTS;
    if (weft_serve_open(&options, &server, why, sizeof(why)) != 0) {
        fail("serve", why);
    }
    if (weft_serve_register(server, MESH_CAPABILITY, 0, answer, NULL) != 0) {
        fail("serve", "register");
    }
    (void) weft_serve_run(server);
}

static int submit(weft_client *client, weft_future **ret_future)
{
    struct weft_job job = WEFT_JOB_INIT;
    uint8_t payload[LOAD_PAYLOAD];

    load_stamp(payload);
    job.capability = MESH_CAPABILITY;
    job.payload = payload;
    job.payload_len = sizeof(payload);
    job.job_class = WEFT_CLASS_FAST;
    return weft_submit(client, &job, ret_future);
}

/* The agent needs a moment to appear; until then the broker refuses. */
static void wait_ready(weft_client *client)
{
    struct timespec wait = {0, READY_WAIT_NS};
    char why[256] = "no answer";
    int i;

    for (i = 0; i < READY_TRIES; i++) {
        weft_future *f = NULL;
        int rc = submit(client, &f);

        if (rc == 0) {
            rc = weft_future_wait(f, WEFT_UNTIL_DONE, 5000);
            snprintf(why, sizeof(why), "%s: %s", weft_strerror(rc), weft_future_text(f));
        }
        if (rc == 0 && weft_future_outcome(f)->state == WEFT_JOB_OK) {
            weft_future_free(f);
            return;
        }
        weft_future_free(f);
        nanosleep(&wait, NULL);
    }
    fail("no agent takes the job", why);
}

static void on_done(weft_future *future, void *arg);

static void submit_next(struct run *r)
{
    weft_future *f;
    int rc = submit(r->client, &f);

    if (rc != 0) {
        fail("submit", weft_strerror(rc));
    }
    weft_future_then(f, on_done, r);
}

static void on_done(weft_future *future, void *arg)
{
    struct run *r = arg;
    const struct weft_outcome *o = weft_future_outcome(future);
    int again;

    if (o == NULL || o->state != WEFT_JOB_OK) {
        fail("job", o != NULL ? o->reason : weft_future_text(future));
    }
    again = load_reply(&r->echo->load, o->data, o->len);
    weft_future_free(future);
    if (again) {
        submit_next(r);
    } else {
        r->over = 1;
    }
}

static void drive(struct run *r)
{
    uint32_t i;

    wait_ready(r->client);
    load_start(&r->echo->load, r->echo->window, r->echo->seconds);
    for (i = 0; i < r->echo->window; i++) {
        submit_next(r);
    }
    while (!r->over) {
        struct pollfd p = {weft_fd(r->client), POLLIN, 0};

        poll(&p, 1, weft_timeout_ms(r->client));
        if (weft_process(r->client) != 0) {
            fail("process", "failed");
        }
    }
}

static int run(struct bench_run *e, int with_agent)
{
    static struct mesh m;
    struct weft_options options = WEFT_OPTIONS_INIT;
    struct run r = {e, NULL, 0};
    char why[256] = "";

    if (mesh_start(&m, e->tmp) != 0) {
        return 1;
    }
    if (with_agent) {
        if (mesh_agent(&m, e->tmp) != 0) {
            return 1;
        }
    } else {
        proc_fork(serve, &m);
    }
    setenv("WEFT_HOME", m.home, 1);
    options.mode = WEFT_MODE_LOOP;
    if (weft_open(&options, &r.client, why, sizeof(why)) != 0) {
        fail("open", why);
    }
    drive(&r);
    return 0;
}

int echo_weft(struct bench_run *e)
{
    return run(e, 0);
}

int echo_weft_worker(struct bench_run *e)
{
    return run(e, 1);
}
