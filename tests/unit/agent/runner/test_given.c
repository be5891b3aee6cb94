/* test_given.c - jobs that are given files and give them back, of processes and workers
 *
 * test_given RUNNER WORKER [WORKER.PY]
 */
#include "agent/exec/given.h"
#include "tests/unit/agent/runner/mesh.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define BIG    (100u << 20)
#define INLINE 65536

static bool boxed; /* the runs of this round ask for the sandbox */

static struct wire_start *boxed_spec(const char *a, const char *b, const char *c)
{
    struct wire_start *s = spec_of(a, b, c);

    s->sandbox = boxed ? WIRE_SANDBOX_REQUIRED : WIRE_SANDBOX_NONE;
    return s;
}

/* FOLDER/NAME with this text, only to be read; borrowed until the eighth call. */
static const char *file(const char *folder, const char *name, const char *text)
{
    static char path[8][300];
    static unsigned i;
    int fd;

    i = (i + 1) % 8;
    (void) snprintf(path[i], sizeof path[i], "%s/%s", folder, name);
    (void) unlink(path[i]);
    fd = open(path[i], O_WRONLY | O_CREAT | O_EXCL, 0444);
    must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text));
    (void) close(fd);
    return path[i];
}

static const char *subfolder(const char *folder, const char *name)
{
    static char path[8][300];
    static unsigned i;

    i = (i + 1) % 8;
    (void) snprintf(path[i], sizeof path[i], "%s/%s", folder, name);
    must(mkdir(path[i], 0700) == 0);
    return path[i];
}

static unsigned entries(const char *folder)
{
    DIR *d = opendir(folder);
    unsigned n = 0;

    must(d != NULL);
    while (readdir(d) != NULL) {
        n++;
    }
    (void) closedir(d);
    return n - 2;
}

/* What of the results was not given to anybody. */
static unsigned results_left(void)
{
    char path[100];

    (void) snprintf(path, sizeof path, "%s/results", dir);
    return entries(path);
}

/* The file that a job gave is what it should be; it goes. */
static void check_file(uint64_t run, uint64_t size, char first, char last,
                       const char *what)
{
    struct record *r = &t.r[run];
    char a = 0, z = 0;
    struct stat st;
    int fd = open(r->path, O_RDONLY | O_NOFOLLOW);

    ok(r->reason == WIRE_R_EXIT && r->code == 0 && r->result_size == size &&
           r->result_len == 0 && fd >= 0 && fstat(fd, &st) == 0 &&
           (uint64_t) st.st_size == size && S_ISREG(st.st_mode),
       "%s: %s %s", what, r->path, r->text);
    ok(fd >= 0 && pread(fd, &a, 1, 0) == 1 && pread(fd, &z, 1, (off_t) size - 1) == 1 &&
           a == first && z == last,
       "with its bytes");
    (void) close(fd);
    (void) unlink(r->path);
}

/* -- processes ------------------------------------------------------------------------
 */

static void start(uint64_t run, const struct wire_start *s, const struct exec_job *j)
{
    is_int(exec_start(t.x, run, s, j), 0, "start");
    wait_done(run);
}

static void test_process_inputs(void)
{
    const char *folder = exec_inputs(t.x);
    const char *tree = subfolder(folder, "tree");
    const struct exec_input in[] = {
        {"words", file(folder, "w", "to be\n")},
        {"a.tree", tree},
        {"empty", file(folder, "e", "")},
    };
    struct exec_job j = job_of("payload");
    struct wire_start *s;
    char lacks[EXEC_NAME_MAX + 1];

    (void) file(subfolder(tree, "deep"), "leaf", "leaf\n");
    j.inputs = in;
    j.n_inputs = ARRAY_LEN(in);
    s = boxed_spec("cat", "{input:words}", "{input:a.tree}/deep/leaf");
    must(wire_list_add(&s->argv, "-") == 0);
    start(1, s, &j);
    is_str(t.r[1].result, "to be\nleaf\npayload", "the command names them");
    start(
        2,
        boxed_spec("echo", "--model={input:words},{input:empty}", "{input:no.}x{input:"),
        &(struct exec_job){
            .id = "j",
            .attempt = 1,
            .inputs = (const struct exec_input[]){in[0], in[2], {"no.", in[0].path}},
            .n_inputs = 3});
    is_str(t.r[2].result, "--model=inputs/words,inputs/empty inputs/no.x{input:\n",
           "also inside words; what names nothing stays");
    start(3, boxed_spec("sh", "-c", "cat $WEFT_INPUT_A_TREE/deep/leaf; ls $WEFT_INPUTS"),
          &j);
    is_str(t.r[3].result, "leaf\na.tree\nempty\nwords\n", "and the environment");
    is_int(exec_start(t.x, 4, boxed_spec("cat", "{input:other}", NULL), &j), WEFT_ENOENT,
           "one that the job does not have is missed before it starts");
    s = boxed_spec("cat", "{input:words}{input:}", "-i{input:b.c}{input:d}");
    ok(given_lacks(s, &j, lacks) && strcmp(lacks, "b.c") == 0, "and is named");
    ok(!given_lacks(boxed_spec("cat", "{input:words}", NULL), &j, lacks),
       "where there is one");
    if (boxed) {
        start(5,
              boxed_spec("sh", "-c",
                         "chmod 600 inputs/words || echo x > inputs/words || "
                         "rm -f inputs/words || touch inputs/a.tree/new || echo safe"),
              &j);
        is_str(t.r[5].result, "safe\n", "nothing can be done to them");
    }
}

