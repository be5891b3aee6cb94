/* mesh.h - an exec under test, in a loop, and what became of its jobs
 *
 * PROGRAM RUNNER WORKER [WORKER.PY].  A watchdog ends the program when nothing comes for
 * WATCHDOG_MS.
 */
#ifndef TESTS_MESH_H
#define TESTS_MESH_H

#include "agent/exec.h"
#include "common/defs.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

#include <sys/wait.h>
#include <unistd.h>

#define RUNS_MAX    21000
#define WATCHDOG_MS 30000

struct record {
    unsigned started, done, outputs;
    enum wire_reason reason;
    int code, signal;
    size_t result_len, out_len;
    uint64_t out_all; /* bytes */
    uint64_t result_size;
    char path[256]; /* of the result, which is the test's; "": it came as bytes */
    uint64_t out_cut, err_cut;
    char result[256];
    char out[256];
    char text[256];
};

struct mesh {
    uv_loop_t loop;
    uv_timer_t watchdog;
    struct exec *x;
    unsigned done, infos, disorder;
    bool up;
    struct record r[RUNS_MAX];
    unsigned attempt; /* of the jobs given */
};

static struct mesh t;
static const char *runner_path, *worker_path, *python_worker;
static char dir[64];
static const char *sandbox = "auto";

static void on_started(void *arg, uint64_t run)
{
    struct mesh *m = arg;

    m->r[run].started++;
    m->disorder += m->r[run].done > 0 || m->r[run].outputs > 0;
}

static void on_output(void *arg, uint64_t run, int stream, const uint8_t *p, size_t len)
{
    struct mesh *m = arg;
    struct record *r = &m->r[run];
    size_t room = sizeof r->out - 1 - r->out_len;

    m->disorder += r->started != 1 || r->done > 0 || stream < 1 || stream > 2;
    r->outputs++;
    r->out_all += len;
    memcpy(r->out + r->out_len, p, len < room ? len : room);
    r->out_len += len < room ? len : room;
}

static void on_done(void *arg, uint64_t run, const struct exec_done *d)
{
    struct mesh *m = arg;
    struct record *r = &m->r[run];
    size_t keep =
        d->result_len < sizeof r->result - 1 ? d->result_len : sizeof r->result - 1;

    r->done++;
    m->done++;
    r->reason = d->reason;
    r->code = d->code;
    r->signal = d->signal;
    r->out_cut = d->out_cut;
    r->err_cut = d->err_cut;
    r->result_len = d->result_len;
    r->result_size = d->result_size;
    (void) snprintf(r->path, sizeof r->path, "%s",
                    d->result_path != NULL ? d->result_path : "");
    if (keep > 0) {
        memcpy(r->result, d->result, keep);
    }
    r->result[keep] = '\0';
    (void) snprintf(r->text, sizeof r->text, "%s", d->text);
}

static void on_info(void *arg, const struct exec_info *info)
{
    struct mesh *m = arg;

    m->infos++;
    m->up = info->up;
}

static void on_watchdog(uv_timer_t *h)
{
    (void) h;
    printf("Bail out! no outcome for %d ms\n", WATCHDOG_MS);
    exit(99);
}

/* The watchdog counts from the last news: timers alone are none. */
static void turn(void)
{
    unsigned done = t.done, infos = t.infos;

    if (!uv_is_active((uv_handle_t *) &t.watchdog)) {
        (void) uv_timer_start(&t.watchdog, on_watchdog, WATCHDOG_MS, 0);
    }
    (void) uv_run(&t.loop, UV_RUN_ONCE);
    if (t.done != done || t.infos != infos) {
        (void) uv_timer_stop(&t.watchdog);
    }
}

static void open_exec(size_t inline_max)
{
    static const struct exec_callbacks cb = {on_started, on_output, on_done, on_info,
                                             NULL};
    struct exec_opts o = {.runner = runner_path,
                          .scratch = dir,
                          .sandbox = sandbox,
                          .inline_max = inline_max};
    struct wf_err err = {0};

    memset(&t, 0, sizeof t);
    t.attempt = 1;
    must(uv_loop_init(&t.loop) == 0);
    must(uv_timer_init(&t.loop, &t.watchdog) == 0);
    if (exec_new(&t.loop, &o, &cb, &t, &t.x, &err) != 0) {
        printf("Bail out! %s\n", err.text);
        exit(99);
    }
}

static void close_exec(void)
{
    exec_free(t.x);
    t.x = NULL;
    uv_close((uv_handle_t *) &t.watchdog, NULL);
    while (uv_run(&t.loop, UV_RUN_DEFAULT) != 0) {
    }
    ok(uv_loop_close(&t.loop) == 0, "the loop is empty after exec_free");
    ok(t.disorder == 0, "callbacks came in order");
}

static void wait_done(uint64_t run)
{
    while (t.r[run].done == 0) {
        turn();
    }
}

static struct wire_start *spec_of(const char *a, const char *b, const char *c)
{
    static struct wire_start s;
    const char *args[] = {a, b, c};

    memset(&s, 0, sizeof s);
    s.payload_path = "";
    s.limits.grace_ms = 50;
    for (size_t i = 0; i < 3 && args[i] != NULL; i++) {
        must(wire_list_add(&s.argv, args[i]) == 0);
    }
    return &s;
}

static struct exec_job job_of(const char *payload)
{
    return (struct exec_job){.id = "0123abcd",
                             .attempt = t.attempt,
                             .deadline_ms = 1234567,
                             .payload = (const uint8_t *) payload,
                             .payload_len = strlen(payload)};
}

static int give(struct exec_pool *p, uint64_t run, const char *payload)
{
    struct exec_job j = job_of(payload);

    return exec_pool_start(p, run, &j);
}

static void remove_dir(void)
{
    pid_t rm = fork();

    if (rm == 0) {
        (void) execlp("rm", "rm", "-rf", dir, (char *) NULL);
        _exit(127);
    }
    (void) waitpid(rm, NULL, 0);
}

WF_UNUSED static void setup(int argc, char **argv)
{
    must(argc >= 3);
    /* Handlers start in a folder of their own: names must be absolute. */
    runner_path = realpath(argv[1], NULL);
    worker_path = realpath(argv[2], NULL);
    python_worker = argc > 3 ? realpath(argv[3], NULL) : NULL;
    must(runner_path != NULL && worker_path != NULL);
    (void) snprintf(dir, sizeof dir, "/tmp/weft-test-XXXXXX");
    must(mkdtemp(dir) != NULL);
}

#endif
