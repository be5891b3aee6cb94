/* test_files.c - what goes into runs and comes out of them as files
 *
 * test_files RUNNER
 */
#include "tests/unit/agent/runner/drive.h"

#include <sys/stat.h>

#define BIG (100u << 20)

static const char *runner;
static bool boxed;  /* the runs of this round ask for the sandbox */
static char in[96]; /* folder of the inputs, which are not in the scratch folder */

static struct wire_start *shell(struct wire_msg *m, uint64_t run, const char *script)
{
    struct wire_start *s = drive_spec(m, run, "sh", "-c", script, (char *) NULL);

    s->sandbox = boxed ? WIRE_SANDBOX_REQUIRED : WIRE_SANDBOX_NONE;
    return s;
}

static void put_file(const char *name, const char *text)
{
    char path[200];
    int fd;

    (void) snprintf(path, sizeof path, "%s/%s", in, name);
    (void) unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0444);
    must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text));
    (void) close(fd);
}

static void get_file(const char *name, char *dst, size_t cap)
{
    char path[200];
    int fd;
    ssize_t n;

    (void) snprintf(path, sizeof path, "%s/%s", in, name);
    fd = open(path, O_RDONLY);
    n = fd >= 0 ? read(fd, dst, cap - 1) : 0;
    dst[n > 0 ? n : 0] = '\0';
    (void) close(fd);
}

static void make_inputs(const struct drive *v)
{
    char path[200];

    (void) snprintf(in, sizeof in, "%s/in", v->dir);
    must(mkdir(in, 0700) == 0);
    put_file("words", "to be\n");
    (void) snprintf(path, sizeof path, "%s/tree", in);
    must(mkdir(path, 0700) == 0);
    (void) snprintf(path, sizeof path, "%s/tree/deep", in);
    must(mkdir(path, 0700) == 0);
    put_file("tree/deep/leaf", "leaf\n");
    put_file("tree/top", "top\n");
}

/* NAME=PATH with the path below the folder of inputs; borrowed until the fourth call. */
static const char *input(const char *name, const char *file)
{
    static char text[4][256];
    static unsigned i;

    i = (i + 1) % 4;
    (void) snprintf(text[i], sizeof text[i], "%s=%s/%s", name, in, file);
    return text[i];
}

static void test_inputs(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    struct wire_start *s =
        shell(&m, 1,
              "cat inputs/words \"$WEFT_INPUT_WORDS\" \"$WEFT_INPUTS/my-tree.v1/top\" "
              "\"$WEFT_INPUT_MY_TREE_V1/deep/leaf\"; ls $WEFT_INPUTS");

    must(wire_list_add(&s->inputs, input("words", "words")) == 0);
    must(wire_list_add(&s->inputs, input("my-tree.v1", "tree")) == 0);
    drive_run(v, &m, &o);
    ok(o.d.code == 0, "inputs are there: %s %s", o.text, outcome_text(&o, WIRE_STDERR));
    is_str(outcome_text(&o, WIRE_STDOUT), "to be\nto be\ntop\nleaf\nmy-tree.v1\nwords\n",
           "by their folder, by their variables, files and folders in folders");
    outcome_fini(&o);

    s = shell(&m, 2, "cat $WEFT_INPUT_A_B; ls $WEFT_INPUTS | wc -l");
    must(wire_list_add(&s->inputs, input("a-b", "words")) == 0);
    must(wire_list_add(&s->inputs, input("a.b", "tree")) == 0);
    drive_run(v, &m, &o);
    is_str(outcome_text(&o, WIRE_STDOUT), "to be\n2\n",
           "of two with one variable the first has it; both are in the folder");
    outcome_fini(&o);
}

static void refused(struct drive *v, uint64_t run, const char *entry, const char *why)
{
    static struct wire_msg m;
    struct outcome o;
    struct wire_start *s = shell(&m, run, "true");

    must(wire_list_add(&s->inputs, entry) == 0);
    drive_run(v, &m, &o);
    ok(o.started == 0 && o.d.reason == WIRE_R_SPAWN && strstr(o.text, why) != NULL,
       "%s is refused: %s", entry, o.text);
    outcome_fini(&o);
}

