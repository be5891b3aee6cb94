#include "agent/handlers.h"

#include "agent/config/capability.h"
#include "agent/exec/given.h"
#include "common/mem.h"
#include "common/str.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A run's number there: ours, with its capability below, so that no table is needed. */
#define CAP_BITS 8

struct handlers {
    const struct agent_config *config;
    struct handlers_cbs cbs;
    void *arg;
    struct exec *exec;
    struct exec_pool *pools[WF_CAPS_MAX]; /* NULL: a process for each job */
    struct wire_start specs[];            /* one a capability */
};

static unsigned cap_of(uint64_t id)
{
    return (unsigned) (id & ((1u << CAP_BITS) - 1));
}

/* Whether what is printed to stdout is the result, and not a log beside it. */
static int prints_result(const struct handlers *h, unsigned cap)
{
    return h->pools[cap] == NULL && (h->specs[cap].flags & WIRE_RESULT_FILE) == 0;
}

/* -- what runs tell ------------------------------------------------------------------ */

static void on_started(void *arg, uint64_t id)
{
    struct handlers *h = arg;
    struct node_event ev = {.kind = NODE_RUN_STARTED, .run = id >> CAP_BITS};

    h->cbs.on_event(h->arg, &ev);
}

static void on_output(void *arg, uint64_t id, int stream, const uint8_t *p, size_t len)
{
    struct handlers *h = arg;
    struct node_event ev = {.kind = NODE_RUN_OUTPUT,
                            .run = id >> CAP_BITS,
                            .stream =
                                prints_result(h, cap_of(id)) ? (unsigned) stream : 2,
                            .data = wf_slice_make(p, len)};

    h->cbs.on_event(h->arg, &ev);
}

static int code_of(const struct exec_done *d)
{
    switch (d->reason) {
    case WIRE_R_EXIT:
        return d->code == 0 ? 0 : WEFT_EFAILED;
    case WIRE_R_SIGNAL:
        return WEFT_EFAILED;
    case WIRE_R_WALL:
        return WEFT_EWALL;
    case WIRE_R_CPU:
    case WIRE_R_MEMORY:
    case WIRE_R_PROCS:
        return WEFT_ERESOURCE;
    case WIRE_R_OUTPUT:
        return WEFT_EOUTPUT;
    case WIRE_R_KILLED:
        return WEFT_ECANCELLED;
    case WIRE_R_SPAWN:
        return WEFT_ESPAWN;
    case WIRE_R_LOST:
    case WIRE_R_COUNT:
        break;
    }
    return WEFT_ELOST;
}

/* One line that says how it ended; handlers' text is not trusted with its form. */
static void describe(const struct exec_done *d, char *dst, size_t cap)
{
    if (d->text != NULL && d->text[0] != '\0') {
        (void) wf_str_escape(dst, cap, d->text, strlen(d->text));
    } else if (d->reason == WIRE_R_EXIT) {
        (void) snprintf(dst, cap, "exit status %d", d->code);
    } else if (d->reason == WIRE_R_SIGNAL) {
        const char *name = sigabbrev_np(d->signal);

        (void) snprintf(dst, cap, "killed by signal %d (SIG%s)", d->signal,
                        name != NULL ? name : "?");
    } else {
        (void) snprintf(dst, cap, "%s", wire_reason_name(d->reason));
    }
}

static void on_done(void *arg, uint64_t id, const struct exec_done *d)
{
    struct handlers *h = arg;
    int is_output = prints_result(h, cap_of(id));
    char reason[WF_TEXT_MAX + 1];
    struct run_end end = {
        .code = code_of(d),
        .exit_code = d->code >= 0 && d->code <= 255 ? (unsigned) d->code : 255,
        .term_signal = d->signal >= 0 && d->signal <= 127 ? (unsigned) d->signal : 0,
        .data = wf_slice_make(d->result, d->result_len),
        .has_data = !is_output,
        .cpu_us = d->user_us + d->sys_us,
        .rss = d->maxrss_bytes,
        .cut = d->err_cut + (is_output ? 0 : d->out_cut),
        .warm_us = d->warm_us};
    struct node_event ev = {.kind = NODE_RUN_DONE, .run = id >> CAP_BITS, .end = &end};

    if (end.code != 0) {
        describe(d, reason, sizeof reason);
        end.reason = reason;
    }
    if (d->reason != WIRE_R_EXIT) {
        end.exit_code = 0;
    }
    if (d->result_path != NULL) {
        h->cbs.on_file(h->arg, ev.run, &end, d->result_path, d->result_size);
        return;
    }
    h->cbs.on_event(h->arg, &ev);
}

