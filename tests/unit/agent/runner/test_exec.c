/* test_exec.c - handlers and workers as the agent sees them
 *
 * test_exec RUNNER WORKER [WORKER.PY]
 */
#include "tests/unit/agent/runner/mesh.h"

#include <signal.h>

static void test_processes(void)
{
    struct exec_job j = job_of("in");
    struct record *r = t.r;

    is_int(exec_start(
               t.x, 1,
               spec_of("sh", "-c", "cat; echo $WEFT_JOB_ID $WEFT_ATTEMPT $WEFT_DEADLINE"),
               &j),
           0, "start before the runner has said HELLO");
    is_int(exec_start(t.x, 1, spec_of("true", NULL, NULL), &j), WEFT_EEXIST,
           "the same number twice is refused");
    wait_done(1);
    ok(t.up && t.infos == 1, "the runner is up: %s", exec_info(t.x)->text);
    is_str(r[1].result, "in0123abcd 1 1234567\n", "the result, with what the job knows");
    is_str(r[1].out, r[1].result, "which was streamed as well");
    ok(r[1].started == 1 && r[1].done == 1 && r[1].reason == WIRE_R_EXIT, "once");

    must(
        exec_start(t.x, 4,
                   spec_of("sh", "-c", "cat /proc/self/environ /proc/$PPID/environ || :"),
                   &j) == 0);
    wait_done(4);
    ok(r[4].result_len > 0 &&
           memmem(r[4].result, sizeof r[4].result, "EXEC_SECRET", 11) == NULL,
       "nothing of our environment can be seen");

    is_int(exec_start(t.x, 2, spec_of("/no/such/thing", NULL, NULL), &j), 0, "start");
    wait_done(2);
    ok(r[2].started == 0 && r[2].reason == WIRE_R_SPAWN, "no such program: %s",
       r[2].text);

    is_int(exec_start(t.x, 3, spec_of("sleep", "1000", NULL), &j), 0, "start");
    while (r[3].started == 0) {
        turn();
    }
    is_int(exec_kill(t.x, 3, 1000), 0, "kill");
    wait_done(3);
    ok(r[3].reason == WIRE_R_KILLED && r[3].signal == SIGTERM, "killed by SIGTERM");
    is_int(exec_kill(t.x, 3, 0), WEFT_ENOENT, "nothing there to kill any more");
}

static void test_worker(void)
{
    struct exec_pool *p;
    struct wire_start *s = spec_of(worker_path, "1", NULL);
    struct record *r = t.r;

    s->limits.err_bytes = 12;
    s->limits.out_bytes = 100000;
    must(exec_pool_new(t.x, s, 1, 8, &p) == 0);
    is_int(give(p, 10, "hello"), 0, "a job for a worker that is not there yet");
    wait_done(10);
    is_str(r[10].result, "hello", "comes back");
    ok(r[10].started == 1 && r[10].reason == WIRE_R_EXIT && r[10].code == 0, "well");
    must(give(p, 11, "describe") == 0 && give(p, 12, "fail") == 0 &&
         give(p, 13, "print") == 0 && give(p, 14, "stray") == 0 &&
         give(p, 15, "big") == 0);
    wait_done(15);
    is_str(r[11].result, "0123abcd 1 1234567", "id, attempt and deadline arrive");
    ok(r[12].code == 5 && r[12].result_len == 0, "a failure has its code");
    is_str(r[12].text, "did not like it", "and its reason");
    is_str(r[13].out, "to stdoutto ", "output is streamed up to its limit");
    is_int(r[13].err_cut, 6, "and the rest counted");
    ok(r[15].reason == WIRE_R_OUTPUT && r[15].out_cut == 409600, "a result too large");
    is_int(give(p, 16, "crash"), 0, "a job that crashes its worker");
    wait_done(16);
    ok(r[16].reason == WIRE_R_SIGNAL && r[16].signal == SIGSEGV, "fails: %s", r[16].text);
    must(give(p, 17, "leave") == 0);
    wait_done(17);
    ok(r[17].reason == WIRE_R_EXIT && r[17].code == 4, "so does one that exits");
    must(give(p, 18, "after") == 0);
    wait_done(18);
    is_str(r[18].result, "after", "the next gets a new worker");
}

static void test_crash(void)
{
    struct exec_pool *p;
    struct record *r = t.r;

    must(exec_pool_new(t.x, spec_of(worker_path, "4", NULL), 1, 8, &p) == 0);
    must(give(p, 44, "crash") == 0 && give(p, 45, "beside") == 0);
    wait_done(44);
    wait_done(45);
    ok(r[44].reason == WIRE_R_LOST && r[45].reason == WIRE_R_LOST,
       "of several in a worker that crashes none is blamed");
    t.attempt = 2;
    must(give(p, 46, "crash") == 0 && give(p, 47, "beside") == 0);
    wait_done(46);
    wait_done(47);
    is_int(r[46].reason, WIRE_R_SIGNAL, "what is tried again runs alone");
    is_str(r[47].result, "beside", "so the other is not hurt");
    t.attempt = 1;
}