static void test_process_bad(void)
{
    struct exec_input in = {"gone", "/no/such/file"};
    struct exec_input many[EXEC_INPUTS_MAX + 1];
    struct exec_job j = job_of("");

    j.inputs = &in;
    j.n_inputs = 1;
    start(10, boxed_spec("true", NULL, NULL), &j);
    ok(t.r[10].reason == WIRE_R_SPAWN && t.r[10].started == 0 &&
           strstr(t.r[10].text, "input gone: No such file") != NULL,
       "a missing file is told: %s", t.r[10].text);
    in.name = "../x";
    is_int(exec_start(t.x, 11, boxed_spec("true", NULL, NULL), &j), WEFT_EINVAL,
           "a name with slashes");
    in = (struct exec_input){"x", "relative"};
    is_int(exec_start(t.x, 11, boxed_spec("true", NULL, NULL), &j), WEFT_EINVAL,
           "a path that is not absolute");
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = (struct exec_input){"same", "/usr"};
    }
    j.inputs = many;
    j.n_inputs = 2;
    is_int(exec_start(t.x, 11, boxed_spec("true", NULL, NULL), &j), WEFT_EINVAL,
           "a name twice");
    j.n_inputs = ARRAY_LEN(many);
    is_int(exec_start(t.x, 11, boxed_spec("true", NULL, NULL), &j), WEFT_ETOOBIG,
           "too many");
}

static void test_process_payload(void)
{
    struct wire_start *s = boxed_spec("sh", "-c", "cat; cat payload $WEFT_PAYLOAD");
    struct exec_job j = job_of("");

    j.payload_path = file(exec_inputs(t.x), "payload", "P");
    s->flags = WIRE_PAYLOAD_FILE;
    start(12, s, &j);
    is_str(t.r[12].result, "PPP", "a payload by path, on stdin and by its names");
}

static uint64_t peak_of_us(void)
{
    struct rusage ru;

    must(getrusage(RUSAGE_SELF, &ru) == 0);
    return (uint64_t) ru.ru_maxrss * 1024;
}

static void test_process_results(void)
{
    struct exec_job j = job_of("");
    uint64_t before = peak_of_us();
    struct wire_start *s =
        boxed_spec("sh", "-c", "printf a; head -c 104857598 /dev/zero; printf z");

    s->limits.err_bytes = 1u << 20;
    start(20, s, &j);
    check_file(20, BIG, 'a', 'z', "100 MB on stdout");
    is_int(t.r[20].out_all, 1u << 20, "of which as much is shown as of a log");
    s = boxed_spec("sh", "-c",
                   "(printf a; head -c 104857598 /dev/zero; printf z) > $WEFT_RESULT");
    s->flags = WIRE_RESULT_FILE;
    start(21, s, &j);
    check_file(21, BIG, 'a', 'z', "100 MB in a file");
    printf("# peak memory %llu KiB, before %llu\n",
           (unsigned long long) peak_of_us() / 1024, (unsigned long long) before / 1024);
    ok(peak_of_us() < before + (16u << 20), "our memory stays flat");

    start(22, boxed_spec("sh", "-c", "head -c 65536 /dev/zero"), &j);
    ok(t.r[22].path[0] == '\0' && t.r[22].result_len == INLINE, "what fits is bytes");
    start(23, boxed_spec("sh", "-c", "printf a; head -c 65535 /dev/zero; printf z"), &j);
    check_file(23, INLINE + 1, 'a', 'z', "one byte more is a file");
    start(24, boxed_spec("sh", "-c", "head -c 1000000 /dev/zero; exit 2"), &j);
    ok(t.r[24].code == 2 && t.r[24].path[0] == '\0', "of a failure nothing is kept");
    s = boxed_spec("sh", "-c", "head -c 1000000 /dev/zero");
    s->limits.out_bytes = 500000;
    start(25, s, &j);
    ok(t.r[25].reason == WIRE_R_OUTPUT && t.r[25].path[0] == '\0', "the limit holds");
    exec_set_inline(t.x, 0);
    start(26, boxed_spec("sh", "-c", "head -c 1000000 /dev/zero"), &j);
    ok(t.r[26].result_len == 1000000 && t.r[26].path[0] == '\0',
       "where no files are wanted there are none");
    exec_set_inline(t.x, INLINE);
    is_int(results_left(), 0, "nothing is left");
}

