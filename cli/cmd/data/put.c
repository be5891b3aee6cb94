/* put.c - weft data put */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/data/move.h"
#include "cli/tool/fmt.h"
#include "cli/view/data.h"

#define PUT_STEP ((size_t) 64 << 10)

struct put_args {
    const char *name, *copies, *file;
    struct opt_list labels, to;
    int pin, fresh;
};

#define AT(field) offsetof(struct put_args, field)

static const struct opt opts[] = {
    {"name", 'n', OPT_TEXT, "NAME", AT(name), 0, 0,
     "the dataset: a new version of it (default: a lone blob, whose digest is printed)"},
    {"label", 'l', OPT_LIST, "KEY=VALUE", AT(labels), 0, 0,
     "of the dataset; residency=eu binds where it may be, public=yes lets everybody read "
     "it; repeatable"},
    {"to", 't', OPT_LIST, "NODE | NEED", AT(to), 0, 0, MOVE_TO_HELP},
    {"copies", 'c', OPT_TEXT, "N | all", AT(copies), 0, 0,
     "at so many nodes (default 1)"},
    {"pin", 0, OPT_FLAG, NULL, AT(pin), 0, 0, "it is not evicted there"},
    {"new", 0, OPT_FLAG, NULL, AT(fresh), 0, 0, "the name must not be there yet"},
    {"file", 0, OPT_TEXT, "PATH", AT(file), 0, 0,
     "what standard input is called in the dataset (default: data)"},
};

/* Standard input, whose size must be known: a file that nobody else sees. */
struct spool {
    FILE *f;
    uint64_t len;
    struct move *move;
};

static int spool_read(uint64_t offset, void *to, size_t len, void *arg)
{
    const struct spool *spool = arg;
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(fileno(spool->f), (char *) to + done, len - done,
                          (off_t) (offset + done));

        if (n <= 0) {
            return -1;
        }
        done += (size_t) n;
    }
    return 0;
}

static void spool_progress(const struct weft_progress *progress, void *arg)
{
    const struct spool *spool = arg;

    move_on_progress(progress, spool->move);
}

static int spool_fill(struct cli *cli, struct spool *spool)
{
    char *buf = malloc(PUT_STEP);
    size_t n;
    int bad = 1;

    spool->f = tmpfile();
    if (spool->f != NULL && buf != NULL) {
        bad = 0;
        while (!bad && (n = fread(buf, 1, PUT_STEP, stdin)) > 0) {
            bad = fwrite(buf, 1, n, spool->f) != n;
            spool->len += n;
        }
        bad |= ferror(stdin) || fflush(spool->f) != 0;
    }
    free(buf);
    return bad ? cli_fail_next(cli, WEFT_EIO,
                               "look at the space left for temporary files",
                               "cannot keep standard input")
               : CLI_OK;
}

static void print_json(struct cli *cli, const struct weft_moved *m, uint64_t ms)
{
    struct json json;

    json_begin(&json, cli->out.f, "put");
    json_text(&json, "dataset", *m->dataset != '\0' ? m->dataset : NULL);
    json_digest(&json, "digest", &m->digest);
    json_uint(&json, "files", m->files);
    json_uint(&json, "bytes", m->bytes);
    json_uint(&json, "moved", m->moved);
    json_uint(&json, "nodes", m->nodes);
    json_uint(&json, "skipped", m->skipped);
    json_text(&json, "node", m->node);
    json_uint(&json, "took_ms", ms);
    json_end(&json);
}

static void print(struct cli *cli, const struct weft_moved *m, uint64_t ms)
{
    if (m->skipped != 0) {
        cli_note(cli, "%" PRIu64 " symbolic link%s left out: links are not followed",
                 m->skipped, m->skipped == 1 ? "" : "s");
    }
    if (cli->json) {
        print_json(cli, m, ms);
        return;
    }
    fprintf(cli->out.f, "%s\n",
            *m->dataset != '\0' ? m->dataset : data_digest(&m->digest).s);
    if (cli->err.tty) {
        cli_note(cli, "%" PRIu64 " file%s, %s, of which %s had to be sent, at %s%s in %s",
                 m->files, m->files == 1 ? "" : "s", fmt_size(m->bytes).s,
                 fmt_size(m->moved).s, m->node, m->nodes > 1 ? " and others" : "",
                 fmt_ms(ms).s);
    }
    if (*m->dataset != '\0') {
        cli_hint(cli, "`weft run CAPABILITY --input in=%s` runs something on it",
                 m->dataset);
    }
}

