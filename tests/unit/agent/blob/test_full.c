/* No space, no memory: what was there stays, and it works again afterwards. */
#include "tests/unit/agent/blob/bed.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Files end there, as on a disk that is full for them. */
static void limit(rlim_t bytes)
{
    struct rlimit r;

    must(getrlimit(RLIMIT_FSIZE, &r) == 0);
    r.rlim_cur = bytes;
    must(setrlimit(RLIMIT_FSIZE, &r) == 0);
}

static void no_space(void)
{
    struct sample x = sample_of(1, 300 * KIB), y = sample_of(2, 300 * KIB),
                  small = sample_of(3, 60 * KIB);
    struct blob_info info;
    struct bed b;
    int whole = 0;

    bed_init(&b);
    bed_open(&b);
    must(import(&b, &y) == 0);
    must(begin(&b, &x, &info) == 0);
    must(blob_leaves(b.s, &x.d, x.leaves, x.n, &b.err) == 0);
    limit(100 * KIB);
    is_int(put_chunk(&b, &x, 0, NULL), 0, "a chunk that fits");
    is_int(put_chunk(&b, &x, 1, NULL), WEFT_EFULL, "one that does not");
    ok(strstr(b.err.text, "cannot write") != NULL, "is said: %s", b.err.text);
    is_int(put_chunk(&b, &x, 4, NULL), WEFT_EFULL, "nor another");
    limit(RLIM_INFINITY);
    must(blob_look(b.s, &x.d, &info, &b.err) == 0);
    is_int(info.map[0], 1, "what fitted is there");
    for (size_t i = 0; i < x.n; i++) {
        must(put_chunk(&b, &x, i, &whole) == 0);
    }
    ok(whole && check(&b, &x) == 0 && check(&b, &y) == 0, "and the rest, with room");
    limit(1);
    ok(import(&b, &small) != 0, "no room for the index");
    limit(RLIM_INFINITY);
    ok(!has(&b, &small), "is no blob");
    is_int(import(&b, &small), 0, "it is one, with room");
    ok(check(&b, &small) == 0 && check(&b, &x) == 0 && check(&b, &y) == 0, "all good");
    sample_free(&x);
    sample_free(&y);
    sample_free(&small);
    bed_fini(&b);
}

/* A batch that cannot be written takes all its small blobs back. */
static void no_space_for_a_batch(void)
{
    struct sample x[4], big = sample_of(9, 100 * KIB);
    struct blob_stats before, after;
    struct bed b;
    unsigned there = 0;

    bed_init(&b);
    bed_open(&b);
    must(blob_batch_begin(b.s, &b.err) == 0 && blob_batch_end(b.s, &b.err) == 0);
    must(blob_stats(b.s, &before, &b.err) == 0);
    must(blob_batch_begin(b.s, &b.err) == 0);
    must(import(&b, &big) == 0);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        x[i] = sample_of(i, 60 * KIB);
        must(import(&b, &x[i]) == 0);
    }
    limit(1);
    ok(blob_batch_end(b.s, &b.err) != 0, "a batch that fails: %s", b.err.text);
    limit(RLIM_INFINITY);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        there += (unsigned) has(&b, &x[i]);
    }
    is_int(there, 0, "was not published");
    must(blob_stats(b.s, &after, &b.err) == 0);
    is_int(after.used_bytes, before.used_bytes, "and takes no room");
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        must(import(&b, &x[i]) == 0 && check(&b, &x[i]) == 0);
        sample_free(&x[i]);
    }
    is_int(import(&b, &big), 0, "nor does the file that was moved already hurt");
    is_int(check(&b, &big), 0, "whole");
    sample_free(&big);
    bed_fini(&b);
}

/* -- a real disk, in a child that may mount --------------------------------------------
 */