/* -- workers --------------------------------------------------------------------------
 */

static void give_inputs(struct exec_pool *p, uint64_t run, const char *payload,
                        const struct exec_input *in, size_t n)
{
    struct exec_job j = job_of(payload);

    j.inputs = in;
    j.n_inputs = n;
    is_int(exec_pool_start(p, run, &j), 0, payload);
    wait_done(run);
}

static void test_worker_inputs(void)
{
    struct exec_pool *p;
    struct exec_job j = job_of("input a");
    struct exec_input in[3] = {{"a", "/etc/passwd"}};
    const char *folder;

    must(exec_pool_new(t.x, boxed_spec(worker_path, "4", NULL), 1, 8, &p) == 0);
    must(give(p, 30, "up") == 0);
    wait_done(30);
    /* What follows is put there while the worker runs. */
    folder = subfolder(exec_pool_inputs(p), "job-1");
    j.inputs = in;
    j.n_inputs = 1;
    is_int(exec_pool_start(p, 31, &j), WEFT_EINVAL, "a path elsewhere is refused");
    in[0].path = file(folder, "a", "alpha");
    in[1] = (struct exec_input){"tree.v1", subfolder(folder, "tree")};
    (void) file(subfolder(in[1].path, "deep"), "leaf", "leaf");
    in[2] = (struct exec_input){"gone", "/x"};
    give_inputs(p, 32, "input a", in, 2);
    is_str(t.r[32].result, "alpha", "a file");
    give_inputs(p, 33, "input tree.v1/deep/leaf", in, 2);
    is_str(t.r[33].result, "leaf", "a file in folders");
    give_inputs(p, 34, "input b", in, 2);
    is_str(t.r[34].result, "no such input", "one that is not there");
    must(give(p, 35, "input a") == 0);
    wait_done(35);
    is_str(t.r[35].result, "no such input", "another job has none of it");
    if (boxed) {
        give_inputs(p, 36, "spoil a", in, 2);
        is_str(t.r[36].result, "Read-only file system", "they cannot be changed");
        give_inputs(p, 37, "spoil tree.v1/deep/leaf", in, 2);
        is_str(t.r[37].result, "Read-only file system", "nor what is in them");
    }
    j = job_of("");
    j.payload_path = file(folder, "payload", "all of the payload");
    must(exec_pool_start(p, 38, &j) == 0);
    wait_done(38);
    is_str(t.r[38].result, "18 d", "a payload by path");
    j.payload_path = file(folder, "nothing", "");
    must(exec_pool_start(p, 39, &j) == 0);
    wait_done(39);
    is_str(t.r[39].result, "0 -", "an empty one");
}

/* A payload that is more than fits into a frame. */
static void test_worker_big(void)
{
    struct exec_pool *p;
    struct exec_job j = job_of("");
    char path[300];
    int fd;

    must(exec_pool_new(t.x, boxed_spec(worker_path, "1", NULL), 1, 8, &p) == 0);
    (void) snprintf(path, sizeof path, "%s/big", exec_pool_inputs(p));
    fd = open(path, O_WRONLY | O_CREAT, 0444);
    must(fd >= 0 && ftruncate(fd, BIG) == 0 && pwrite(fd, "q", 1, BIG - 1) == 1);
    (void) close(fd);
    j.payload_path = path;
    must(exec_pool_start(p, 40, &j) == 0);
    wait_done(40);
    is_str(t.r[40].result, "104857600 q", "a payload of 100 MB");
}