static void on_warm(void *arg, struct exec_pool *p, bool warm)
{
    struct handlers *h = arg;
    struct node_event ev = {.kind = NODE_WARM, .on = warm};

    while (h->pools[ev.cap] != p) {
        ev.cap++;
    }
    h->cbs.on_event(h->arg, &ev);
}

static void on_info(void *arg, const struct exec_info *info)
{
    struct handlers *h = arg;

    h->cbs.on_info(h->arg, info);
}

/* -- starting and ending ------------------------------------------------------------- */

int handlers_start(struct handlers *h, const struct run *r, struct wf_err *err)
{
    static const struct handlers_files none;

    return handlers_start_with(h, r, &none, err);
}

int handlers_start_with(struct handlers *h, const struct run *r,
                        const struct handlers_files *files, struct wf_err *err)
{
    char id[WF_ID_TEXT], lacks[EXEC_NAME_MAX + 1];
    const struct exec_job job = {.id = wf_id_text(&r->shown.job, id),
                                 .inline_max =
                                     (size_t) wf_min_u64(r->max_result, SIZE_MAX),
                                 .attempt = r->shown.attempt,
                                 .deadline_ms = r->deadline_ms,
                                 .payload = r->payload,
                                 .payload_len = r->payload_len,
                                 .payload_path = files->payload_path,
                                 .inputs = files->inputs,
                                 .n_inputs = files->n_inputs};
    uint64_t number = r->number << CAP_BITS | r->cap;
    int rc = h->pools[r->cap] != NULL
                 ? exec_pool_start(h->pools[r->cap], number, &job)
                 : exec_start(h->exec, number, &h->specs[r->cap], &job);

    if (rc == WEFT_ENOENT && given_lacks(&h->specs[r->cap], &job, lacks)) {
        return wf_err_set(err, WEFT_EINVAL,
                          "the command names an input that the job lacks: %s", lacks);
    }
    return rc != 0 ? handlers_refusal(rc, err) : 0;
}

void handlers_kill(struct handlers *h, uint64_t number, uint32_t grace_ms)
{
    /* The capability is not known here, but there are few. */
    for (unsigned i = 0; i < h->config->ncaps; i++) {
        if (exec_kill(h->exec, number << CAP_BITS | i, grace_ms) == 0) {
            return;
        }
    }
}

int handlers_refusal(int code, struct wf_err *err)
{
    switch (code) {
    case WEFT_EINVAL:
        return wf_err_set(err, code, "an input has a wrong name or path");
    case WEFT_ETOOBIG:
        return wf_err_set(err, code, "%s", wf_err_sentence(code));
    case WEFT_EBUSY:
        return wf_err_set(err, WEFT_ESPAWN, "weft-runner or the workers are not up");
    case WEFT_ENOMEM:
        return wf_err_set(err, WEFT_ESPAWN, "out of memory on the node");
    default:
        return wf_err_set(err, WEFT_ESPAWN, "%s", wf_err_sentence(code));
    }
}

const char *handlers_inputs(const struct handlers *h, unsigned cap)
{
    return h->pools[cap] != NULL ? exec_pool_inputs(h->pools[cap]) : exec_inputs(h->exec);
}

void handlers_set_inline(struct handlers *h, size_t max)
{
    exec_set_inline(h->exec, h->cbs.on_file != NULL ? max : 0);
}

void handlers_warm(struct handlers *h)
{
    for (unsigned i = 0; i < h->config->ncaps; i++) {
        if (h->pools[i] != NULL) {
            exec_pool_warm(h->pools[i]);
        }
    }
}

void handlers_sandbox(const struct handlers *h, struct node_facts *facts)
{
    const struct exec_info *info = exec_info(h->exec);

    (void) wf_str_copy(facts->sandbox, sizeof facts->sandbox,
                       info->up && info->sandbox ? "bwrap" : "none");
    (void) wf_str_escape(facts->sandbox_why, sizeof facts->sandbox_why, info->text,
                         strlen(info->text));
}

