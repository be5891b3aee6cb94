#include "agent/runner/cgroup.h"

#include "common/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFIX "weft-"
#define MAIN   "weft-main" /* where agent and runner move, so that limits can be set */

static int put_file(const char *dir, const char *name, const char *text)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = n > 0 && (size_t) n < sizeof path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    ssize_t k;
    int error;

    if (fd < 0) {
        return errno;
    }
    k = write(fd, text, strlen(text));
    error = k < 0 ? errno : 0;
    (void) close(fd);
    return error;
}

static void get_file(const char *dir, const char *name, char *buf, size_t cap)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = n > 0 && (size_t) n < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t k = fd >= 0 ? read(fd, buf, cap - 1) : -1;

    buf[k > 0 ? k : 0] = '\0';
    if (fd >= 0) {
        (void) close(fd);
    }
}

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    const char *p = text;

    while ((p = strstr(p, word)) != NULL) {
        if ((p == text || p[-1] == ' ') &&
            (p[n] == '\0' || strchr(" \n", p[n]) != NULL)) {
            return true;
        }
        p += n;
    }
    return false;
}

/* Folder of our own cgroup in the v2 hierarchy, wherever that is mounted. */
static bool own_folder(char *ret, size_t cap)
{
    char line[PATH_MAX + 512];
    char mount[PATH_MAX] = "";
    char own[PATH_MAX] = "";
    FILE *f = fopen("/proc/self/mounts", "re");
    size_t len;

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char where[PATH_MAX], type[64];

        if (sscanf(line, "%*s %4095s %63s", where, type) == 2 &&
            strcmp(type, "cgroup2") == 0) {
            (void) snprintf(mount, sizeof mount, "%s", where);
        }
    }
    if (f != NULL) {
        (void) fclose(f);
    }
    f = fopen("/proc/self/cgroup", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = '\0';
            (void) snprintf(own, sizeof own, "%.4000s", line + 3);
        }
    }
    if (f != NULL) {
        (void) fclose(f);
    }
    if (mount[0] == '\0' || own[0] != '/') {
        return false;
    }
    len = strlen(own);
    if (len > strlen("/" MAIN) && strcmp(own + len - strlen("/" MAIN), "/" MAIN) == 0) {
        own[len - strlen("/" MAIN)] = '\0';
    }
    return snprintf(ret, cap, "%s%s", mount, strcmp(own, "/") == 0 ? "" : own) <
           (int) cap;
}

/* Whether nobody but our agent and we live in the folder: only then may we rearrange. */
static bool ours_alone(const char *dir)
{
    char buf[256];
    char *p = buf;

    get_file(dir, "cgroup.procs", buf, sizeof buf);
    while (*p != '\0') {
        long pid = strtol(p, &p, 10);

        if (pid != getpid() && pid != getppid()) {
            return false;
        }
        p += strspn(p, "\n");
    }
    return true;
}

/* A cgroup with controllers for its children may hold no process itself, so agent and
 * runner step aside into a leaf. */
static void delegate(const char *dir)
{
    char leaf[PATH_MAX];
    char pid[16];

    if (put_file(dir, "cgroup.subtree_control", "+memory +pids") != EBUSY ||
        !ours_alone(dir) ||
        snprintf(leaf, sizeof leaf, "%s/" MAIN, dir) >= (int) sizeof leaf) {
        return;
    }
    (void) mkdir(leaf, 0755);
    (void) snprintf(pid, sizeof pid, "%d", (int) getppid());
    (void) put_file(leaf, "cgroup.procs", pid);
    (void) put_file(leaf, "cgroup.procs", "0");
    (void) put_file(dir, "cgroup.subtree_control", "+memory +pids");
}

/* Folders of runners that died; those still in use refuse to go. */
static void sweep(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL) {
        char path[PATH_MAX];
        int pid = strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0
                      ? atoi(e->d_name + strlen(PREFIX))
                      : 0;
        struct dirent *r;
        DIR *runs;

        if (pid <= 0 || (kill(pid, 0) == 0 || errno != ESRCH) ||
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= (int) sizeof path) {
            continue;
        }
        runs = opendir(path);
        while (runs != NULL && (r = readdir(runs)) != NULL) {
            if (r->d_type == DT_DIR && r->d_name[0] != '.') {
                (void) unlinkat(dirfd(runs), r->d_name, AT_REMOVEDIR);
            }
        }
        if (runs != NULL) {
            (void) closedir(runs);
        }
        (void) rmdir(path);
    }
    if (d != NULL) {
        (void) closedir(d);
    }
}

