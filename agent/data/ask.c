#include "agent/data/ask.h"

#include "agent/data/door.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The name of an error as the agent says it. */
static int code_of(const char *name)
{
    static const int codes[] = {
#define W(name, number, sentence, next) WEFT_##name,
#include "client/include/weft/error.def"
#undef W
    };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (strcmp(wf_err_name(codes[i]), name) == 0) {
            return codes[i];
        }
    }
    return strcmp(name, "OK") == 0 ? 0 : WEFT_EPROTO;
}

static int request_of(const struct ask_opts *o, char line[DOOR_LINE], struct wf_err *err)
{
    char path[PATH_MAX];

    if (strcmp(o->action, "notice") == 0) {
        (void) snprintf(line, DOOR_LINE, "notice %" PRIu64 "\n", o->left_ms);
        return 0;
    }
    if (strcmp(o->action, "add") != 0) {
        int known = strcmp(o->action, "ls") == 0 || strcmp(o->action, "scrub") == 0 ||
                    strcmp(o->action, "stats") == 0;

        if (!known || o->path != NULL || o->in_place) {
            return wf_err_set(err, WEFT_EINVAL,
                              "it is data add PATH [--in-place], data ls, data scrub or "
                              "data stats");
        }
        (void) snprintf(line, DOOR_LINE, "%s\n", o->action);
        return 0;
    }
    if (o->path == NULL) {
        return wf_err_set(err, WEFT_EINVAL, "data add takes a file or a folder");
    }
    if (realpath(o->path, path) == NULL) {
        return wf_err_set(err, errno == ENOENT ? WEFT_ENOENT : WEFT_EIO, "%.128s: %s",
                          o->path, strerror(errno));
    }
    if (strchr(path, '\n') != NULL) {
        return wf_err_set(err, WEFT_EINVAL, "a path with a line feed");
    }
    (void) snprintf(line, DOOR_LINE, "%s %s\n", o->in_place ? "add-in-place" : "add",
                    path);
    return 0;
}

static int call(const char *state, const char *line, FILE **ret_file, struct wf_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int n = snprintf(a.sun_path, sizeof a.sun_path, "%s/" DOOR_NAME, state);
    size_t len = strlen(line);
    FILE *f = NULL;

    if (fd < 0 || n >= (int) sizeof a.sun_path ||
        connect(fd, (struct sockaddr *) &a, sizeof a) != 0) {
        int why = errno;

        (void) close(fd);
        return why == EACCES
                   ? wf_err_set(err, WEFT_EPERM,
                                "the agent of %.128s is another user's: run this as "
                                "that user or as root",
                                state)
                   : wf_err_set(err, WEFT_EUNREACH,
                                "no weft-agent runs with state folder %.128s", state);
    }
    f = fdopen(fd, "r");
    if (f == NULL || send(fd, line, len, MSG_NOSIGNAL) != (ssize_t) len) {
        (void) (f != NULL ? fclose(f) : close(fd));
        return wf_err_set(err, WEFT_EIO, "the agent does not listen: %s",
                          strerror(errno));
    }
    *ret_file = f;
    return 0;
}

/* "end CODE TEXT". */
static int end_of(char *line, struct wf_err *err)
{
    char *text = strchr(line, ' ');
    int code;

    if (text != NULL) {
        *text++ = '\0';
    }
    code = code_of(line);
    return code == 0 ? 0 : wf_err_set(err, code, "%s", text != NULL ? text : "");
}

static int read_all(FILE *f, struct wf_err *err)
{
    static const char end[] = "end ", fail[] = "fail ";
    char *line = NULL, *rest;
    size_t cap = 0;
    ssize_t n;
    unsigned failed = 0;
    int rc = WEFT_ECLOSED, over = 0;

    while (!over && (n = getline(&line, &cap, f)) > 0) {
        line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
        rest = strchr(line, ' ');
        if (strncmp(line, end, sizeof end - 1) == 0) {
            rc = end_of(line + sizeof end - 1, err);
            over = 1;
        } else if (strncmp(line, fail, sizeof fail - 1) == 0) {
            fprintf(stderr, "%s\n", line + sizeof fail - 1);
            failed++;
        } else if (rest != NULL) {
            printf("%s\n", rest + 1);
        }
    }
    free(line);
    if (!over) {
        return wf_err_set(err, WEFT_ECLOSED, "the agent hung up");
    }
    return rc == 0 && failed != 0
               ? wf_err_set(err, WEFT_EIO, "%u files could not be added", failed)
               : rc;
}

int ask_run(const struct ask_opts *o, struct wf_err *err)
{
    char line[DOOR_LINE];
    FILE *f = NULL;
    int rc = request_of(o, line, err);

    if (rc == 0) {
        rc = call(o->state, line, &f, err);
    }
    if (rc != 0) {
        return rc;
    }
    rc = read_all(f, err);
    (void) fclose(f);
    if (fflush(stdout) != 0 && rc == 0) {
        rc = wf_err_set(err, WEFT_EIO, "cannot write: %s", strerror(errno));
    }
    return rc;
}