static void test_cancel(void)
{
    struct exec_pool *p;
    struct wire_start *s = spec_of(worker_path, "4", NULL);
    struct record *r = t.r;

    s->limits.grace_ms = 100;
    must(exec_pool_new(t.x, s, 1, 8, &p) == 0);
    must(give(p, 20, "listen") == 0 && give(p, 21, "never runs") == 0 &&
         give(p, 22, "runs") == 0);
    while (r[20].outputs == 0) {
        turn();
    }
    is_int(exec_kill(t.x, 21, 10000), 0, "cancel one that waits in the worker");
    is_int(exec_kill(t.x, 20, 10000), 0, "and the one that it does");
    wait_done(22);
    ok(r[20].reason == WIRE_R_KILLED && r[21].reason == WIRE_R_KILLED, "both are ended");
    is_str(r[22].result, "runs", "the worker goes on");

    must(give(p, 23, "deaf") == 0);
    while (r[23].outputs == 0) {
        turn();
    }
    must(give(p, 24, "beside") == 0);
    is_int(exec_kill(t.x, 23, 3600000), 0, "cancel one that does not listen, with time");
    is_int(exec_kill(t.x, 23, 50), 0, "and then in a hurry");
    wait_done(23);
    wait_done(24);
    is_int(r[23].reason, WIRE_R_KILLED, "its worker is killed");
    is_int(r[24].reason, WIRE_R_LOST, "the job beside it is lost");

    must(give(p, 25, "waiting") == 0);
    is_int(exec_kill(t.x, 25, 0), 0, "cancel one that no worker has yet");
    ok(r[25].done == 0, "on_done does not come from inside the call");
    wait_done(25);
    is_int(r[25].reason, WIRE_R_KILLED, "but soon");

    s = spec_of(worker_path, "1", NULL);
    s->limits.wall_ms = 80;
    must(exec_pool_new(t.x, s, 1, 8, &p) == 0);
    must(give(p, 26, "deaf") == 0);
    wait_done(26);
    is_int(r[26].reason, WIRE_R_WALL, "wall limit of a job");
    must(give(p, 27, "listen") == 0);
    wait_done(27);
    is_int(r[27].reason, WIRE_R_WALL, "also where the worker obeys");
}

static void test_bad_workers(void)
{
    struct exec_pool *p;
    struct record *r = t.r;

    must(exec_pool_new(t.x, spec_of("true", NULL, NULL), 1, 4, &p) == 0);
    must(give(p, 30, "x") == 0);
    wait_done(30);
    ok(r[30].started == 0 && r[30].reason == WIRE_R_SPAWN, "no worker at all: %s",
       r[30].text);
    is_int(give(p, 31, "x"), WEFT_EBUSY, "and it is not started again at once");

    must(exec_pool_new(t.x, spec_of("/no/such/worker", NULL, NULL), 1, 4, &p) == 0);
    must(give(p, 32, "x") == 0);
    wait_done(32);
    ok(r[32].reason == WIRE_R_SPAWN, "no such program: %s", r[32].text);

    must(exec_pool_new(t.x, spec_of("sh", "-c", "echo garbage >&3; exec sleep 1000"), 1,
                       4, &p) == 0);
    must(give(p, 33, "x") == 0);
    wait_done(33);
    ok(r[33].reason != WIRE_R_EXIT, "garbage: %s", r[33].text);

    /* HELLO, and at once a result for a job that nobody gave it. */
    must(exec_pool_new(t.x,
                       spec_of("sh", "-c",
                               "printf '\\5\\0\\0\\0\\1\\1\\0\\1\\0' >&3; "
                               "printf '\\11\\0\\0\\0\\4\\7\\0\\0\\0\\0\\0\\0\\0' >&3; "
                               "head -c 10 <&3 >/dev/null; kill -9 $$"),
                       1, 4, &p) == 0);
    must(give(p, 34, "x") == 0);
    wait_done(34);
    ok(r[34].started == 1 && r[34].reason == WIRE_R_SIGNAL && r[34].signal == SIGKILL,
       "an answer to nothing is ignored, death in mid-job told: %s", r[34].text);

    ok(exec_pool_new(t.x, spec_of("true", NULL, NULL), 0, 1, &p) == WEFT_EINVAL,
       "a pool without workers");
    must(exec_pool_new(t.x, spec_of(worker_path, NULL, NULL), 1, 2, &p) == 0);
    must(give(p, 35, "a") == 0 && give(p, 36, "b") == 0);
    is_int(give(p, 37, "c"), WEFT_EBUSY, "a pool has its slots and no more");
    wait_done(36);
}

