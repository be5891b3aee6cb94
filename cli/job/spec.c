#include "cli/job/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/tool/fmt.h"
#include "cli/tool/mem.h"

#define SPEC_FILE_MAX  ((size_t) 1 << 30) /* in memory */
#define SPEC_INLINE    (64u << 10)        /* larger files are left where they are */
#define SPEC_FILE_STEP (64u << 10)
#define SPEC_SILENT_MS 2000 /* standard input that brings nothing for longer is told */

static enum weft_class class_of(const char *name)
{
    if (name == NULL) {
        return WEFT_CLASS_BEST;
    }
    return strcmp(name, "fast") == 0 ? WEFT_CLASS_FAST : WEFT_CLASS_DURABLE;
}

void spec_parts_fini(struct spec_parts *parts)
{
    for (size_t i = 0; i < parts->ntexts; i++) {
        free(parts->texts[i]);
    }
    memset(parts, 0, sizeof(*parts));
}

/* A copy that lives as long as the parts. */
static const char *keep(struct spec_parts *parts, const char *text, size_t len)
{
    parts->texts[parts->ntexts] = mem_dup(text, len);
    return parts->texts[parts->ntexts++];
}

static int take_inputs(struct cli *cli, const struct opt_list *list,
                       struct spec_parts *parts)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *text = list->values[i], *is = strchr(text, '=');

        if (is == NULL || is == text || is[1] == '\0') {
            return cli_usage(cli, "--input wants NAME=DATASET, not `%s`", text);
        }
        parts->inputs[parts->ninputs++] =
            (struct weft_input){keep(parts, text, (size_t) (is - text)), is + 1};
    }
    return CLI_OK;
}

static int take_prefers(struct cli *cli, const struct opt_list *list,
                        struct spec_parts *parts)
{
    for (size_t i = 0; i < list->n; i++) {
        struct terms_part need;
        uint64_t ms;

        if (terms_prefer(list->values[i], &need, &ms) < 0) {
            return cli_usage(cli,
                             "--prefer wants NEED:TIME such as site=lyon:200ms, not "
                             "`%s`",
                             list->values[i]);
        }
        parts->prefers[parts->nprefers++] =
            (struct weft_prefer){keep(parts, need.text, need.len), ms};
    }
    return CLI_OK;
}

static int take_nears(struct cli *cli, const struct opt_list *list, int far,
                      struct spec_parts *parts)
{
    for (size_t i = 0; i < list->n; i++) {
        struct weft_near *near = &parts->nears[parts->nnears];
        struct terms_part what;

        if (terms_near(list->values[i], far, &near->kind, &what, &near->ms) < 0) {
            return cli_usage(cli, "--%s wants %s, with :TIME as much as that, not `%s`",
                             far ? "far" : "near", far ? "job:ID" : "job:ID or data:NAME",
                             list->values[i]);
        }
        near->what = keep(parts, what.text, what.len);
        parts->nnears++;
    }
    return CLI_OK;
}

static int take_parts(struct cli *cli, const struct spec_args *args,
                      struct spec_parts *parts)
{
    int rc = take_inputs(cli, &args->inputs, parts);

    if (rc == CLI_OK) {
        rc = take_prefers(cli, &args->prefers, parts);
    }
    if (rc == CLI_OK) {
        rc = take_nears(cli, &args->nears, 0, parts);
    }
    if (rc == CLI_OK) {
        rc = take_nears(cli, &args->fars, 1, parts);
    }
    if (rc == CLI_OK && args->spread && args->pack) {
        rc = cli_usage(cli, "use one of --spread and --pack");
    }
    if (rc == CLI_OK && args->group != NULL && !args->spread && !args->pack) {
        rc = cli_usage(cli, "--group goes with --spread or --pack");
    }
    return rc;
}

/* The first digits of an id, not a whole one. */
static int is_prefix(const char *text)
{
    size_t len = strlen(text);

    return len >= 4 && len < WEFT_ID_TEXT - 1 &&
           len == strspn(text, "0123456789abcdefABCDEF");
}

void spec_find_jobs(struct cli *cli, struct spec_parts *parts)
{
    for (size_t i = 0; i < parts->nnears; i++) {
        struct weft_near *near = &parts->nears[i];
        struct weft_job_full *job = NULL;
        char text[WEFT_ID_TEXT];

        /* What no id begins with may still be the name of a job. */
        if (near->kind != WEFT_NEAR_DATA && is_prefix(near->what) &&
            weft_job_show(cli->client, near->what, cli_wait_ms(cli), &job) == 0) {
            weft_id_text(&job->job.id, text);
            near->what = keep(parts, text, strlen(text));
            weft_free(job);
        }
    }
}

/* Where it is to go. */
static void place_job(const struct spec_args *args, const struct spec_parts *parts,
                      struct weft_job *job)
{
    (void) terms_goal(args->goal, &job->goal);
    job->second_pusd = args->second_pusd;
    job->max_cost_pusd = args->max_cost_pusd;
    job->prefers = parts->prefers;
    job->nprefers = parts->nprefers;
    job->nears = parts->nears;
    job->nnears = parts->nnears;
    job->spread = args->spread ? WEFT_SPREAD : args->pack ? WEFT_PACK : WEFT_SPREAD_NONE;
    job->group = args->group;
    job->hedge = args->hedge;
}

