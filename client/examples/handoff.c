/* handoff.c - hand the files of a folder over for good
 *
 *     handoff CAPABILITY DIR
 *
 * Each file whose name is a job id (32 hex digits) is the payload of that job.  It is
 * removed once the broker has the job on stable storage, and not before: killed at any
 * moment, handoff is just run again.  The ids make sure that nothing is done twice.
 * Results are fetched by id, with `weft job result`, whenever someone wants them.
 */
#include <weft/weft.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BATCH 64

struct item {
    char path[512];
    weft_future *future;
};

struct tally {
    unsigned long handed, left;
};

/* The file's content, to be freed; NULL when it cannot be read or is too large. */
static char *slurp(const char *path, size_t max, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    char *data = f != NULL ? malloc(max + 1) : NULL;

    if (data != NULL) {
        *ret_len = fread(data, 1, max + 1, f);
        if (ferror(f) || *ret_len > max) {
            free(data);
            data = NULL;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return data;
}

static int submit(weft_client *client, struct weft_job *job, const char *dir,
                  const char *name, struct item *item)
{
    size_t len = 0;
    char *data;
    int code = WEFT_EIO;

    snprintf(item->path, sizeof item->path, "%s/%s", dir, name);
    data = slurp(item->path, (size_t) weft_max_payload(client), &len);
    if (data != NULL) {
        job->payload = data;
        job->payload_len = len;
        code = weft_submit(client, job, &item->future); /* copies all of it */
        free(data);
    }
    if (code != 0) {
        fprintf(stderr, "handoff: %s: %s\n", item->path, weft_strerror(code));
    }
    return code;
}

/* Accepted in class durable is the promise: from here on the broker has it. */
static void settle(struct item *items, size_t n, struct tally *tally)
{
    for (size_t i = 0; i < n; i++) {
        weft_future *future = items[i].future;
        int code = weft_future_wait(future, WEFT_UNTIL_ACCEPTED, 60000);

        if (code == 0 && unlink(items[i].path) == 0) {
            tally->handed++;
        } else {
            fprintf(stderr, "handoff: %s stays: %s\n", items[i].path,
                    code != 0 ? weft_strerror(code) : "it cannot be removed");
            tally->left++;
        }
        weft_future_free(future);
    }
}

static void hand_over(weft_client *client, const char *capability, const char *dir,
                      DIR *entries, struct tally *tally)
{
    static struct item items[BATCH];
    const struct dirent *entry;
    size_t n = 0;

    while ((entry = readdir(entries)) != NULL) {
        struct weft_job job = WEFT_JOB_INIT;

        if (weft_id_parse(entry->d_name, &job.id) != 0) {
            continue;
        }
        job.capability = capability;
        job.job_class = WEFT_CLASS_DURABLE;
        job.detached = 1; /* its outcome is nobody's here */
        if (submit(client, &job, dir, entry->d_name, &items[n]) != 0) {
            tally->left++;
        } else if (++n == BATCH) {
            settle(items, n, tally);
            n = 0;
        }
    }
    settle(items, n, tally);
}

int main(int argc, char **argv)
{
    struct tally tally = {0, 0};
    weft_client *client;
    char why[256];
    DIR *entries;

    if (argc != 3) {
        fprintf(stderr, "usage: handoff CAPABILITY DIR\n");
        return 2;
    }
    entries = opendir(argv[2]);
    if (entries == NULL) {
        perror(argv[2]);
        return 1;
    }
    if (weft_open(NULL, &client, why, sizeof why) != 0) {
        fprintf(stderr, "handoff: %s\n", why);
        closedir(entries);
        return 1;
    }
    hand_over(client, argv[1], argv[2], entries, &tally);
    weft_close(client);
    closedir(entries);
    printf("%lu handed over, %lu left\n", tally.handed, tally.left);
    return tally.left == 0 ? 0 : 1;
}
