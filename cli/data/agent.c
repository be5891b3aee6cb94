#include "cli/data/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/tool/fmt.h"
#include "cli/tool/mem.h"

extern char **environ;

int agent_line(struct agent_files *files, const char *line)
{
    struct weft_file file = {.path = NULL};
    char digest[WEFT_DIGEST_TEXT], number[24];
    const char *size, *path;
    size_t len;

    size = strchr(line, ' ');
    path = size != NULL ? strchr(size + 1, ' ') : NULL;
    if (path == NULL || size - line != WEFT_DIGEST_TEXT - 1 || path[1] == '\0') {
        return -1;
    }
    len = (size_t) (path - size - 1);
    snprintf(digest, sizeof(digest), "%s", line);
    snprintf(number, sizeof(number), "%.*s", (int) (len < 20 ? len : 0), size + 1);
    if (weft_digest_parse(digest, &file.digest) < 0 ||
        fmt_parse_uint(number, &file.size) < 0) {
        return -1;
    }
    file.path = mem_strdup(path + 1);
    files->v = mem_grow(files->v, &files->cap, files->n + 1, sizeof(*files->v));
    files->v[files->n++] = file;
    return 0;
}

void agent_files_fini(struct agent_files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        free((void *) (uintptr_t) files->v[i].path);
    }
    free(files->v);
    memset(files, 0, sizeof(*files));
}

static int start(const char *const *argv, int out, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int rc;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    rc = posix_spawnp(ret_pid, argv[0], &actions, NULL, (char *const *) (uintptr_t) argv,
                      environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* All its lines.  -1: one of them is none. */
static int read_lines(int fd, struct agent_files *files)
{
    FILE *f = fdopen(fd, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int rc = 0;

    if (f == NULL) {
        close(fd);
        return -1;
    }
    while ((n = getline(&line, &cap, f)) > 0) {
        line[n - 1] = line[n - 1] == '\n' ? '\0' : line[n - 1];
        rc = rc == 0 ? agent_line(files, line) : rc;
    }
    free(line);
    fclose(f);
    return rc;
}

int agent_add(struct cli *cli, const char *path, const char *config, int in_place,
              struct agent_files *files)
{
    const char *argv[8] = {"weft-agent", "data", "add"};
    int argc = 4, fds[2], status = 0, rc;
    char *dashed = NULL;
    pid_t pid;

    if (in_place) {
        argv[argc++] = "--in-place";
    }
    if (config != NULL) {
        argv[argc++] = "--config";
        argv[argc++] = config;
    }
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return cli_fail(cli, WEFT_EIO, "%s", strerror(errno));
    }
    if (*path == '-') { /* else it would look like an option */
        dashed = mem_printf("./%s", path);
    }
    argv[3] = dashed != NULL ? dashed : path;
    rc = start(argv, fds[1], &pid);
    free(dashed);
    close(fds[1]);
    if (rc != 0) {
        close(fds[0]);
        return cli_fail_next(cli, WEFT_ENOENT,
                             "run this on the node that has the files, with weft-agent "
                             "in PATH",
                             "weft-agent: %s", strerror(rc));
    }
    rc = read_lines(fds[0], files);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) {
        return cli_fail_next(cli, WEFT_EIO, "see what weft-agent says above",
                             "weft-agent did not add all of %s", path);
    }
    return rc == 0 ? CLI_OK
                   : cli_fail_next(cli, WEFT_EPROTO,
                                   "install weft and weft-agent of one version",
                                   "weft-agent prints something else than it should");
}
