/* data.c - put files into the mesh, and stream one out of it
 *
 *     data put NAME PATH...      a new version of the dataset NAME
 *     data cat DATASET/FILE      the file to standard output, chunk by chunk
 *     data run CAPABILITY FILE   a file of any size as a job's payload, its result of any
 *                                size to standard output
 *
 * Uses the selected context (`weft ctx add`).
 */
#include <weft/weft.h>

#include <stdio.h>
#include <string.h>

static int fail(const char *what, int code, const char *text)
{
    fprintf(stderr, "data: %s: %s (%s)\n  next: %s\n", what, text, weft_errname(code),
            weft_errhint(code));
    return 1;
}

static void on_progress(const struct weft_progress *p, void *arg)
{
    (void) arg;
    fprintf(stderr, "%s %llu of %llu bytes %s%s\n",
            p->phase == WEFT_READING ? "read" : "moved", (unsigned long long) p->bytes,
            (unsigned long long) p->total, p->node, p->text);
}

static int on_bytes(uint64_t offset, const void *data, size_t len, void *arg)
{
    (void) offset;
    (void) arg;
    return fwrite(data, 1, len, stdout) == len ? 0 : -1;
}

/* Wait for a transfer that `code` says was begun; 0 when it went well. */
static int finish(const char *what, int code, weft_future *future)
{
    if (code != 0) {
        return fail(what, code, weft_strerror(code));
    }
    code = weft_future_wait(future, WEFT_UNTIL_DONE, -1);
    return code == 0 ? 0 : fail(what, code, weft_future_text(future));
}

static int put(weft_client *client, const char *name, int n, char **paths)
{
    struct weft_put what = WEFT_PUT_INIT;
    weft_future *future = NULL;
    int code;

    what.paths = (const char *const *) paths;
    what.npaths = (size_t) n;
    what.dataset = name;
    what.on_progress = on_progress;
    code = weft_data_put(client, &what, &future);
    code = finish("put", code, future);
    if (code == 0) {
        const struct weft_moved *moved = weft_future_moved(future);

        printf("%s: %llu files at %s\n", moved->dataset,
               (unsigned long long) moved->files, moved->node);
    }
    weft_future_free(future);
    return code;
}

static int cat(weft_client *client, const char *ref)
{
    struct weft_get what = WEFT_GET_INIT;
    weft_future *future = NULL;
    int code;

    what.ref = ref;
    what.write = on_bytes;
    code = weft_data_get(client, &what, &future);
    code = finish("cat", code, future);
    weft_future_free(future);
    return code;
}

static int run(weft_client *client, const char *capability, const char *file)
{
    struct weft_job job = WEFT_JOB_INIT;
    struct weft_get what = WEFT_GET_INIT;
    weft_future *future = NULL, *result = NULL;
    int code;

    job.capability = capability;
    job.payload_file = file;
    code = weft_submit(client, &job, &future);
    code = finish("run", code, future);
    if (code == 0 && weft_future_outcome(future)->state != WEFT_JOB_OK) {
        fprintf(stderr, "data: %s\n", weft_future_outcome(future)->reason);
        code = 20;
    }
    if (code == 0) {
        what.write = on_bytes;
        code = weft_outcome_fetch(future, &what, &result);
        code = finish("result", code, result);
    }
    weft_future_free(result);
    weft_future_free(future);
    return code;
}

int main(int argc, char **argv)
{
    weft_client *client;
    char why[256];
    int code;

    if (argc < 3 || (strcmp(argv[1], "cat") != 0 && argc < 4)) {
        fprintf(stderr, "usage: data put NAME PATH... | cat DATASET/FILE | run "
                        "CAPABILITY FILE\n");
        return 2;
    }
    code = weft_open(NULL, &client, why, sizeof why);
    if (code != 0) {
        return fail("open", code, why);
    }
    if (strcmp(argv[1], "put") == 0) {
        code = put(client, argv[2], argc - 3, argv + 3);
    } else if (strcmp(argv[1], "cat") == 0) {
        code = cat(client, argv[2]);
    } else {
        code = run(client, argv[2], argv[3]);
    }
    weft_close(client);
    return code;
}
