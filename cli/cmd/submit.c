/* submit.c - weft submit */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cmd.h"
#include "cli/job/batch.h"
#include "cli/job/spec.h"
#include "cli/tool/mem.h"

struct submit_args {
    struct spec_args spec; /* first: see SPEC_OPTS */
    int wait, file_each;
    uint64_t array, window;
    const char *each, *out, *out_dir;
};

static const struct submit_args defaults = {.spec = SPEC_DEFAULTS,
                                            .window = BATCH_WINDOW};

#define AT(field) offsetof(struct submit_args, field)

static const struct opt opts[] = {
    SPEC_OPTS,
    {"wait", 'w', OPT_FLAG, NULL, AT(wait), 0, 0,
     "wait until the jobs are over; print how each ended"},
    {"out", 'o', OPT_TEXT, "FILE", AT(out), 0, 0,
     "wait, then write the result of the one job there; - is standard output"},
    {"out-dir", 'O', OPT_TEXT, "DIR", AT(out_dir), 0, 0,
     "wait, and write each result to DIR/NUMBER, or DIR/FILENAME with --file-each"},
    {"array", 'a', OPT_UINT, "N", AT(array), 1, 100000000,
     "N jobs: {} in --data becomes 0 to N-1; without a payload the number is it"},
    {"each", 'e', OPT_TEXT, "FILE", AT(each), 0, 0,
     "a job for each line of FILE; - is standard input"},
    {"file-each", 'F', OPT_FLAG, NULL, AT(file_each), 0, 0, "a job for each FILE named"},
    {"window", 0, OPT_UINT, "N", AT(window), 1, BATCH_WINDOW_MAX,
     "jobs in flight at once in a batch (default 256)"},
};

/* Two files of one name would share one result. */
static int check_names(struct cli *cli, int n, char **files)
{
    for (int i = 0; i < n; i++) {
        const char *a = strrchr(files[i], '/');

        for (int j = 0; j < i; j++) {
            const char *b = strrchr(files[j], '/');

            if (strcmp(a != NULL ? a + 1 : files[i], b != NULL ? b + 1 : files[j]) == 0) {
                return cli_usage(cli, "%s and %s would both write to the same file",
                                 files[j], files[i]);
            }
        }
    }
    return CLI_OK;
}

static int check(struct cli *cli, const struct submit_args *args, int n, char **files)
{
    int kinds = (args->array > 0) + (args->each != NULL) + args->file_each;

    if (kinds > 1) {
        return cli_usage(cli, "use one of --array, --each and --file-each");
    }
    if (kinds > 0 && args->spec.id != NULL) {
        return cli_usage(cli, "--id is for one job");
    }
    if (kinds > 0 && args->out != NULL) {
        return cli_usage(cli, "--out is for one job; use --out-dir for a batch");
    }
    if (args->file_each && n == 0) {
        return cli_usage(cli, "--file-each wants files behind the capability");
    }
    if (!args->file_each && n > 1) {
        return cli_usage(cli, "more than one file: did you mean --file-each?");
    }
    if ((args->each != NULL || args->file_each) && args->spec.data != NULL) {
        return cli_usage(cli, "--data does not go with --each and --file-each");
    }
    if (args->each != NULL && n > 0) {
        return cli_usage(cli, "--each takes its payloads from lines, not from %s",
                         files[0]);
    }
    return args->out_dir != NULL ? check_names(cli, args->file_each ? n : 0, files)
                                 : CLI_OK;
}

static int open_lines(struct cli *cli, const char *path, struct source *source)
{
    int fd = strcmp(path, "-") == 0 ? 0 : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return cli_fail_next(cli, errno == ENOENT ? WEFT_ENOENT : WEFT_EIO,
                             "check the path and its permissions", "%s: %s", path,
                             strerror(errno));
    }
    lines_init(&source->lines, fd);
    return CLI_OK;
}

/* Where the payloads come from.  *ret_data is to be freed when all is done. */
static int open_source(struct cli *cli, const struct submit_args *args, int n,
                       char **files, struct source *source, char **ret_data)
{
    struct spec_payload payload = {NULL, 0, NULL};
    int rc;

    if (args->each != NULL) {
        source->kind = SOURCE_LINES;
        return open_lines(cli, args->each, source);
    }
    if (args->file_each) {
        source->kind = SOURCE_FILES;
        source->files = files;
        source->total = (uint64_t) n;
        return CLI_OK;
    }
    rc = spec_payload(cli, &args->spec, n, files, args->array == 0, &payload);
    *ret_data = payload.data;
    source->len = payload.len;
    source->file = payload.file;
    source->kind = args->array > 0 ? SOURCE_ARRAY : SOURCE_ONE;
    source->total = args->array > 0 ? args->array : 1;
    source->substitute = args->spec.data != NULL;
    source->text =
        args->array > 0 && args->spec.data == NULL && n == 0 ? NULL : *ret_data;
    return rc;
}

static int make_dir(struct cli *cli, const char *path)
{
    if (path != NULL && mkdir(path, 0777) < 0 && errno != EEXIST) {
        return cli_fail_next(cli, WEFT_EIO, "name a folder that can be made", "%s: %s",
                             path, strerror(errno));
    }
    return CLI_OK;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct submit_args *args = args_;
    struct source source = {.kind = SOURCE_ONE};
    struct spec_parts parts = {.ntexts = 0};
    struct batch_options options = {0};
    struct weft_job job;
    char *data = NULL;
    int rc = check(cli, args, n - 1, operands + 1);

    options.out = args->out;
    options.out_dir = args->out_dir;
    options.wait = args->wait || args->out != NULL || args->out_dir != NULL;
    options.window = args->window;
    if (rc == CLI_OK) {
        rc = spec_job(cli, &args->spec, operands[0], &parts, &job);
    }
    if (rc == CLI_OK) {
        rc = open_source(cli, args, n - 1, operands + 1, &source, &data);
    }
    if (rc == CLI_OK) {
        rc = make_dir(cli, args->out_dir);
    }
    if (rc == CLI_OK) {
        rc = cli_connect(cli);
    }
    if (rc == CLI_OK) {
        spec_find_jobs(cli, &parts);
        options.window = source.total > 0 && source.total < options.window
                             ? source.total
                             : options.window;
        rc = batch_run(cli, &job, &source, &options);
    }
    source_fini(&source);
    spec_parts_fini(&parts);
    free(data);
    return rc;
}

const struct cmd cmd_submit = {
    .name = "submit",
    .group = "Work",
    .operands = "CAPABILITY [FILE | -]",
    .summary = "Hand jobs to the mesh and print their ids",
    .details =
        "  weft submit sha256 photo.jpg            one job with a file as payload\n"
        "  weft submit echo --data hello -o -      wait and print the result\n"
        "  weft submit render@2 --array 500 --data 'frame {}' --wait\n"
        "  find . -name '*.log' | weft submit stat --each - --out-dir out\n"
        "  weft submit thumb --file-each *.jpg --out-dir thumbs\n"
        "\n" SPEC_STDIN_HELP "A batch reads it only where - says so.\n"
        "With --wait each line is: id, state, node, run time, reason.  A batch keeps\n"
        "a bounded number of jobs in flight and comes back when a busy broker says.\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct submit_args),
    .defaults = &defaults,
    .min = 1,
    .max = -1,
    .operand = CMD_CAP,
    .run = run,
};
