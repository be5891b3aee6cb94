/* worker.c - a worker for tests: does what the payload says
 *
 * worker [CONCURRENCY [PROTOCOL]].  A payload that is no command comes back as the
 * result; one that is a file as its length and its last byte.
 */
#include "client/include/weft/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int is(const void *p, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(p, word, len) == 0;
}

static int give(weft_worker_job *job, const char *text)
{
    return weft_worker_result(job, text, strlen(text));
}

static int describe(weft_worker_job *job)
{
    char text[200];

    (void) snprintf(text, sizeof text, "%s %u %llu", weft_worker_id(job),
                    weft_worker_attempt(job),
                    (unsigned long long) weft_worker_deadline_ms(job));
    return give(job, text);
}

static int big(weft_worker_job *job)
{
    static char block[4096];

    memset(block, 'b', sizeof block);
    for (int i = 0; i < 100; i++) {
        if (weft_worker_result(job, block, sizeof block) != 0) {
            return 1;
        }
    }
    return 0;
}

/* NAME or NAME/PATH as a path; 0: there is no such input. */
static int find(weft_worker_job *job, const char *what, char *dst, size_t cap)
{
    char name[64];
    size_t n = strcspn(what, "/");
    const char *path;

    (void) snprintf(name, sizeof name, "%.*s", (int) n, what);
    path = weft_worker_input(job, name);
    if (path != NULL) {
        (void) snprintf(dst, cap, "%s%s", path, what + n);
    }
    return path != NULL;
}

static int read_input(weft_worker_job *job, const char *what)
{
    char path[4096], text[200];
    int fd;
    ssize_t n;

    if (!find(job, what, path, sizeof path)) {
        return give(job, "no such input");
    }
    fd = open(path, O_RDONLY);
    n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    (void) close(fd);
    return n >= 0 ? weft_worker_result(job, text, (size_t) n) : give(job, "unreadable");
}

/* Whatever its owner might do to it. */
static int spoil_input(weft_worker_job *job, const char *what)
{
    char path[4096];
    int fd;

    if (!find(job, what, path, sizeof path)) {
        return give(job, "no such input");
    }
    if (chmod(path, 0600) == 0 || (fd = open(path, O_WRONLY)) >= 0 || unlink(path) == 0) {
        return give(job, "spoiled");
    }
    return give(job, strerror(errno));
}

/* A file of so many bytes that ends with a `z`, as the result. */
static int give_file(weft_worker_job *job, const char *size, int *ret_fd)
{
    long n = atol(size);
    int fd = open("made", O_RDWR | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || ftruncate(fd, n) != 0 || (n > 0 && pwrite(fd, "z", 1, n - 1) != 1) ||
        weft_worker_result_file(job, "made") != 0) {
        return 1;
    }
    if (ret_fd != NULL) {
        *ret_fd = fd;
        return 0;
    }
    (void) close(fd);
    return 0;
}

static int play_tricks(weft_worker_job *job, const char *trick)
{
    char path[4096];
    int fd;

    if (give_file(job, "200000", &fd) != 0) {
        return 1;
    }
    /* The library's name for the result of the first job of the first slot and so on. */
    (void) snprintf(path, sizeof path, "%s/weft-result-%08lx", getenv("WEFT_RESULTS"),
                    strtoul(strchr(trick, ' '), NULL, 16));
    if (strncmp(trick, "swap", 4) == 0) {
        return unlink(path) != 0 || symlink("/etc/passwd", path) != 0;
    }
    if (strncmp(trick, "gone", 4) == 0) {
        return unlink(path) != 0;
    }
    if (strncmp(trick, "pipe", 4) == 0) {
        return unlink(path) != 0 || mkfifo(path, 0600) != 0;
    }
    if (strncmp(trick, "folder", 6) == 0) {
        return unlink(path) != 0 || mkdir(path, 0700) != 0;
    }
    /* It grows on while it is taken, by what outlives the job. */
    if (fork() == 0) {
        for (int i = 0; i < 100000; i++) {
            (void) !pwrite(fd, "more", 4, 200000 + 4L * i);
        }
        _exit(0);
    }
    return 0;
}

static int handle_files(weft_worker_job *job, const char *text)
{
    if (strncmp(text, "input ", 6) == 0) {
        return read_input(job, text + 6);
    }
    if (strncmp(text, "spoil ", 6) == 0) {
        return spoil_input(job, text + 6);
    }
    if (strncmp(text, "file ", 5) == 0) {
        return give_file(job, text + 5, NULL);
    }
    if (strncmp(text, "badfile ", 8) == 0) {
        return give_file(job, text + 8, NULL) != 0 ? 1 : 3;
    }
    if (strncmp(text, "trick ", 6) == 0) {
        return play_tricks(job, text + 6);
    }
    return -1;
}

static int handle(weft_worker_job *job, void *arg)
{
    char text[256];
    size_t len;
    const void *p = weft_worker_payload(job, &len);
    int code;

    (void) arg;
    if (weft_worker_payload_path(job) != NULL) {
        (void) snprintf(text, sizeof text, "%zu %c", len,
                        len > 0 ? ((const char *) p)[len - 1] : '-');
        return give(job, text);
    }
    (void) snprintf(text, sizeof text, "%.*s", (int) (len < 200 ? len : 200),
                    (const char *) p);
    code = handle_files(job, text);
    if (code >= 0) {
        return code;
    }
    if (is(p, len, "crash")) {
        (void) signal(SIGSEGV, SIG_DFL);
        (void) raise(SIGSEGV);
    }
    if (is(p, len, "leave")) {
        exit(4);
    }
    if (is(p, len, "deaf")) {
        (void) signal(SIGTERM, SIG_IGN);
        (void) weft_worker_output(job, 1, "deaf", 4);
        for (;;) {
            (void) pause();
        }
    }
    if (is(p, len, "listen")) {
        const struct timespec ms = {0, 1000000};

        (void) weft_worker_output(job, 1, "listening", 9);
        while (!weft_worker_cancelled(job)) {
            (void) nanosleep(&ms, NULL);
        }
        return 99;
    }
    if (is(p, len, "fail")) {
        (void) give(job, "did not like it");
        return 5;
    }
    if (is(p, len, "print")) {
        (void) weft_worker_output(job, 1, "to stdout", 9);
        (void) weft_worker_output(job, 2, "to stderr", 9);
        return 0;
    }
    if (is(p, len, "stray")) {
        (void) !write(2, "from the process", 16);
        return 0;
    }
    if (is(p, len, "describe")) {
        return describe(job);
    }
    if (is(p, len, "big")) {
        return big(job);
    }
    return weft_worker_result(job, p, len);
}

int main(int argc, char **argv)
{
    struct weft_worker_options o = WEFT_WORKER_OPTIONS_INIT;

    if (argc > 2 && strcmp(argv[2], "1") == 0) {
        (void) unsetenv("WEFT_RESULTS");
    }
    o.concurrency = argc > 1 ? (unsigned) atoi(argv[1]) : 1;
    return weft_worker_run(&o, handle, NULL) == 0 ? 0 : 1;
}