static int put(struct cli *cli, const struct weft_put *what, struct move *move,
               const char *name)
{
    weft_future *future = NULL;
    int code = weft_data_put(cli->client, what, &future), rc;

    if (code == WEFT_EINVAL) {
        return cli_usage(cli,
                         "`%s` cannot be put: names are of a-z 0-9 . _ -, labels "
                         "KEY=VALUE",
                         name);
    }
    if (code < 0) {
        return cli_fail(cli, code, "%s", name);
    }
    rc = move_wait(move, future, name);
    if (rc == 0) {
        print(cli, weft_future_moved(future), move_ms(move));
    }
    weft_future_free(future);
    return rc;
}

static int check(struct cli *cli, const struct put_args *args, int n, char **paths)
{
    if (args->name == NULL && (n > 1 || args->labels.n > 0)) {
        return cli_usage(cli, "several paths, and labels, need a --name");
    }
    for (int i = 0; n > 1 && i < n; i++) {
        if (strcmp(paths[i], "-") == 0) {
            return cli_usage(cli, "standard input stands alone");
        }
    }
    return CLI_OK;
}

static int run(struct cli *cli, const void *args_, int n, char **operands)
{
    const struct put_args *args = args_;
    struct weft_put what = WEFT_PUT_INIT;
    struct spool spool = {NULL, 0, NULL};
    struct move_to to;
    struct move move;
    int is_stdin = strcmp(operands[0], "-") == 0;
    int rc = check(cli, args, n, operands);

    if (rc == CLI_OK) {
        rc = move_to_parse(cli, &args->to, &to);
    }
    if (rc == CLI_OK) {
        rc = move_copies(cli, args->copies, &what.copies);
    }
    if (rc == CLI_OK && is_stdin) {
        rc = spool_fill(cli, &spool);
    }
    if (rc == CLI_OK) {
        rc = cli_connect(cli);
    }
    if (rc == CLI_OK) {
        move_init(&move, cli, 0);
        move.patience_ms = cli->timeout_ms;
        move.missing = "check the path, and the names of nodes: `weft nodes`";
        spool.move = &move;
        what.paths = is_stdin ? NULL : (const char *const *) operands;
        what.npaths = is_stdin ? 0 : (size_t) n;
        what.read = is_stdin ? spool_read : NULL;
        what.len = spool.len;
        what.dataset = args->name;
        what.file = args->file;
        what.labels = args->labels.values;
        what.nlabels = args->labels.n;
        what.node = to.node;
        what.needs = to.needs;
        what.nneeds = to.n;
        what.pin = args->pin;
        what.base = args->fresh ? 0 : UINT32_MAX;
        what.on_progress = is_stdin ? spool_progress : move_on_progress;
        what.arg = is_stdin ? (void *) &spool : (void *) &move;
        rc = put(cli, &what, &move, args->name != NULL ? args->name : operands[0]);
    }
    if (spool.f != NULL) {
        fclose(spool.f);
    }
    return rc;
}

const struct cmd cmd_data_put = {
    .name = "data put",
    .group = "Data",
    .operands = "PATH... | -",
    .summary = "Put files and folders into the mesh, as a dataset or a lone blob",
    .details =
        "  weft data put maps/ --name maps --label source=osm --to site=lyon --pin\n"
        "  weft data put model.bin                  # prints its digest\n"
        "  pg_dump db | weft data put - --name db --file db.sql\n"
        "\n"
        "Only what no node there has is sent.  The files of one folder are named by\n"
        "their paths in it; links in it, which are counted, and what is no file are left "
        "out.\n"
        "NAME@VERSION, or the digest, is printed.  --timeout is how long to wait while\n"
        "nothing moves (default: for ever).\n",
    CMD_OPTS(opts),
    .args_size = sizeof(struct put_args),
    .min = 1,
    .max = -1,
    .operand = CMD_FILE,
    .run = run,
};
