/* handler.c - the handler of the torture's jobs, one process a job or a worker
 *
 *     torture-handler STORY NODE [worker]
 *
 * Writes down that it was started before it does anything, then behaves as the job's id
 * says (work.h).
 */
#include "client/include/weft/worker.h"
#include "tests/lib/fnv.h"
#include "tests/torture/story.h"
#include "tests/torture/work.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct handler {
    int fd, prints;
    const char *node;
};

static void snooze(unsigned ms)
{
    struct timespec t = {ms / 1000, (long) (ms % 1000) * 1000000};

    while (ms != 0 && nanosleep(&t, &t) != 0) {
    }
}

/* 0, or the code to fail with. */
static int work(const struct handler *h, const char *job, unsigned attempt,
                const void *payload, size_t len, char result[WORK_RESULT_MAX])
{
    char want[WORK_PAYLOAD_MAX];
    uint8_t id[16] = {0};
    uint64_t numbers[4] = {attempt, 0};
    /* Of an attempt and the next, also where another site gets 16 numbers. */
    int odd = (attempt + attempt / 16) % 2 == 1,
        told = work_origin(payload, len, id) == 0;

    numbers[1] = fnv_hash(0, result, work_result(job, attempt, h->node, result));
    for (unsigned i = 0; i < 16; i++) {
        numbers[2 + i / 8] = numbers[2 + i / 8] << 8 | id[i];
    }
    if (story_write(h->fd, "start", job, 4, numbers) != 0) {
        return 9;
    }
    if (!told || work_payload(id, want) != len || memcmp(want, payload, len) != 0) {
        (void) story_write(h->fd, "damaged", job, 1, numbers);
        return 9;
    }
    if (h->prints) {
        (void) fprintf(stderr, "attempt %u at %s\n", attempt, h->node);
    }
    snooze(work_sleep_ms(id));
    switch (work_end(id)) {
    case WORK_FAILS:
        return 3;
    case WORK_FLAKY:
        return odd ? 4 : 0;
    case WORK_DIES:
        if (odd) {
            (void) raise(SIGKILL);
        }
        return 0;
    default:
        return 0;
    }
}

static int on_job(weft_worker_job *job, void *arg)
{
    char result[WORK_RESULT_MAX];
    size_t len;
    const void *payload = weft_worker_payload(job, &len);
    int rc =
        work(arg, weft_worker_id(job), weft_worker_attempt(job), payload, len, result);

    return rc != 0 ? rc : weft_worker_result(job, result, strlen(result));
}

static int once(const struct handler *h)
{
    static char payload[WORK_PAYLOAD_MAX + 1];
    char result[WORK_RESULT_MAX];
    const char *id = getenv("WEFT_JOB_ID"), *attempt = getenv("WEFT_ATTEMPT");
    size_t len = fread(payload, 1, sizeof payload, stdin);
    int rc;

    if (id == NULL || attempt == NULL) {
        return 9;
    }
    rc = work(h, id, (unsigned) atoi(attempt), payload, len, result);
    if (rc == 0) {
        (void) fputs(result, stdout);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct handler h;

    if (argc < 3) {
        (void) fprintf(stderr, "usage: torture-handler STORY NODE [worker]\n");
        return 2;
    }
    h.fd = story_open(argv[1]);
    h.node = argv[2];
    if (h.fd < 0) {
        perror(argv[1]);
        return 9;
    }
    h.prints = argc == 3;
    if (argc > 3) {
        return weft_worker_run(NULL, on_job, &h) == 0 ? 0 : 1;
    }
    return once(&h);
}