int spec_job(struct cli *cli, const struct spec_args *args, const char *capability,
             struct spec_parts *parts, struct weft_job *ret_job)
{
    struct weft_job job = WEFT_JOB_INIT;
    int rc;

    if (args->id != NULL && weft_id_parse(args->id, &job.id) < 0) {
        return cli_usage(cli, "--id wants 32 hex digits, not `%s`", args->id);
    }
    if (args->disconnect != NULL &&
        disconnect_parse(args->disconnect, &job.disconnect, &job.disconnect_ms) < 0) {
        return cli_usage(cli,
                         "--disconnect wants keep, stop-after=30s or replace-after=2m, "
                         "not `%s`",
                         args->disconnect);
    }
    rc = take_parts(cli, args, parts);
    if (rc != CLI_OK) {
        return rc;
    }
    place_job(args, parts, &job);
    job.inputs = parts->inputs;
    job.ninputs = parts->ninputs;
    job.capability = capability;
    job.job_class = class_of(args->job_class);
    job.priority = (unsigned) args->priority;
    job.timeout_ms = args->timeout_ms;
    job.deadline_ms = args->deadline_ms;
    job.max_attempts = args->retries == SPEC_UNSET ? 0 : (unsigned) args->retries + 1;
    job.needs = args->needs.values;
    job.nneeds = args->needs.n;
    job.node = args->node;
    job.name = args->name;
    job.reuse_ms = args->reuse_ms;
    *ret_job = job;
    return CLI_OK;
}

static int read_all(int fd, char **ret_data, size_t *ret_len)
{
    char *data = NULL;
    size_t len = 0, cap = 0;

    for (;;) {
        ssize_t n;

        data = mem_grow(data, &cap, len + SPEC_FILE_STEP + 1, 1);
        n = read(fd, data + len, SPEC_FILE_STEP);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            if (n < 0) {
                free(data);
                return WEFT_EIO;
            }
            break;
        }
        len += (size_t) n;
        if (len > SPEC_FILE_MAX) {
            free(data);
            return WEFT_ETOOBIG;
        }
    }
    data[len] = '\0';
    *ret_data = data;
    *ret_len = len;
    return 0;
}

int spec_read(struct cli *cli, const char *path, char **ret_data, size_t *ret_len)
{
    int is_stdin = strcmp(path, "-") == 0, fd, rc;

    fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return cli_fail_next(cli, errno == ENOENT ? WEFT_ENOENT : WEFT_EIO,
                             "check the path and its permissions", "%s: %s", path,
                             strerror(errno));
    }
    rc = read_all(fd, ret_data, ret_len);
    if (rc == WEFT_EIO) {
        rc = cli_fail_next(cli, rc, "check the path and its permissions", "%s: %s", path,
                           strerror(errno));
    } else if (rc < 0) {
        rc = cli_fail(cli, rc, "%s: more than %s", path, fmt_size(SPEC_FILE_MAX).s);
    }
    if (!is_stdin) {
        close(fd);
    }
    return rc;
}

/* Someone gave us something to read: no terminal, and no descriptor that may stay open
 * and silent for ever without anyone's intent, such as a socket. */
static int is_piped(void)
{
    struct stat st;

    return fstat(STDIN_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode));
}

/* Read standard input that nobody asked for by name; say so when nothing comes. */
static int read_piped(struct cli *cli, char **ret_data, size_t *ret_len)
{
    struct pollfd in = {STDIN_FILENO, POLLIN, 0};

    if (poll(&in, 1, SPEC_SILENT_MS) == 0) {
        cli_note(cli, "reading the payload from standard input: --data or < /dev/null if "
                      "there is none");
    }
    return spec_read(cli, "-", ret_data, ret_len);
}

int spec_open(struct cli *cli, const char *path, struct spec_payload *ret_payload)
{
    struct stat st;

    if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
        st.st_size > SPEC_INLINE) {
        ret_payload->file = path;
        ret_payload->len = (size_t) st.st_size;
        return CLI_OK;
    }
    return spec_read(cli, path, &ret_payload->data, &ret_payload->len);
}

int spec_payload(struct cli *cli, const struct spec_args *args, int n, char **operands,
                 int use_stdin, struct spec_payload *ret_payload)
{
    if (args->data != NULL && n > 0) {
        return cli_usage(cli, "give --data or a file, not both");
    }
    if (n > 0) {
        return spec_open(cli, operands[0], ret_payload);
    }
    if (args->data == NULL && use_stdin && is_piped()) {
        return read_piped(cli, &ret_payload->data, &ret_payload->len);
    }
    ret_payload->data = mem_strdup(args->data != NULL ? args->data : "");
    ret_payload->len = strlen(ret_payload->data);
    return CLI_OK;
}

void spec_put_payload(const struct spec_payload *payload, struct weft_job *job)
{
    job->payload = payload->data;
    job->payload_len = payload->file == NULL ? payload->len : 0;
    job->payload_file = payload->file;
}
