/* test_runner.c - the runner's promises, each tree-ending method in turn
 *
 * test_runner RUNNER HOSTILE
 */
#include "tests/unit/agent/runner/drive.h"

#include <sys/stat.h>
#include <time.h>

static const char *runner, *hostile;
static bool boxed; /* the runs of this round ask for the sandbox */

static struct wire_start *spec(struct wire_msg *m, uint64_t run, const char *a,
                               const char *b, const char *c)
{
    struct wire_start *s = drive_spec(m, run, a, b, c, (char *) NULL);

    s->sandbox = boxed ? WIRE_SANDBOX_REQUIRED : WIRE_SANDBOX_NONE;
    return s;
}

static void test_exec(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    struct wire_start *s = spec(&m, 1, "cat", NULL, NULL);

    s->payload = (const uint8_t *) "hello payload";
    s->payload_len = 13;
    drive_run(v, &m, &o);
    is_int(o.started, 1, "STARTED once");
    is_int(o.d.reason, WIRE_R_EXIT, "cat ended by itself");
    is_int(o.d.code, 0, "with status 0");
    is_str(outcome_text(&o, WIRE_STDOUT), "hello payload", "stdin came back on stdout");
    is_int(o.d.out_bytes, 13, "bytes counted");
    ok(o.d.maxrss_bytes > 0 && o.d.wall_us > 0, "usage reported");
    outcome_fini(&o);

    (void) spec(&m, 2, "sh", "-c", "echo log >&2; exit 7");
    drive_run(v, &m, &o);
    is_int(o.d.code, 7, "exit status comes through");
    is_str(outcome_text(&o, WIRE_STDERR), "log\n", "stderr is stream 2");
    outcome_fini(&o);

    (void) spec(&m, 3, hostile, "signal", "11");
    drive_run(v, &m, &o);
    is_int(o.d.reason, WIRE_R_SIGNAL, "died of a signal");
    is_int(o.d.signal, SIGSEGV, "and which");
    outcome_fini(&o);
}

static void test_files(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    struct wire_start *s;
    char path[128];
    int fd;

    s = spec(&m, 4, "sh", "-c", "cat \"$WEFT_PAYLOAD\" > \"$WEFT_RESULT\"; echo note");
    s->flags = WIRE_PAYLOAD_FILE | WIRE_RESULT_FILE;
    s->payload = (const uint8_t *) "by file";
    s->payload_len = 7;
    drive_run(v, &m, &o);
    is_str(outcome_text(&o, WIRE_RESULT), "by file", "payload file to result file");
    is_str(outcome_text(&o, WIRE_STDOUT), "note\n", "stdout is a log then");
    outcome_fini(&o);

    (void) snprintf(path, sizeof path, "%s/in", v->dir);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && write(fd, "from disk", 9) == 9);
    (void) close(fd);
    s = spec(&m, 5, "sh", "-c", "cat; cat \"$WEFT_PAYLOAD\"");
    s->payload_path = path;
    s->flags = WIRE_PAYLOAD_FILE;
    drive_run(v, &m, &o);
    is_str(outcome_text(&o, WIRE_STDOUT), "from diskfrom disk",
           "a payload named by path: on stdin and by name");
    outcome_fini(&o);
    (void) unlink(path);

    s = spec(&m, 6, "sh", "-c", "ln -s /etc/passwd \"$WEFT_RESULT\"");
    s->flags = WIRE_RESULT_FILE;
    drive_run(v, &m, &o);
    is_int(o.len[WIRE_RESULT], 0, "a link is no result");
    outcome_fini(&o);
}

