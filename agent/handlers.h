/* handlers.h - the capabilities of agent.conf as things that run
 *
 * Between the core's START and KILL and agent/exec.h: knows which capability runs how,
 * and turns what the runner and the workers tell into the core's events.  Each START
 * accepted gives exactly one NODE_RUN_DONE, later; one that is not accepted gives none.
 */
#ifndef AGENT_HANDLERS_H
#define AGENT_HANDLERS_H

#include "agent/config.h"
#include "agent/core/event.h"
#include "agent/core/runs.h"
#include "agent/exec.h"

struct handlers;

struct handlers_cbs {
    /* NODE_RUN_STARTED, NODE_RUN_OUTPUT, NODE_RUN_DONE, NODE_WARM; borrowed. */
    void (*on_event)(void *arg, struct node_event *ev);
    /* The runner came up or went away. */
    void (*on_info)(void *arg, const struct exec_info *info);
    /* A run ended well, with its result in a file: `path` (absolute, borrowed) names it
     * and the file is the callee's, who unlinks it.  Comes instead of NODE_RUN_DONE,
     * which the callee gives, with `end`, once it has stored the bytes.  NULL: results
     * are never files. */
    void (*on_file)(void *arg, uint64_t number, const struct run_end *end,
                    const char *path, uint64_t size);
};

/* What a run is given by path. */
struct handlers_files {
    const struct exec_input *inputs;
    size_t n_inputs;
    const char *payload_path; /* instead of the run's bytes; NULL: none */
};

/* `config` is borrowed for the handlers' life.  WEFT_ENOMEM, WEFT_ESPAWN. */
int handlers_new(uv_loop_t *loop, const struct agent_config *config,
                 const struct handlers_cbs *cbs, void *arg,
                 struct handlers **ret_handlers, struct wf_err *err);

/* End every run; no callback runs any more.  NULL is allowed. */
void handlers_free(struct handlers *h);

/* 0, or why it cannot be started, as NODE_RUN_DONE is to say it. */
int handlers_start(struct handlers *h, const struct run *r, struct wf_err *err);
int handlers_start_with(struct handlers *h, const struct run *r,
                        const struct handlers_files *files, struct wf_err *err);
void handlers_kill(struct handlers *h, uint64_t number, uint32_t grace_ms);

/* The folder in which the files of a capability's runs are prepared: `inputs` in the
 * state folder, beside the blobs, so that they can be hard links.  It begins empty. */
const char *handlers_inputs(const struct handlers *h, unsigned cap);

/* Results above this come as files, where on_file is set; 0 (the beginning): none. */
void handlers_set_inline(struct handlers *h, size_t max);

/* What NODE_RUN_DONE says of a run that could not be started with this code: fills `err`
 * and returns its code, which is another. */
int handlers_refusal(int code, struct wf_err *err);

/* How runs are confined here, as facts. */
void handlers_sandbox(const struct handlers *h, struct node_facts *facts);

/* Start the workers that the first jobs will want. */
void handlers_warm(struct handlers *h);

/* Where weft-runner is: as configured, beside this program, or as installed. */
int handlers_find_runner(const struct agent_config *config, char *dst, size_t cap,
                         struct wf_err *err);

#endif