static void test_bad_inputs(struct drive *v)
{
    refused(v, 3, input("gone", "no-such-file"), "input gone: No such file");
    refused(v, 4, input("..", "words"), "not a name");
    refused(v, 5, input("a/b", "words"), "not a name");
    refused(v, 6, "words=relative", "full path");
    refused(v, 7, "null=/dev/null", "neither a file nor a folder");
}

/* A sandbox holds also against the owner of the files. */
static void test_read_only(struct drive *v)
{
    static struct wire_msg m;
    char path[200], text[64];
    struct outcome o;
    struct wire_start *s = shell(
        &m, 10,
        "for f in $WEFT_INPUT_WORDS $WEFT_INPUT_TREE/top $WEFT_PAYLOAD "
        "/proc/self/fd/0; do chmod 600 $f && echo chmod; echo x >> $f && echo wrote;"
        " ln $f link && echo linked; rm -f link; rm -f $f && echo removed;"
        " mv payload p2 && echo moved; done;"
        "touch $WEFT_INPUT_TREE/new && echo made; cat; cat $WEFT_PAYLOAD payload");

    must(wire_list_add(&s->inputs, input("words", "words")) == 0);
    must(wire_list_add(&s->inputs, input("tree", "tree")) == 0);
    put_file("payload", "by path\n");
    (void) snprintf(path, sizeof path, "%s/payload", in);
    s->payload_path = path;
    s->flags = WIRE_PAYLOAD_FILE;
    drive_run(v, &m, &o);
    is_str(outcome_text(&o, WIRE_STDOUT), "by path\nby path\nby path\n",
           "nothing of inputs and payload can be changed, linked or moved");
    outcome_fini(&o);
    get_file("words", text, sizeof text);
    is_str(text, "to be\n", "and nothing was");
    get_file("payload", text, sizeof text);
    is_str(text, "by path\n", "neither the payload");
}

static void test_payload_path(struct drive *v)
{
    static struct wire_msg m;
    char path[200];
    struct outcome o;
    struct wire_start *s =
        shell(&m, 11, "cat; cat payload; cat < /dev/null $WEFT_PAYLOAD");

    put_file("payload", "P");
    (void) snprintf(path, sizeof path, "%s/payload", in);
    s->payload_path = path;
    s->flags = WIRE_PAYLOAD_FILE;
    drive_run(v, &m, &o);
    is_str(outcome_text(&o, WIRE_STDOUT), "PPP",
           "a payload by path: stdin and two names");
    outcome_fini(&o);

    shell(&m, 12, "cat")->payload_path = path;
    drive_run(v, &m, &o);
    is_str(outcome_text(&o, WIRE_STDOUT), "P", "on stdin alone");
    outcome_fini(&o);

    shell(&m, 13, "cat")->payload_path = in;
    drive_run(v, &m, &o);
    ok(o.d.reason == WIRE_R_SPAWN, "a folder is no payload: %s", o.text);
    outcome_fini(&o);
}

/* The file that DONE tells of; its descriptor, or -1. */
static int result_of(const struct drive *v, const struct outcome *o, struct stat *st)
{
    char path[200];
    int fd;

    (void) snprintf(path, sizeof path, "%s/" WIRE_RESULTS "/%llx", v->scratch,
                    (unsigned long long) o->d.run);
    fd = open(path, O_RDONLY | O_NOFOLLOW);
    if (fd >= 0) {
        must(fstat(fd, st) == 0);
        (void) unlink(path);
    }
    return fd;
}

static bool no_results(const struct drive *v)
{
    char path[200];

    (void) snprintf(path, sizeof path, "%s/" WIRE_RESULTS, v->scratch);
    return rmdir(path) == 0 && mkdir(path, 0700) == 0;
}

static bool all_zero(int fd, uint64_t from, uint64_t to)
{
    static char buf[1 << 20];

    while (from < to) {
        size_t n = (size_t) (to - from < sizeof buf ? to - from : sizeof buf);

        if (pread(fd, buf, n, (off_t) from) != (ssize_t) n || buf[0] != 0 ||
            memcmp(buf, buf + 1, n - 1) != 0) {
            return false;
        }
        from += n;
    }
    return true;
}

