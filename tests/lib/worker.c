/* worker.c - a worker for tests: does what the payload says
 *
 * worker [CONCURRENCY].  A payload that is no command comes back as the result.
 */
#include "client/include/weft/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static int handle(weft_worker_job *job, void *arg)
{
    size_t len;
    const void *p = weft_worker_payload(job, &len);

    (void) arg;
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

    o.concurrency = argc > 1 ? (unsigned) atoi(argv[1]) : 1;
    return weft_worker_run(&o, handle, NULL) == 0 ? 0 : 1;
}