/* A namespace where we may mount: as root, or as who is called so there. */
static int may_mount(void)
{
    char map[32];
    int fd, n = snprintf(map, sizeof map, "0 %u 1", (unsigned) getuid());

    if (unshare(CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
            return 0;
        }
        fd = open("/proc/self/uid_map", O_WRONLY);
        if (fd < 0 || write(fd, map, (size_t) n) != n) {
            return 0;
        }
        close(fd);
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

#define NO_MOUNT 77

/* Evict for room, then write until the index itself finds none.  Says how many things
 * went wrong. */
static int fill_disk(void)
{
    struct sample large = sample_of(1, 2048 * KIB), y = sample_of(2, 1024 * KIB);
    struct blob_info info;
    struct bed b;
    unsigned n = 0, there = 0;
    int rc = 0, bad = 0;

    bed_init(&b);
    if (mount("none", b.root, "tmpfs", 0, "size=1500k") != 0) {
        return NO_MOUNT;
    }
    bed_open(&b);
    bad += import(&b, &y) != 0;
    bad += begin(&b, &large, &info) != WEFT_EFULL || !has(&b, &y);
    for (size_t i = 0; i < 3; i++) {
        struct sample z = sample_of(10 + i, 900 * KIB);

        bad += import(&b, &z) != 0 || check(&b, &z) != 0;
        sample_free(&z);
    }
    for (; rc == 0 && n < 100; n++) {
        struct sample z = sample_of(100 + n, 50 * KIB);

        rc = import(&b, &z);
        sample_free(&z);
    }
    printf("# %u small ones, then: %s\n", n - 1, b.err.text);
    bad += rc != WEFT_EFULL;
    bed_again(&b);
    for (unsigned i = 0; i + 1 < n; i++) {
        struct sample z = sample_of(100 + i, 50 * KIB);

        there += check(&b, &z) == 0;
        sample_free(&z);
    }
    bad += there != n - 1;
    bed_close(&b);
    sample_free(&large);
    sample_free(&y);
    (void) umount(b.root);
    rmdir(b.root);
    return bad;
}

static void full_disk(void)
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        status = may_mount() ? fill_disk() : NO_MOUNT;
        fflush(stdout);
        _exit(status);
    }
    must(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_MOUNT) {
        ok(1, "a full disk # SKIP no mount here");
    } else {
        is_int(WEXITSTATUS(status), 0, "a full disk: others go, and what is told stays");
    }
}

/* -- memory ----------------------------------------------------------------------------
 */

/* Everything once; the first error. */
static int all_of_it(struct bed *b, const struct sample *x, const struct sample *small)
{
    struct blob_info info;
    int rc = begin(b, x, &info);

    rc = rc == 0 ? blob_leaves(b->s, &x->d, x->leaves, x->n, &b->err) : rc;
    for (size_t i = 0; rc == 0 && i < x->n; i++) {
        rc = put_chunk(b, x, i, NULL);
    }
    rc = rc == 0 ? import(b, small) : rc;
    rc = rc == 0 ? blob_hold(b->s, &x->d, &b->err) : rc;
    rc = rc == 0 ? check(b, x) : rc;
    rc = rc == 0 ? check(b, small) : rc;
    if (rc == 0) {
        blob_release(b->s, &x->d);
        rc = blob_drop(b->s, &small->d, &b->err);
    }
    return rc;
}

static void no_memory(int encrypt)
{
    struct sample x = sample_of(1, 300 * KIB), small = sample_of(2, 300);
    unsigned wrong = 0, failed = 0;
    int rc = WEFT_ENOMEM;
    struct bed b;

    bed_init(&b);
    b.o.encrypt = encrypt;
    for (long n = 0; n < 200 && rc != 0; n++) {
        wf_mem_fail_after(n);
        rc = blob_open(&b.o, &b.s, &b.err);
        if (rc == 0) {
            rc = all_of_it(&b, &x, &small);
        }
        wf_mem_fail_after(-1);
        failed += rc == WEFT_ENOMEM;
        wrong += rc != 0 && rc != WEFT_ENOMEM;
        if (b.s != NULL) {
            (void) blob_drop(b.s, &small.d, NULL);
            wrong += all_of_it(&b, &x, &small) != 0; /* with memory again */
            (void) blob_drop(b.s, &x.d, NULL);
            bed_close(&b);
        }
    }
    ok(failed > 3, "each allocation fails in its turn: %u", failed);
    is_int(wrong, 0, "which is an error, and nothing is lost");
    is_int(rc, 0, "until none does");
    sample_free(&x);
    sample_free(&small);
    bed_fini(&b);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    no_space();
    no_space_for_a_batch();
    full_disk();
    no_memory(0);
    no_memory(1);
    return done();
}