static void test_result_file(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    struct stat st;
    struct wire_start *s = shell(&m, 20, "head -c 104857600 /dev/zero > $WEFT_RESULT");
    int fd;

    s->flags = WIRE_RESULT_FILE;
    s->limits.inline_bytes = 65536;
    drive_run(v, &m, &o);
    fd = result_of(v, &o, &st);
    ok(o.d.has_file == 1 && o.d.file_bytes == BIG && fd >= 0 && st.st_size == BIG,
       "100 MB in a file are kept: %s", o.text);
    is_int(o.len[WIRE_RESULT], 0, "and do not travel");
    (void) close(fd);
    outcome_fini(&o);

    s = shell(&m, 21, "head -c 65536 /dev/zero > $WEFT_RESULT");
    s->flags = WIRE_RESULT_FILE;
    s->limits.inline_bytes = 65536;
    drive_run(v, &m, &o);
    ok(o.d.has_file == 0 && o.len[WIRE_RESULT] == 65536, "what is small travels");
    outcome_fini(&o);

    s = shell(&m, 22, "head -c 100001 /dev/zero > $WEFT_RESULT");
    s->flags = WIRE_RESULT_FILE;
    s->limits.inline_bytes = 10;
    s->limits.out_bytes = 100000;
    drive_run(v, &m, &o);
    ok(o.d.reason == WIRE_R_OUTPUT && o.d.has_file == 0 && o.d.out_cut == 100001,
       "over the limit is over the limit");
    outcome_fini(&o);

    s = shell(&m, 23, "head -c 100000 /dev/zero > $WEFT_RESULT; exit 3");
    s->flags = WIRE_RESULT_FILE;
    s->limits.inline_bytes = 10;
    drive_run(v, &m, &o);
    ok(o.d.code == 3 && o.d.has_file == 0, "of one that failed no file is kept");
    outcome_fini(&o);

    s = shell(&m, 24, "head -c 100 /dev/zero > $WEFT_RESULT; chmod 0 $WEFT_RESULT");
    s->flags = WIRE_RESULT_FILE;
    s->limits.inline_bytes = 10;
    drive_run(v, &m, &o);
    fd = result_of(v, &o, &st);
    ok(o.d.file_bytes == 100 || o.len[WIRE_RESULT] == 0,
       "one that its owner cannot read");
    (void) close(fd);
    outcome_fini(&o);
    ok(no_results(v), "nothing is left");
}

static void test_result_stdout(struct drive *v)
{
    static struct wire_msg m;
    struct outcome o;
    struct stat st;
    struct wire_start *s = shell(&m, 30, "head -c 104857600 /dev/zero");
    int fd;

    s->limits.inline_bytes = 65536;
    s->limits.err_bytes = 1u << 20;
    drive_run(v, &m, &o);
    fd = result_of(v, &o, &st);
    ok(o.d.has_file == 1 && o.d.file_bytes == BIG && fd >= 0 && st.st_size == BIG &&
           o.d.out_cut == 0,
       "100 MB on stdout are kept: %s", o.text);
    is_int(o.len[WIRE_STDOUT], 1u << 20, "as much as of a log is shown");
    ok(all_zero(fd, 0, BIG), "what is there is right");
    (void) close(fd);
    outcome_fini(&o);

    s = shell(&m, 31, "printf 0123456789; sleep 0; printf abcdefghij");
    s->limits.inline_bytes = 15;
    drive_run(v, &m, &o);
    fd = result_of(v, &o, &st);
    is_str(outcome_text(&o, WIRE_STDOUT), "0123456789abcdefghij", "all is shown");
    {
        char text[32] = {0};

        ok(fd >= 0 && read(fd, text, sizeof text) == 20 && text[0] == 0 && text[14] == 0,
           "the beginning is left to who got it");
        is_str(text + 15, "fghij", "the rest is in the file");
    }
    (void) close(fd);
    outcome_fini(&o);

    s = shell(&m, 32, "printf 0123456789");
    s->limits.inline_bytes = 10;
    drive_run(v, &m, &o);
    ok(o.d.has_file == 0 && o.len[WIRE_STDOUT] == 10, "what just fits is no file");
    outcome_fini(&o);

    s = shell(&m, 33, "printf 0123456789; printf 0123456789; exit 1");
    s->limits.inline_bytes = 10;
    drive_run(v, &m, &o);
    ok(o.d.code == 1 && o.d.has_file == 0, "of one that failed no file is kept");
    outcome_fini(&o);

    s = shell(&m, 34, "head -c 60000 /dev/zero");
    s->limits.inline_bytes = 10;
    s->limits.out_bytes = 50000;
    drive_run(v, &m, &o);
    ok(o.d.reason == WIRE_R_OUTPUT && o.d.has_file == 0 && o.d.out_cut > 0,
       "over the limit is over the limit, also for one that has ended before it was "
       "read");
    outcome_fini(&o);
    ok(no_results(v), "nothing is left");
}

