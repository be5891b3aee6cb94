/* many.c - run many jobs, in batches, and count how they ended
 *
 *     many CAPABILITY COUNT
 *
 * A batch is submitted with one call.  What the broker cannot take now (WEFT_EBUSY) is
 * submitted again after the time it names.
 */
#include <weft/weft.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 256

struct tally {
    unsigned long ok, failed, refused;
};

static void pause_ms(uint64_t ms)
{
    struct timespec t = {(time_t) (ms / 1000), (long) (ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

/* Wait for one; returns how long to wait before it should be tried again, 0: over. */
static uint64_t finish(weft_future *future, struct tally *tally)
{
    const struct weft_outcome *outcome;
    uint64_t retry_ms = 0;
    int code = weft_future_wait(future, WEFT_UNTIL_DONE, -1);

    outcome = weft_future_outcome(future);
    if (code == WEFT_EBUSY) {
        retry_ms = weft_future_retry_ms(future) + 1;
    } else if (code != 0) {
        fprintf(stderr, "many: %s: %s\n", weft_errname(code), weft_future_text(future));
        tally->refused++;
    } else if (outcome->state == WEFT_JOB_OK) {
        tally->ok++;
    } else {
        tally->failed++;
    }
    weft_future_free(future);
    return retry_ms;
}

/* Submit up to `n` jobs and wait for them; returns how many are over. */
static size_t run_batch(weft_client *client, const struct weft_job *job, size_t n,
                        struct tally *tally)
{
    weft_future *futures[BATCH];
    struct weft_job jobs[BATCH];
    uint64_t wait_ms = 0;
    size_t taken, over = 0;
    int code;

    for (size_t i = 0; i < n; i++) {
        jobs[i] = *job;
    }
    code = weft_submit_many(client, jobs, n, futures, &taken);
    if (code != 0 && taken == 0) {
        fprintf(stderr, "many: %s\n", weft_strerror(code));
        exit(1);
    }
    for (size_t i = 0; i < taken; i++) {
        uint64_t retry_ms = finish(futures[i], tally);

        over += retry_ms == 0;
        wait_ms = retry_ms > wait_ms ? retry_ms : wait_ms;
    }
    pause_ms(wait_ms);
    return over;
}

int main(int argc, char **argv)
{
    struct weft_job job = WEFT_JOB_INIT;
    struct tally tally = {0, 0, 0};
    weft_client *client;
    char why[256];
    size_t left;

    if (argc != 3) {
        fprintf(stderr, "usage: many CAPABILITY COUNT\n");
        return 2;
    }
    if (weft_open(NULL, &client, why, sizeof why) != 0) {
        fprintf(stderr, "many: %s\n", why);
        return 1;
    }
    job.capability = argv[1];
    job.payload = "many";
    job.payload_len = 4;
    left = strtoul(argv[2], NULL, 10);
    while (left != 0) {
        left -= run_batch(client, &job, left < BATCH ? left : BATCH, &tally);
    }
    weft_close(client);
    printf("%lu ok, %lu failed, %lu refused\n", tally.ok, tally.failed, tally.refused);
    return tally.failed == 0 && tally.refused == 0 ? 0 : 1;
}
