#include "agent/runner/inputs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

WF_PRINTF(2, 3) static const char *keep(struct inputs *in, const char *fmt, ...)
{
    char *at = in->text + in->used;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(at, sizeof in->text - in->used, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t) n >= sizeof in->text - in->used) {
        return NULL;
    }
    in->used += (size_t) n + 1;
    return at;
}

/* The name becomes a file's name and part of a variable's. */
static bool name_ok(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char) s[i]) && strchr("._-", s[i]) == NULL) {
            return false;
        }
    }
    return len > 0 && len <= NAME_MAX && s[0] != '.';
}

static const char *variable(struct inputs *in, const char *name, size_t len,
                            const char *dir)
{
    const char *kept = keep(in, "WEFT_INPUT_%.*s=%s/" INPUTS_FOLDER "/%.*s", (int) len,
                            name, dir, (int) len, name);
    char *c = kept != NULL ? in->text + (kept - in->text) + strlen("WEFT_INPUT_") : NULL;

    for (; c != NULL && *c != '='; c++) {
        *c = isalnum((unsigned char) *c) ? (char) toupper((unsigned char) *c) : '_';
    }
    return kept;
}

static bool is_taken(const struct inputs *in, const char *env)
{
    size_t n = strcspn(env, "=") + 1;

    for (unsigned i = 0; i < in->n; i++) {
        if (in->v[i].env != NULL && strncmp(in->v[i].env, env, n) == 0) {
            return true;
        }
    }
    return false;
}

static int add(struct inputs *in, const char *entry, const char *dir, struct wf_err *err)
{
    size_t len = strcspn(entry, "=");
    const char *path = entry[len] != '\0' ? entry + len + 1 : "";
    struct input *x = &in->v[in->n];
    struct stat st;

    if (!name_ok(entry, len) || path[0] != '/') {
        return wf_err_set(err, WEFT_ESPAWN, "input %.80s: not a name and a full path",
                          entry);
    }
    if (stat(path, &st) != 0) {
        return wf_err_set(err, WEFT_ESPAWN, "input %.*s: %s", (int) len, entry,
                          strerror(errno));
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        return wf_err_set(err, WEFT_ESPAWN, "input %.*s: neither a file nor a folder",
                          (int) len, entry);
    }
    x->path = path;
    x->env = variable(in, entry, len, dir);
    if (x->env == NULL) {
        return wf_err_set(err, WEFT_ESPAWN, "inputs: their paths are too long");
    }
    x->shown = strchr(x->env, '=') + 1;
    if (is_taken(in, x->env)) {
        x->env = NULL;
    }
    in->n++;
    return 0;
}

int inputs_init(struct inputs *in, const struct wire_list *list, const char *dir,
                struct wf_err *err)
{
    int rc = 0;

    in->n = 0;
    in->used = 0;
    if (list->n > WIRE_INPUTS_MAX ||
        (list->n > 0 && keep(in, "WEFT_INPUTS=%s/" INPUTS_FOLDER, dir) == NULL)) {
        return wf_err_set(err, WEFT_ESPAWN, "inputs: too many");
    }
    for (uint32_t i = 0; rc == 0 && i < list->n; i++) {
        rc = add(in, list->v[i], dir, err);
    }
    return rc;
}

int inputs_place(const struct inputs *in, const struct scratch *s, bool bound,
                 struct wf_err *err)
{
    int fd = -1;
    int rc = 0;

    if (in->n == 0) {
        return 0;
    }
    if (mkdirat(s->fd, INPUTS_FOLDER, 0700) != 0 ||
        (fd = openat(s->fd, INPUTS_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        return wf_err_set(err, WEFT_ESPAWN, "inputs: %s", strerror(errno));
    }
    for (unsigned i = 0; rc == 0 && !bound && i < in->n; i++) {
        const struct input *x = &in->v[i];

        if (symlinkat(x->path, fd, strrchr(x->shown, '/') + 1) != 0) {
            rc = wf_err_set(err, WEFT_ESPAWN, "inputs: %s", strerror(errno));
        }
    }
    (void) close(fd);
    return rc;
}

int inputs_env(const struct inputs *in, struct wire_list *env)
{
    int rc = in->n > 0 ? wire_list_add(env, in->text) : 0;

    for (unsigned i = 0; rc == 0 && i < in->n; i++) {
        rc = in->v[i].env != NULL ? wire_list_add(env, in->v[i].env) : 0;
    }
    return rc;
}