static void test_many(unsigned procs, const char *concurrency, unsigned n)
{
    struct exec_pool *p;
    unsigned next = 0, good = 0;
    uint64_t begun;
    double took;
    char text[32];

    must(exec_pool_new(t.x, spec_of(worker_path, concurrency, NULL), procs, 512, &p) ==
         0);
    exec_pool_warm(p);
    memset(t.r + 100, 0, n * sizeof t.r[0]);
    t.done = 0;
    begun = uv_hrtime();
    while (t.done < n) {
        while (next < n) {
            (void) snprintf(text, sizeof text, "job %u", next);
            if (give(p, 100 + next, text) != 0) {
                break;
            }
            next++;
        }
        turn();
    }
    took = (double) (uv_hrtime() - begun) / 1e9;
    for (unsigned i = 0; i < n; i++) {
        struct record *r = &t.r[100 + i];

        (void) snprintf(text, sizeof text, "job %u", i);
        good += r->done == 1 && r->started == 1 && strcmp(r->result, text) == 0;
    }
    ok(good == n, "%u jobs over %u workers, each answered once and right", n, procs);
    printf("# %.0f jobs/s with %u workers of concurrency %s\n", n / took, procs,
           concurrency);
}

static void test_python(void)
{
    struct exec_pool *p;

    if (python_worker == NULL || access("/usr/bin/python3", X_OK) != 0) {
        return;
    }
    must(exec_pool_new(t.x, spec_of("/usr/bin/python3", python_worker, NULL), 1, 4, &p) ==
         0);
    must(give(p, 40, "to be or not to be") == 0);
    wait_done(40);
    is_str(t.r[40].result, "6", "examples/worker.py counts words");
}

static void test_runner_dies(void)
{
    struct exec_pool *p;
    struct exec_job j = job_of("");
    uint32_t restarts = exec_info(t.x)->restarts;
    struct record *r = t.r;

    must(exec_pool_new(t.x, spec_of(worker_path, NULL, NULL), 1, 4, &p) == 0);
    must(exec_start(t.x, 50, spec_of("sleep", "1000", NULL), &j) == 0);
    must(give(p, 51, "listen") == 0);
    while (r[50].started == 0 || r[51].outputs == 0) {
        turn();
    }
    must(kill((pid_t) exec_info(t.x)->runner_pid, SIGKILL) == 0);
    wait_done(50);
    wait_done(51);
    ok(r[50].reason == WIRE_R_LOST && r[51].reason == WIRE_R_LOST, "both are lost: %s",
       r[50].text);
    ok(!t.up, "the runner's end is told");
    is_int(exec_start(t.x, 52, spec_of("true", NULL, NULL), &j), WEFT_EBUSY,
           "nothing can be started now");
    while (!t.up) {
        turn();
    }
    ok(exec_info(t.x)->restarts > restarts, "it is started again");
    must(exec_start(t.x, 53, spec_of("echo", "again", NULL), &j) == 0);
    must(give(p, 54, "again") == 0);
    wait_done(53);
    wait_done(54);
    is_str(r[53].result, "again\n", "and runs");
    is_str(r[54].result, "again", "workers too");
    must(exec_start(t.x, 55, spec_of("sleep", "1000", NULL), &j) == 0);
    must(give(p, 56, "deaf") == 0);
    while (r[55].started == 0 || r[56].outputs == 0) {
        turn();
    }
}

/* The Nth allocation fails: an error or an outcome, never silence. */
static void test_no_memory(void)
{
    struct exec_job j = job_of("payload");
    unsigned silent = 0, refused = 0, failed = 0;

    for (unsigned n = 0; n < 30; n++) {
        struct exec_pool *p = NULL;
        uint64_t run = 60 + n;
        int rc;

        while (!t.up) {
            turn();
        }
        (void) wf_mem_fail_after((long) n);
        rc = n % 2 == 0 ? exec_start(t.x, run, spec_of("cat", NULL, NULL), &j)
                        : exec_pool_new(t.x, spec_of(worker_path, NULL, NULL), 1, 4, &p);
        if (rc == 0 && p != NULL) {
            rc = exec_pool_start(p, run, &j);
        }
        if (rc == 0) {
            /* What cannot be had for long is waited for; here it comes back. */
            for (unsigned i = 0; t.r[run].done == 0; i++) {
                if (i == 20) {
                    (void) wf_mem_fail_after(-1);
                }
                turn();
            }
            failed += t.r[run].reason != WIRE_R_EXIT;
        }
        refused += rc != 0;
        silent += rc != 0 && t.r[run].done != 0;
        (void) wf_mem_fail_after(-1);
    }
    is_int(silent, 0, "a start that was refused has no outcome");
    ok(refused > 0, "%u refused, %u failed for want of memory", refused, failed);
}

int main(int argc, char **argv)
{
    setup(argc, argv);
    must(setenv("EXEC_SECRET", "1", 1) == 0);
    open_exec(0);
    test_processes();
    test_worker();
    test_crash();
    test_cancel();
    test_bad_workers();
    test_many(1, "1", 5000);
    test_many(1, "128", 10000);
    test_many(2, "128", 20000);
    test_python();
    test_no_memory();
    test_runner_dies();
    close_exec();
    remove_dir();
    is_int(t.r[55].done + t.r[56].done, 0, "no callback after exec_free");
    return done();
}