static void test_surroundings(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    struct wire_start *s = spec(&m, 7, hostile, "env", NULL);
    struct stat st;
    char *cwd;

    must(wire_list_add(&s->env, "WEFT_JOB_ID=abc") == 0);
    drive_run(v, &m, &o);
    ok(strstr(outcome_text(&o, 1), "SECRET") == NULL, "the environment is cleared");
    ok(strstr(outcome_text(&o, 1), "PATH=/usr/local/bin:/usr/bin:/bin\n") != NULL &&
           strstr(outcome_text(&o, 1), "LANG=C.UTF-8\n") != NULL &&
           strstr(outcome_text(&o, 1), "WEFT_JOB_ID=abc\n") != NULL,
       "but for what is promised");
    outcome_fini(&o);

    (void) spec(&m, 8, "sh", "-c",
                "pwd; stat -c %a .; umask; cd; pwd; ls /proc/self/fd | wc -l; "
                "grep NoNewPrivs /proc/self/status | cut -f2");
    drive_run(v, &m, &o);
    cwd = o.buf[1];
    ok(cwd != NULL && strstr(cwd, "\n700\n0077\n") != NULL, "folder 0700, umask 077");
    ok(cwd != NULL && strstr(cwd, "\n4\n1\n") != NULL,
       "three descriptors (and the one of ls), no_new_privs");
    if (cwd != NULL && !boxed) {
        cwd[strcspn(cwd, "\n")] = '\0';
        ok(strncmp(cwd, v->scratch, strlen(v->scratch)) == 0, "cwd is below the base");
        ok(stat(cwd, &st) != 0, "and gone");
    }
    outcome_fini(&o);

    (void) spec(&m, 9, hostile, "litter", "60");
    drive_run(v, &m, &o);
    is_int(o.d.code, 0, "litter was made");
    (void) snprintf(o.text, sizeof o.text, "%s/run-9", v->scratch);
    ok(stat(o.text, &st) != 0, "and removed");
    outcome_fini(&o);
}

static void test_spawn_error(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;

    (void) spec(&m, 10, "no-such-program", NULL, NULL);
    drive_run(v, &m, &o);
    is_int(o.started, 0, "no STARTED");
    is_int(o.d.reason, WIRE_R_SPAWN, "spawn failed");
    ok(strstr(o.text, "no-such-program") != NULL &&
           strstr(o.text, "No such file") != NULL,
       "and the text says what: %s", o.text);
    outcome_fini(&o);
}

static void test_limits(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    struct wire_start *s = spec(&m, 11, "sleep", "1000", NULL);

    s->limits.wall_ms = 50;
    drive_run(v, &m, &o);
    is_int(o.d.reason, WIRE_R_WALL, "wall limit");
    outcome_fini(&o);

    s = spec(&m, 12, hostile, "spin", NULL);
    s->limits.cpu_ms = 1000;
    drive_run(v, &m, &o);
    is_int(o.d.reason, WIRE_R_CPU, "cpu limit");
    ok(o.d.user_us + o.d.sys_us > 0, "cpu time reported");
    outcome_fini(&o);

    s = spec(&m, 13, hostile, "eat", "400000000");
    s->limits.mem_bytes = 64u << 20;
    drive_run(v, &m, &o);
    is_int(o.d.reason, WIRE_R_MEMORY, "memory limit");
    outcome_fini(&o);

    s = spec(&m, 14, hostile, "flood", "300000");
    s->limits.out_bytes = 100000;
    drive_run(v, &m, &o);
    is_int(o.d.reason, WIRE_R_OUTPUT, "a result over its limit ends the run");
    is_int(o.len[WIRE_STDOUT], 100000, "what fits was passed on");
    ok(o.d.out_cut > 0 && o.d.out_bytes - o.d.out_cut == 100000, "the rest was counted");
    outcome_fini(&o);

    s = spec(&m, 15, hostile, "floodlog", "300000");
    s->limits.err_bytes = 1000;
    drive_run(v, &m, &o);
    is_int(o.d.reason, WIRE_R_EXIT, "a log over its limit is cut");
    is_int(o.len[WIRE_STDERR], 1000, "to the limit");
    is_int(o.d.err_cut, 299000, "the rest was counted");
    outcome_fini(&o);

    s = spec(&m, 16, hostile, "forks", "40");
    s->limits.procs = 10;
    drive_run(v, &m, &o);
    ok(o.d.reason == WIRE_R_PROCS || (o.d.reason == WIRE_R_EXIT && o.d.code == 11),
       "process limit: %s, status %d %s", wire_reason_name(o.d.reason), (int) o.d.code,
       outcome_text(&o, 1));
    outcome_fini(&o);

    s = spec(&m, 17, "sh", "-c", "ulimit -f; ulimit -n; ulimit -c");
    s->limits.file_bytes = 1u << 20;
    s->limits.files = 33;
    drive_run(v, &m, &o);
    is_str(outcome_text(&o, 1), "2048\n33\n0\n", "file size, descriptors, no core");
    outcome_fini(&o);
}