static void test_worker_results(void)
{
    struct exec_pool *p;
    struct wire_start *s = boxed_spec(worker_path, "1", NULL);

    s->limits.out_bytes = BIG;
    must(exec_pool_new(t.x, s, 1, 8, &p) == 0);
    must(give(p, 50, "file 104857600") == 0);
    wait_done(50);
    check_file(50, BIG, 0, 'z', "a file of 100 MB");
    must(give(p, 51, "file 104857601") == 0);
    wait_done(51);
    ok(t.r[51].reason == WIRE_R_OUTPUT && t.r[51].out_cut == BIG + 1, "the limit holds");
    must(give(p, 52, "file 100") == 0);
    wait_done(52);
    ok(t.r[52].path[0] == '\0' && t.r[52].result_len == 100 && t.r[52].result[99] == 'z',
       "a small file comes as bytes");
    must(give(p, 53, "file 0") == 0);
    wait_done(53);
    ok(t.r[53].path[0] == '\0' && t.r[53].result_len == 0 && t.r[53].code == 0,
       "so does an empty one");
    must(give(p, 54, "big") == 0);
    wait_done(54);
    check_file(54, 409600, 'b', 'b', "many bytes come as a file");
    must(give(p, 55, "badfile 100000") == 0);
    wait_done(55);
    ok(t.r[55].code == 3 && t.r[55].path[0] == '\0', "of a failure nothing is kept");
    exec_set_inline(t.x, 0);
    must(give(p, 56, "file 500000") == 0 && give(p, 57, "file 2000000") == 0);
    wait_done(57);
    ok(t.r[56].result_len == 500000 && t.r[57].reason == WIRE_R_OUTPUT,
       "where no files are wanted, bytes up to what a frame has");
    exec_set_inline(t.x, INLINE);
    is_int(results_left(), 0, "nothing is left");
}

/* The library names a result after its reference: in a pool of one slot that is the
 * generation, shifted. */
static void test_worker_tricks(void)
{
    static const char *const tricks[] = {"swap", "gone", "pipe", "folder", "grow"};
    struct exec_pool *p;

    must(exec_pool_new(t.x, boxed_spec(worker_path, "1", NULL), 1, 1, &p) == 0);
    for (unsigned i = 0; i < ARRAY_LEN(tricks); i++) {
        struct record *r = &t.r[60 + i];
        char text[64];

        (void) snprintf(text, sizeof text, "trick %s %x", tricks[i], i << 12);
        must(give(p, 60 + i, text) == 0);
        wait_done(60 + i);
        if (i + 1 < ARRAY_LEN(tricks)) {
            ok(r->code == 1 && r->path[0] == '\0' && r->result_len == 0,
               "%s is no result: %s", tricks[i], r->text);
        } else {
            ok(r->path[0] != '\0' && r->result_size >= 200000,
               "what grows has the size that was seen, %llu",
               (unsigned long long) r->result_size);
            (void) unlink(r->path);
        }
    }
    must(give(p, 66, "still there") == 0);
    wait_done(66);
    is_str(t.r[66].result, "still there", "the worker goes on");
    is_int(results_left(), 0, "nothing is left");
}

static void test_worker_old(void)
{
    struct exec_pool *p;
    struct exec_input in;

    must(exec_pool_new(t.x, boxed_spec(worker_path, "2", "1"), 1, 8, &p) == 0);
    in = (struct exec_input){"a", file(exec_pool_inputs(p), "a", "alpha")};
    /* One before it said its version, one after. */
    for (uint64_t run = 70; run < 73; run += 2) {
        give_inputs(p, run, "input a", &in, 1);
        ok(t.r[run].reason == WIRE_R_SPAWN && t.r[run].started == 0 &&
               strstr(t.r[run].text, "version 1") != NULL,
           "version 1 gets no files: %s", t.r[run].text);
        must(give(p, run + 1, "plain") == 0);
        wait_done(run + 1);
        is_str(t.r[run + 1].result, "plain", "but goes on with the rest");
    }
    must(give(p, 74, "big") == 0);
    wait_done(74);
    check_file(74, 409600, 'b', 'b', "what it gives may be large");
}

