#include "agent/exec/given.h"

#include "agent/exec/work.h"

#include <ctype.h>
#include <string.h>

#define MARK "{input:"

static bool is_name(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char) s[i]) && strchr("._-", s[i]) == NULL) {
            return false;
        }
    }
    return len > 0 && len <= EXEC_NAME_MAX && s[0] != '.';
}

static bool is_below(const char *path, const char *folder)
{
    size_t n = folder != NULL ? strlen(folder) : 0;

    return path[0] == '/' &&
           (n == 0 || (strncmp(path, folder, n) == 0 && path[n] == '/'));
}

int given_check(const struct exec_job *job, const char *below)
{
    if (job->n_inputs > EXEC_INPUTS_MAX) {
        return WEFT_ETOOBIG;
    }
    if (job->payload_path != NULL && !is_below(job->payload_path, below)) {
        return WEFT_EINVAL;
    }
    for (size_t i = 0; i < job->n_inputs; i++) {
        const struct exec_input *in = &job->inputs[i];

        if (!is_name(in->name, strlen(in->name)) || !is_below(in->path, below)) {
            return WEFT_EINVAL;
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(job->inputs[k].name, in->name) == 0) {
                return WEFT_EINVAL;
            }
        }
    }
    return 0;
}

static bool has_input(const struct exec_job *job, const char *name, size_t len)
{
    for (size_t i = 0; i < job->n_inputs; i++) {
        if (strlen(job->inputs[i].name) == len &&
            memcmp(job->inputs[i].name, name, len) == 0) {
            return true;
        }
    }
    return false;
}

/* A run starts in its folder, where `inputs` is: the path is shorter than the mark. */
static int put_word(struct wf_buf *text, const char *word, const struct exec_job *job)
{
    const char *mark;

    while ((mark = strstr(word, MARK)) != NULL) {
        const char *name = mark + strlen(MARK);
        const char *end = strchr(name, '}');
        bool is_input = end != NULL && is_name(name, (size_t) (end - name));

        if (is_input && !has_input(job, name, (size_t) (end - name))) {
            return WEFT_ENOENT;
        }
        (void) wf_buf_put(text, word, (size_t) (mark - word));
        if (is_input) {
            (void) wf_buf_printf(text, "inputs/%.*s", (int) (end - name), name);
            word = end + 1;
        } else {
            (void) wf_buf_put(text, MARK, strlen(MARK));
            word = name;
        }
    }
    return wf_buf_put(text, word, strlen(word) + 1);
}

bool given_lacks(const struct wire_start *s, const struct exec_job *job,
                 char ret_name[EXEC_NAME_MAX + 1])
{
    for (uint32_t i = 0; i < s->argv.n; i++) {
        const char *name = s->argv.v[i];

        while ((name = strstr(name, MARK)) != NULL) {
            size_t len;

            name += strlen(MARK);
            len = strcspn(name, "}");
            if (name[len] == '}' && is_name(name, len) && !has_input(job, name, len)) {
                memcpy(ret_name, name, len);
                ret_name[len] = '\0';
                return true;
            }
        }
    }
    return false;
}

/* Nothing may move once something points to it: all the room is made first. */
static int reserve(const struct wire_start *s, const struct exec_job *job,
                   struct wf_buf *text)
{
    size_t need = 0;

    for (size_t i = 0; i < job->n_inputs; i++) {
        need += strlen(job->inputs[i].name) + strlen(job->inputs[i].path) + 2;
    }
    for (uint32_t i = 0; i < s->argv.n; i++) {
        need += strstr(s->argv.v[i], MARK) != NULL ? strlen(s->argv.v[i]) + 1 : 0;
    }
    /* What is printed passes a terminating zero on its way. */
    return need > 0 ? wf_buf_reserve(text, need + 1) : 0;
}

int given_start(struct wire_start *s, const struct exec_job *job, struct wf_buf *text)
{
    int rc = reserve(s, job, text);

    for (uint32_t i = 0; rc == 0 && i < s->argv.n; i++) {
        const char *word = s->argv.v[i];

        if (strstr(word, MARK) != NULL) {
            s->argv.v[i] = (const char *) text->p + text->len;
            rc = put_word(text, word, job);
        }
    }
    s->inputs.n = 0;
    for (size_t i = 0; rc == 0 && i < job->n_inputs; i++) {
        const char *entry = (const char *) text->p + text->len;
        const struct exec_input *in = &job->inputs[i];

        (void) wf_buf_put(text, in->name, strlen(in->name));
        (void) wf_buf_put(text, "=", 1);
        rc = wf_buf_put(text, in->path, strlen(in->path) + 1);
        if (rc == 0) {
            rc = wire_list_add(&s->inputs, entry);
        }
    }
    return rc;
}

int given_work(const struct exec_job *job, struct wf_buf *b)
{
    int rc = 0;

    if (job->payload_path == NULL && job->n_inputs == 0) {
        return 0;
    }
    rc = work_put_files(b, job->payload_path != NULL ? job->payload_path : "",
                        job->n_inputs);
    for (size_t i = 0; rc == 0 && i < job->n_inputs; i++) {
        rc = work_put_input(b, job->inputs[i].name, job->inputs[i].path);
    }
    return rc;
}