static int64_t now_ms(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void start_on_roll(struct drive *v, struct wire_msg *m, struct outcome *o,
                          uint64_t run, const char *mode, const struct roll *roll)
{
    struct wire_start *s = spec(m, run, hostile, mode, roll->path);

    must(wire_list_add(&s->binds, v->dir) == 0);
    memset(o, 0, sizeof *o);
    drive_send(v, m);
    drive_wait(v, run, o, false);
}

static void test_hostile(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    struct roll roll;
    int64_t t;

    roll_open(&roll, v->dir);
    start_on_roll(v, &m, &o, 18, "tree", &roll);
    roll_wait(&roll, 4);
    is_int(roll_alive(&roll), 4, "a tree of four is up");
    t = now_ms();
    drive_kill(v, 18, 300);
    drive_wait(v, 18, &o, true);
    is_int(roll_alive(&roll), 0, "none is alive when DONE comes");
    printf("# tree gone %d ms after KILL with 300 ms of grace\n", (int) (now_ms() - t));
    is_int(o.d.reason, WIRE_R_KILLED, "killed");
    outcome_fini(&o);
    roll_close(&roll);

    roll_open(&roll, v->dir);
    start_on_roll(v, &m, &o, 22, "hop", &roll);
    roll_wait(&roll, 1);
    t = now_ms();
    drive_kill(v, 22, 0);
    drive_wait(v, 22, &o, true);
    is_int(roll_alive(&roll), 0, "one that forks and exits all the time is gone too");
    printf("# gone %d ms after KILL\n", (int) (now_ms() - t));
    outcome_fini(&o);
    roll_close(&roll);

    roll_open(&roll, v->dir);
    start_on_roll(v, &m, &o, 19, "leftover", &roll);
    drive_wait(v, 19, &o, true);
    roll_wait(&roll, 1);
    is_int(o.d.code, 0, "a handler that leaves a daemon behind ends well");
    is_int(roll_alive(&roll), 0, "and the daemon is gone");
    outcome_fini(&o);
    roll_close(&roll);

    memset(&o, 0, sizeof o);
    (void) spec(&m, 20, "sh", "-c",
                "trap 'echo bye; exit 3' TERM; mkfifo f; echo up; "
                "while :; do read x <> f; done");
    drive_send(v, &m);
    while (o.len[1] == 0) {
        static struct wire_msg got;

        must(drive_next(v, &got, NULL));
        outcome_add(&o, &got);
    }
    drive_kill(v, 20, 20000);
    drive_wait(v, 20, &o, true);
    is_int(o.d.code, 3, "a handler may use its grace time");
    is_str(outcome_text(&o, 1), "up\nbye\n", "and still print");
    outcome_fini(&o);
}

/* Asked to end with an hour to do so, it is then to end at once. */
static void test_hurried(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;

    memset(&o, 0, sizeof o);
    (void) spec(&m, 23, "sh", "-c",
                "trap 'echo asked' TERM; mkfifo f; echo up; "
                "while :; do read x <> f; done");
    drive_send(v, &m);
    while (strcmp(outcome_text(&o, 1), "up\n") != 0) {
        static struct wire_msg got;

        must(drive_next(v, &got, NULL));
        outcome_add(&o, &got);
    }
    drive_kill(v, 23, 3600000);
    while (strcmp(outcome_text(&o, 1), "up\nasked\n") != 0) {
        static struct wire_msg got;

        must(drive_next(v, &got, NULL));
        outcome_add(&o, &got);
    }
    drive_kill(v, 23, 3600000);
    drive_kill(v, 23, 20);
    drive_wait(v, 23, &o, true);
    ok(o.d.reason == WIRE_R_KILLED && o.d.signal == SIGKILL,
       "a shorter grace goes over a longer one");
    outcome_fini(&o);
}

/* Only where there is no namespace can a handler reach its supervisor. */
static void test_supervisor_killed(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    struct roll roll;

    roll_open(&roll, v->dir);
    start_on_roll(v, &m, &o, 21, "killparent", &roll);
    drive_wait(v, 21, &o, true);
    roll_wait(&roll, 1);
    is_int(roll_alive(&roll), 0, "a supervisor is killed: nothing of it outlives DONE");
    /* It may be quicker than the report that it was started. */
    ok(o.d.reason == WIRE_R_SIGNAL || o.d.reason == WIRE_R_SPAWN,
       "a handler that kills its supervisor: %s, %s", wire_reason_name(o.d.reason),
       o.text);
    outcome_fini(&o);
    roll_close(&roll);
}

static void test_many(struct drive *v)
{
    static struct wire_msg m;
    unsigned done_count = 0, good = 0, twice = 0;
    bool seen[50] = {false};
    size_t bytes = 0;

    for (uint64_t i = 0; i < 50; i++) {
        struct wire_start *s = spec(&m, 100 + i, "sh", "-c", "cat; exec sleep 0");

        s->payload = (const uint8_t *) "0123456789";
        s->payload_len = 10;
        drive_send(v, &m);
    }
    while (done_count < 50) {
        must(drive_next(v, &m, NULL));
        if (m.type == WIRE_OUTPUT) {
            bytes += m.u.output.len;
        } else if (m.type == WIRE_DONE) {
            unsigned i = (unsigned) (m.u.done.run - 100);

            done_count++;
            good += m.u.done.reason == WIRE_R_EXIT && m.u.done.code == 0;
            must(i < 50);
            twice += seen[i];
            seen[i] = true;
        }
    }
    is_int(good, 50, "50 at once end well");
    is_int(twice, 0, "each once");
    is_int(bytes, 500, "and print what they should");
}

static void test_backpressure(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    struct wire_start *s = spec(&m, 200, hostile, "flood", "50000000");

    s->limits.out_bytes = 0;
    drive_run(v, &m, &o);
    is_int(o.len[1], 50000000, "50 MB through a bounded queue");
    ok(o.d.out_cut == 0, "nothing cut");
    outcome_fini(&o);
}

static void test_worker_socket(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    char buf[16] = {0};
    struct wire_start *s = spec(&m, 201, "sh", "-c", "cat <&3 >&3");
    struct pollfd p;

    s->kind = WIRE_WORKER;
    memset(&o, 0, sizeof o);
    o.fd = -1;
    drive_send(v, &m);
    drive_wait(v, 201, &o, false);
    ok(o.fd >= 0, "STARTED of a worker brings its socket");
    must(send(o.fd, "ping", 4, 0) == 4);
    p = (struct pollfd){o.fd, POLLIN, 0};
    must(poll(&p, 1, DRIVE_WATCHDOG_MS) == 1);
    ok(recv(o.fd, buf, sizeof buf, 0) == 4 && strcmp(buf, "ping") == 0, "which works");
    (void) close(o.fd);
    drive_wait(v, 201, &o, true);
    is_int(o.d.code, 0, "and whose end ends the worker");
    outcome_fini(&o);
}

static void round_of(const char *name, const char *isolate, const char *sandbox,
                     const char *cgroup, bool in_box)
{
    struct drive v;
    struct roll roll;
    static struct wire_msg m;
    struct outcome o;

    boxed = in_box;
    must(drive_start(&v, runner, isolate, sandbox, cgroup));
    printf("# %s: %s\n", name, v.hello.text);
    test_exec(&v);
    test_files(&v);
    test_surroundings(&v);
    test_spawn_error(&v);
    test_limits(&v);
    test_hostile(&v);
    test_hurried(&v);
    if (!boxed && v.hello.isolation == WIRE_ISO_SUBREAPER) {
        test_supervisor_killed(&v);
    }
    test_many(&v);
    test_backpressure(&v);
    test_worker_socket(&v);

    roll_open(&roll, v.dir);
    start_on_roll(&v, &m, &o, 300, "tree", &roll);
    roll_wait(&roll, 4);
    drive_stop(&v);
    is_int(roll_alive(&roll), 0,
           "the agent is gone: all are ended before the runner exits");
    roll_close(&roll);
    outcome_fini(&o);

    must(drive_start(&v, runner, isolate, sandbox, cgroup));
    roll_open(&roll, v.dir);
    start_on_roll(&v, &m, &o, 301, "tree", &roll);
    roll_wait(&roll, 4);
    (void) kill(v.pid, SIGKILL);
    roll_gone(&roll);
    ok(!drive_next(&v, &m, NULL), "the runner is gone: all are ended, the agent is told");
    drive_stop(&v);
    roll_close(&roll);
    outcome_fini(&o);
}

static void test_sandbox(void)
{
    static struct wire_msg m;
    struct drive v;
    struct outcome o;

    must(drive_start(&v, runner, "auto", "none", "off"));
    ok(v.hello.bwrap == 0 && strstr(v.hello.text, "sandbox none") != NULL,
       "without a sandbox HELLO says so: %s", v.hello.text);
    boxed = true;
    (void) spec(&m, 1, "true", NULL, NULL);
    drive_run(&v, &m, &o);
    ok(o.d.reason == WIRE_R_SPAWN && strstr(o.text, "sandbox required") != NULL,
       "one that requires it is refused: %s", o.text);
    outcome_fini(&o);
    drive_stop(&v);

    must(drive_start(&v, runner, "auto", "auto", "off"));
    if (!v.hello.bwrap) {
        ok(strstr(v.hello.text, "sandbox none") != NULL, "no bwrap here, and it says so");
        drive_stop(&v);
        return;
    }
    (void) spec(&m, 1, "sh", "-c",
                "tail -n +3 /proc/net/dev | cut -d: -f1; ls /home /root");
    drive_run(&v, &m, &o);
    ok(strstr(outcome_text(&o, 1), "lo") != NULL &&
           strchr(outcome_text(&o, 1), '\n') == strrchr(outcome_text(&o, 1), '\n'),
       "only a loopback of its own without network=yes");
    ok(o.d.code != 0, "and nobody's home");
    outcome_fini(&o);
    spec(&m, 2, "sh", "-c", "readlink /proc/self/ns/net")->flags = WIRE_NETWORK;
    drive_run(&v, &m, &o);
    {
        char own[64] = "";

        (void) !readlink("/proc/self/ns/net", own, sizeof own - 1);
        ok(strncmp(outcome_text(&o, 1), own, strlen(own)) == 0, "the host's with it");
    }
    outcome_fini(&o);
    drive_stop(&v);
}

static void test_garbage(void)
{
    struct drive v;
    uint8_t junk[4096];

    must(drive_start(&v, runner, "auto", "none", "off"));
    memset(junk, 0xa5, sizeof junk);
    must(send(v.sock, junk, sizeof junk, MSG_NOSIGNAL) > 0);
    ok(!drive_next(&v, &(struct wire_msg){0}, NULL), "garbage ends the connection");
    drive_stop(&v);
}

int main(int argc, char **argv)
{
    struct drive v;
    bool pidns, bwrap, cg;

    must(argc == 3);
    /* Handlers start in a folder of their own: names must be absolute. */
    runner = realpath(argv[1], NULL);
    hostile = realpath(argv[2], NULL);
    must(runner != NULL && hostile != NULL);
    must(drive_start(&v, runner, "auto", "auto", "auto"));
    pidns = v.hello.isolation == WIRE_ISO_PIDNS;
    bwrap = v.hello.bwrap != 0;
    cg = v.hello.cgroup != 0;
    drive_stop(&v);

    round_of("subreaper", "subreaper", "none", "off", false);
    if (pidns) {
        round_of("pidns", "auto", "none", "off", false);
    }
    if (cg) {
        round_of("cgroup", "subreaper", "none", "auto", false);
    }
    if (bwrap) {
        round_of("bwrap", "auto", "auto", "auto", true);
    }
    test_sandbox();
    test_garbage();
    return done();
}