/* HELLO of version 1, 2 and 3, and then a file as the result of a job. */
static void test_worker_versions(void)
{
    static const char *const scripts[] = {
        "printf '\\5\\0\\0\\0\\1\\1\\0\\1\\0' >&3; head -c 27 <&3 >/dev/null; "
        "printf '\\6\\0\\0\\0\\7\\0\\0\\0\\0f' >&3; exec sleep 1000",
        "printf '\\5\\0\\0\\0\\1\\3\\0\\1\\0' >&3; exec sleep 1000",
        "printf '\\5\\0\\0\\0\\1\\2\\0\\1\\0' >&3; head -c 27 <&3 >/dev/null; "
        "printf '\\10\\0\\0\\0\\7\\0\\0\\0\\0../' >&3; exec sleep 1000",
        "echo text > f; "
        "printf '\\5\\0\\0\\0\\1\\2\\0\\1\\0' >&3; head -c 27 <&3 >/dev/null; "
        "printf '\\6\\0\\0\\0\\7\\0\\0\\0\\0f' >&3; exec sleep 1000",
    };

    for (unsigned i = 0; i < ARRAY_LEN(scripts); i++) {
        struct exec_pool *p;

        must(exec_pool_new(t.x, boxed_spec("sh", "-c", scripts[i]), 1, 1, &p) == 0);
        must(give(p, 80 + i, "x") == 0);
        wait_done(80 + i);
    }
    is_int(t.r[80].reason, WIRE_R_LOST, "version 1 gives no files");
    ok(t.r[81].reason != WIRE_R_EXIT, "version 3 is not known: %s", t.r[81].text);
    is_int(t.r[82].reason, WIRE_R_LOST, "a name with slashes breaks the protocol");
    is_str(t.r[83].result, "text\n", "version 2 does as the page says");
}

static void test_python(void)
{
    struct exec_pool *p;
    struct exec_input in;

    if (python_worker == NULL || access("/usr/bin/python3", X_OK) != 0) {
        return;
    }
    {
        struct wire_start *s = boxed_spec("/usr/bin/python3", python_worker, NULL);

        must(wire_list_add(&s->binds, python_worker) == 0);
        must(exec_pool_new(t.x, s, 1, 4, &p) == 0);
    }
    in = (struct exec_input){"text", file(exec_pool_inputs(p), "t", "that is the\nq\n")};
    give_inputs(p, 90, "to be or not to be", &in, 1);
    is_str(t.r[90].result, "10", "examples/worker.py counts words, of its inputs too");
    must(give(p, 91, "one") == 0);
    wait_done(91);
    is_str(t.r[91].result, "1", "and of none");
}

/* -- the folders ----------------------------------------------------------------------
 */

static void test_folders(void)
{
    char path[300];
    struct exec_job j = job_of("");

    /* What an agent that died has left. */
    (void) snprintf(path, sizeof path, "%s/results", dir);
    (void) file(path, "lost", "result");
    (void) file(subfolder(exec_inputs(t.x), "old"), "x", "input");
    close_exec();
    open_exec(INLINE);
    must(exec_start(t.x, 1, boxed_spec("true", NULL, NULL), &j) == 0);
    wait_done(1);
    is_int(results_left(), 0, "results of before are gone");
    is_int(entries(exec_inputs(t.x)), 0, "so are inputs");
    (void) snprintf(path, sizeof path, "%s/inputs", dir);
    is_int(entries(path), 1, "and the runner has removed them");
}

/* A runner that dies after it has kept a result. */
static void test_lost(void)
{
    struct exec_job j = job_of("");

    must(exec_start(t.x, 95, boxed_spec("sh", "-c", "head -c 1000000 /dev/zero; cat <&2"),
                    &j) == 0);
    while (t.r[95].out_all < 500000) {
        turn();
    }
    must(kill((pid_t) exec_info(t.x)->runner_pid, SIGKILL) == 0);
    wait_done(95);
    ok(t.r[95].reason == WIRE_R_LOST && t.r[95].path[0] == '\0', "it is lost");
    is_int(results_left(), 0, "and nothing is left of it");
}

static void round_of(bool in_box)
{
    boxed = in_box;
    open_exec(INLINE);
    test_process_inputs();
    test_process_bad();
    test_process_payload();
    test_process_results();
    test_worker_inputs();
    test_worker_big();
    test_worker_results();
    test_worker_tricks();
    test_worker_old();
    test_worker_versions();
    test_python();
    test_lost();
    test_folders();
    close_exec();
}

int main(int argc, char **argv)
{
    bool bwrap;

    setup(argc, argv);
    round_of(false);
    open_exec(0);
    while (!t.up) {
        turn();
    }
    bwrap = exec_info(t.x)->sandbox;
    close_exec();
    if (bwrap) {
        round_of(true);
    }
    remove_dir();
    return done();
}