static void test_tricks(struct drive *v)
{
    static const char *const scripts[] = {
        /* It leaves behind what swaps the file all the time. */
        "head -c 100000 /dev/zero > $WEFT_RESULT; (while :; do mv result r2; "
        "ln -s /etc/passwd result; rm result; mv r2 result; done) >/dev/null 2>&1 &"
        "while :; do read x < result && break; done",
        /* ... and what lets it grow. */
        "head -c 100000 /dev/zero > $WEFT_RESULT; (while :; do echo more; done "
        ">> $WEFT_RESULT) & exit 0",
        "head -c 100000 /dev/zero > real; ln -s real $WEFT_RESULT",
        "mkfifo $WEFT_RESULT",
        "mkdir $WEFT_RESULT",
        "ln -s ../" WIRE_RESULTS "/other $WEFT_RESULT",
    };
    static struct wire_msg m;

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct wire_start *s = shell(&m, 40 + i, scripts[i]);
        struct outcome o;
        struct stat st, again;
        int fd;

        s->flags = WIRE_RESULT_FILE;
        s->limits.inline_bytes = 1000;
        drive_run(v, &m, &o);
        fd = result_of(v, &o, &st);
        ok(o.d.has_file == 0 || (fd >= 0 && S_ISREG(st.st_mode) &&
                                 (uint64_t) st.st_size == o.d.file_bytes),
           "trick %zu: %s", i, o.d.has_file ? "a file" : "nothing");
        is_int(o.d.has_file == (fd >= 0), 1, "what is told is what is there");
        is_int(i < 2 || o.d.has_file == 0, 1, "only files count");
        if (fd >= 0) {
            must(fstat(fd, &again) == 0);
            ok(again.st_size == st.st_size, "nothing writes to it any more");
            (void) close(fd);
        }
        outcome_fini(&o);
    }
    ok(no_results(v), "nothing is left");
}

/* Peak memory of the runner in bytes. */
static uint64_t peak(pid_t pid)
{
    char path[64], line[256];
    unsigned long kb = 0;
    FILE *f;

    (void) snprintf(path, sizeof path, "/proc/%d/status", (int) pid);
    f = fopen(path, "r");
    must(f != NULL);
    while (fgets(line, sizeof line, f) != NULL) {
        (void) sscanf(line, "VmHWM: %lu", &kb);
    }
    (void) fclose(f);
    return (uint64_t) kb * 1024;
}

static void round_of(const char *name, const char *isolate, const char *sandbox,
                     bool in_box)
{
    struct drive v;
    uint64_t before;

    boxed = in_box;
    must(drive_start(&v, runner, isolate, sandbox, "off"));
    printf("# %s\n", name);
    make_inputs(&v);
    test_inputs(&v);
    test_bad_inputs(&v);
    if (boxed) {
        test_read_only(&v);
    }
    test_payload_path(&v);
    before = peak(v.pid);
    test_result_file(&v);
    test_result_stdout(&v);
    printf("# peak memory %llu KiB, before %llu\n",
           (unsigned long long) peak(v.pid) / 1024, (unsigned long long) before / 1024);
    ok(peak(v.pid) < before + (16u << 20), "the runner's memory stays flat");
    test_tricks(&v);
    drive_stop(&v);
}

int main(int argc, char **argv)
{
    struct drive v;
    bool pidns, bwrap;

    must(argc == 2);
    runner = realpath(argv[1], NULL);
    must(runner != NULL);
    must(drive_start(&v, runner, "auto", "auto", "off"));
    pidns = v.hello.isolation == WIRE_ISO_PIDNS;
    bwrap = v.hello.bwrap != 0;
    drive_stop(&v);

    round_of("subreaper", "subreaper", "none", false);
    if (pidns) {
        round_of("pidns", "auto", "none", false);
    }
    if (bwrap) {
        round_of("bwrap", "auto", "auto", true);
    }
    return done();
}
