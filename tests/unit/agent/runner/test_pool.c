/* test_pool.c - a pool with a worker that is played here, at the other end of a real
 * socket: what a process of its own would do only now and then. */
#include "agent/exec/pool.h"
#include "agent/exec/results.h"
#include "agent/exec/work.h"
#include "common/err.h"
#include "tests/lib/tap.h"

#include <sys/socket.h>
#include <unistd.h>

#define BIG  WORK_PAYLOAD_MAX
#define JOBS 3

static struct {
    uv_loop_t loop;
    struct worker *w;
    unsigned started[JOBS];
    unsigned done[JOBS];
    char result[JOBS][8];
    uint64_t warm_us[JOBS], wall_us[JOBS];
    unsigned ups, downs; /* of the pool, as on_warm told */
} t;

static int start(void *arg, struct worker *w, const struct wire_start *spec,
                 uint64_t *ret_id)
{
    (void) arg;
    (void) spec;
    t.w = w;
    *ret_id = 1;
    return 0;
}

static void end(void *arg, uint64_t id, uint32_t grace_ms)
{
    (void) arg;
    (void) id;
    (void) grace_ms;
}

static void wake(void *arg)
{
    (void) arg;
}

static void on_started(void *arg, uint64_t run)
{
    (void) arg;
    t.started[run]++;
}

static void on_output(void *arg, uint64_t run, int stream, const uint8_t *p, size_t len)
{
    (void) arg;
    (void) run;
    (void) stream;
    (void) p;
    (void) len;
}

static void on_done(void *arg, uint64_t run, const struct exec_done *d)
{
    (void) arg;
    t.done[run]++;
    t.warm_us[run] = d->warm_us;
    t.wall_us[run] = d->wall_us;
    must(d->result_len < sizeof t.result[run]);
    if (d->result_len > 0) {
        memcpy(t.result[run], d->result, d->result_len);
    }
}

static void on_warm(void *arg, struct exec_pool *p, bool warm)
{
    (void) arg;
    (void) p;
    t.ups += warm;
    t.downs += !warm;
}

static void give(struct exec_pool *p, uint64_t run, size_t len)
{
    static uint8_t payload[BIG];
    struct exec_job j = {.id = "j", .attempt = 1, .payload = payload, .payload_len = len};

    must(pool_start(p, run, &j) == 0);
}

static void say(int fd, const void *p, size_t len)
{
    must(send(fd, p, len, 0) == (ssize_t) len);
}

/* Take what is in the socket; the number of bytes. */
static size_t take(int fd)
{
    static uint8_t buf[1 << 16];
    size_t all = 0;
    ssize_t n;

    while ((n = recv(fd, buf, sizeof buf, MSG_DONTWAIT)) > 0) {
        all += (size_t) n;
    }
    return all;
}

static void turn(void)
{
    (void) uv_run(&t.loop, UV_RUN_NOWAIT);
}

/* The socket was full, takes more again, and a job given meanwhile goes out with what
 * waited.  Its answer may be read in the same turn: it must not be taken for a stray. */
static void test_answered_at_once(struct exec_pool *p, int fd)
{
    static const uint8_t hello[] = {5, 0, 0, 0, WORK_HELLO, 1, 0, JOBS, 0};
    /* Of the job in the third slot, which is used for the first time. */
    static const uint8_t answer[] = {0x0b, 0, 0, 0, WORK_RESULT, 2,   0,  0,
                                     0,    0, 0, 0, 0,           'H', 'I'};

    say(fd, hello, sizeof hello);
    turn();
    give(p, 0, BIG);
    give(p, 1, BIG);
    pool_flush(p);
    is_int(t.started[0] + t.started[1], 2, "two jobs went out, or began to");
    give(p, 2, 0);
    is_int(t.started[2], 0, "a third was not flushed yet");
    ok(take(fd) < 2 * (size_t) BIG, "the socket had not taken all");
    say(fd, answer, sizeof answer);
    turn();
    pool_flush(p);
    is_int(t.started[2], 1, "it was started");
    is_int(t.done[2], 1, "and is done");
    is_str(t.result[2], "HI", "with its result");
}

/* A job that comes before its worker is ready waits for that; the next one does not. */
static void test_warm(const struct pool_env *env, const struct wire_start *spec)
{
    static const uint8_t hello[] = {5, 0, 0, 0, WORK_HELLO, 1, 0, 1, 0};
    static const uint8_t answer[] = {9, 0, 0, 0, WORK_RESULT, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t next[] = {9, 0, 0, 0, WORK_RESULT, 0, 16, 0, 0, 0, 0, 0, 0};
    const struct wire_done gone = {.reason = WIRE_R_EXIT, .text = ""};
    struct exec_pool *p;
    int fds[2];

    memset(t.done, 0, sizeof t.done);
    t.ups = t.downs = 0;
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    must(pool_new(env, spec, 1, 1, &p) == 0);
    give(p, 0, 0);
    pool_worker_started(t.w, fds[0]);
    is_int(t.ups, 0, "a worker that has not said so is not ready");
    say(fds[1], hello, sizeof hello);
    turn();
    is_int(t.ups, 1, "then it is");
    pool_flush(p);
    say(fds[1], answer, sizeof answer);
    turn();
    ok(t.done[0] == 1 && t.warm_us[0] > 0 && t.warm_us[0] <= t.wall_us[0],
       "that its first job waited for it is told");
    give(p, 1, 0);
    pool_flush(p);
    say(fds[1], next, sizeof next);
    turn();
    ok(t.done[1] == 1 && t.warm_us[1] == 0, "its second did not");
    is_int(t.downs, 0, "it stays ready");
    pool_worker_done(t.w, &gone);
    is_int(t.downs, 1, "until it is gone");
    pool_free(p);
    (void) close(fds[1]);
}

int main(void)
{
    static struct wire_start spec = {.payload_path = ""};
    static struct results results; /* no results are files */
    struct pool_env env = {.loop = &t.loop,
                           .start = start,
                           .kill = end,
                           .wake = wake,
                           .results = &results,
                           .inputs = "/somewhere/inputs",
                           .cb = {on_started, on_output, on_done, NULL, on_warm}};
    struct exec_pool *p;
    int fds[2];

    must(uv_loop_init(&t.loop) == 0);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    must(wire_list_add(&spec.argv, "worker") == 0);
    must(pool_new(&env, &spec, 1, JOBS, &p) == 0);
    pool_warm(p);
    must(t.w != NULL);
    pool_worker_started(t.w, fds[0]);
    test_answered_at_once(p, fds[1]);
    pool_free(p);
    test_warm(&env, &spec);
    while (uv_run(&t.loop, UV_RUN_DEFAULT) != 0) {
    }
    ok(uv_loop_close(&t.loop) == 0, "the loop is empty");
    (void) close(fds[1]);
    return done();
}