/* Whether a process can go there: v1 leftovers and missing rights show only now. */
static bool can_enter(int procs_fd)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(write(procs_fd, "0", 1) == 1 ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

void cgroup_probe(struct cgroup_base *b, const char *choice)
{
    char dir[PATH_MAX];
    char words[512];
    int procs_fd, kill_fd;

    *b = (struct cgroup_base){0};
    if (strcmp(choice, "off") == 0) {
        return;
    }
    if (choice[0] == '/') {
        (void) snprintf(dir, sizeof dir, "%s", choice);
    } else if (!own_folder(dir, sizeof dir)) {
        return;
    }
    if (snprintf(b->path, sizeof b->path, "%s/" PREFIX "%d", dir, (int) getpid()) >=
        (int) sizeof b->path) {
        b->path[0] = '\0';
        return;
    }
    if (mkdir(b->path, 0755) != 0) {
        b->path[0] = '\0';
        return;
    }
    sweep(dir);
    delegate(dir);
    get_file(b->path, "cgroup.controllers", words, sizeof words);
    b->memory = has_word(words, "memory") &&
                put_file(b->path, "cgroup.subtree_control", "+memory") == 0;
    b->pids = has_word(words, "pids") &&
              put_file(b->path, "cgroup.subtree_control", "+pids") == 0;
    /* The first folder shows whether a kill switch is there (Linux 5.14). */
    if (cgroup_make(b, 0, 0, 0, &procs_fd, &kill_fd) != 0 || !can_enter(procs_fd)) {
        /* Without a folder nothing is limited, whatever controllers there are. */
        cgroup_fini(b);
        *b = (struct cgroup_base){0};
    }
    (void) close(procs_fd);
    (void) close(kill_fd);
    cgroup_remove(b, 0);
}

void cgroup_fini(struct cgroup_base *b)
{
    if (b->path[0] != '\0') {
        cgroup_remove(b, 0);
        (void) rmdir(b->path);
    }
}

static bool folder(const struct cgroup_base *b, uint64_t id, char *ret, size_t cap)
{
    return b->path[0] != '\0' &&
           snprintf(ret, cap, "%s/%" PRIx64, b->path, id) < (int) cap;
}

int cgroup_make(const struct cgroup_base *b, uint64_t id, uint64_t mem_bytes,
                uint32_t procs, int *ret_procs_fd, int *ret_kill_fd)
{
    char dir[PATH_MAX];
    char text[32];
    int at;

    *ret_procs_fd = -1;
    *ret_kill_fd = -1;
    if (!folder(b, id, dir, sizeof dir) || (mkdir(dir, 0755) != 0 && errno != EEXIST)) {
        return WEFT_EIO;
    }
    if (b->memory && mem_bytes != 0) {
        (void) snprintf(text, sizeof text, "%" PRIu64, mem_bytes);
        (void) put_file(dir, "memory.max", text);
        (void) put_file(dir, "memory.swap.max", "0");
    }
    if (b->pids && procs != 0) {
        (void) snprintf(text, sizeof text, "%" PRIu32, procs);
        (void) put_file(dir, "pids.max", text);
    }
    at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at >= 0) {
        *ret_procs_fd = openat(at, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        *ret_kill_fd = openat(at, "cgroup.kill", O_WRONLY | O_CLOEXEC);
        (void) close(at);
    }
    return *ret_kill_fd >= 0 ? 0 : WEFT_EIO;
}

void cgroup_kill(const struct cgroup_base *b, uint64_t id)
{
    char dir[PATH_MAX];

    if (folder(b, id, dir, sizeof dir)) {
        (void) put_file(dir, "cgroup.kill", "1");
    }
}

static bool hit(const struct cgroup_base *b, uint64_t id, const char *file,
                const char *key)
{
    char dir[PATH_MAX];
    char text[512];
    const char *p;

    if (!folder(b, id, dir, sizeof dir)) {
        return false;
    }
    get_file(dir, file, text, sizeof text);
    p = strstr(text, key);
    return p != NULL && strtoul(p + strlen(key), NULL, 10) > 0;
}

bool cgroup_hit_memory(const struct cgroup_base *b, uint64_t id)
{
    return b->memory && hit(b, id, "memory.events", "oom_kill ");
}

bool cgroup_hit_pids(const struct cgroup_base *b, uint64_t id)
{
    return b->pids && hit(b, id, "pids.events", "max ");
}

void cgroup_remove(const struct cgroup_base *b, uint64_t id)
{
    char dir[PATH_MAX];

    if (folder(b, id, dir, sizeof dir)) {
        (void) rmdir(dir);
    }
}
