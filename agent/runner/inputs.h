/* inputs.h - the files and folders that a run reads
 *
 * Each shows as inputs/NAME in the run's folder: in a sandbox it is bound there,
 * read-only, elsewhere there is a symbolic link.  WEFT_INPUTS names the folder and
 * WEFT_INPUT_NAME the input, in upper case with '_' for '-' and '.'; of two whose
 * variables are the same the first has it.
 */
#ifndef AGENT_RUNNER_INPUTS_H
#define AGENT_RUNNER_INPUTS_H

#include "agent/runner/scratch.h"
#include "agent/runner/wire.h"
#include "common/err.h"

#define INPUTS_FOLDER "inputs"
#define INPUTS_TEXT   (32u << 10)

struct input {
    const char *path;  /* here; borrowed from the request */
    const char *env;   /* WEFT_INPUT_NAME=..., NULL: taken by another */
    const char *shown; /* as the run names it */
};

struct inputs {
    unsigned n;
    struct input v[WIRE_INPUTS_MAX];
    size_t used; /* of `text`; begins with WEFT_INPUTS=... */
    char text[INPUTS_TEXT];
};

/* `dir`: the run's folder as the run sees it.  WEFT_ESPAWN: the text says which is
 * missing, or what of it is wrong. */
int inputs_init(struct inputs *in, const struct wire_list *list, const char *dir,
                struct wf_err *err);

/* Make the folder, and links in it unless they are to be bound.  WEFT_ESPAWN. */
int inputs_place(const struct inputs *in, const struct scratch *s, bool bound,
                 struct wf_err *err);

/* Add the variables.  WEFT_EFULL. */
int inputs_env(const struct inputs *in, struct wire_list *env);

#endif