/* -- setting up ---------------------------------------------------------------------- */

/* Files that the command names are shown in the sandbox: scripts, models.  One place is
 * for a worker's inputs. */
static void show_files(struct wire_start *s)
{
    struct stat st;

    for (uint32_t i = 1; i < s->argv.n && s->binds.n < WIRE_BINDS_MAX - 1; i++) {
        const char *a = s->argv.v[i];

        if (a[0] == '/' && strncmp(a, "/usr/", 5) != 0 && stat(a, &st) == 0 &&
            S_ISREG(st.st_mode)) {
            (void) wire_list_add(&s->binds, a);
        }
    }
}

static int add_pools(struct handlers *h, struct wf_err *err)
{
    const struct agent_config *c = h->config;

    for (unsigned i = 0; i < c->ncaps; i++) {
        const struct node_capability *n = &c->node.caps[i];
        int rc;

        if (n->kind != WF_HANDLER_WORKER) {
            continue;
        }
        rc = exec_pool_new(h->exec, &h->specs[i], (unsigned) c->caps[i].workers,
                           (unsigned) n->slots, &h->pools[i]);
        if (rc != 0) {
            return wf_err_set(err, rc, "cannot set up the workers of %s", n->name);
        }
    }
    return 0;
}

int handlers_new(uv_loop_t *loop, const struct agent_config *config,
                 const struct handlers_cbs *cbs, void *arg,
                 struct handlers **ret_handlers, struct wf_err *err)
{
    static const struct exec_callbacks exec_cbs = {on_started, on_output, on_done,
                                                   on_info, on_warm};
    char runner[PATH_MAX], inputs[CONFIG_PATH + 8];
    struct exec_opts opts = {.runner = runner,
                             .scratch = config->scratch,
                             .inputs = inputs,
                             .sandbox =
                                 strcmp(config->sandbox, "none") == 0 ? "none" : "auto",
                             .cgroup = config->cgroup};
    struct handlers *h = wf_calloc(1, sizeof *h + config->ncaps * sizeof h->specs[0]);
    int rc;

    if (h == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for the handlers");
    }
    h->config = config;
    h->cbs = *cbs;
    h->arg = arg;
    for (size_t i = 0; i < config->ncaps; i++) {
        h->specs[i] = config->caps[i].spec;
        show_files(&h->specs[i]);
    }
    (void) snprintf(inputs, sizeof inputs, "%s/inputs", config->state);
    rc = handlers_find_runner(config, runner, sizeof runner, err);
    if (rc == 0) {
        rc = exec_new(loop, &opts, &exec_cbs, h, &h->exec, err);
    }
    if (rc == 0) {
        rc = add_pools(h, err);
    }
    if (rc != 0) {
        handlers_free(h);
        return rc;
    }
    *ret_handlers = h;
    return 0;
}

void handlers_free(struct handlers *h)
{
    if (h != NULL) {
        exec_free(h->exec);
        wf_free(h);
    }
}

/* -- finding the runner -------------------------------------------------------------- */

int handlers_find_runner(const struct agent_config *config, char *dst, size_t cap,
                         struct wf_err *err)
{
    static const char *const places[] = {"weft-runner", "runner/weft-runner"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    if (config->runner[0] != '\0') {
        (void) snprintf(dst, cap, "%s", config->runner);
        return capability_is_program(dst)
                   ? 0
                   : wf_err_set(err, WEFT_ECONF, "runner: no program %.160s", dst);
    }
    for (size_t i = 0; slash != NULL && i < ARRAY_LEN(places); i++) {
        if (snprintf(dst, cap, "%.*s/%s", (int) (slash - self), self, places[i]) <
                (int) cap &&
            capability_is_program(dst)) {
            return 0;
        }
    }
    (void) snprintf(dst, cap, "%s", WEFT_LIBEXECDIR "/weft-runner");
    return capability_is_program(dst)
               ? 0
               : wf_err_set(err, WEFT_ECONF,
                            "there is no weft-runner beside this program or "
                            "as %.128s: set `runner`",
                            dst);
}
