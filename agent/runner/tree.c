#include "agent/runner/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct walk {
    unsigned n;
    struct {
        pid_t pid;
        unsigned level;
    } v[TREE_MAX]; /* breadth first; v[0] is the root */
};

static size_t read_file(const char *path, char *buf, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, buf, cap - 1) : -1;

    if (fd >= 0) {
        (void) close(fd);
    }
    buf[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t) n : 0;
}

static void add_children(struct walk *w, pid_t pid, const char *tid, unsigned level)
{
    char path[80];
    char buf[8192];
    const char *p = buf;

    (void) snprintf(path, sizeof path, "/proc/%d/task/%.16s/children", (int) pid, tid);
    (void) read_file(path, buf, sizeof buf);
    while (w->n < TREE_MAX) {
        char *end;
        long child = strtol(p, &end, 10);

        /* A number cut off by the end of the buffer has no blank after it. */
        if (end == p || *end != ' ' || child <= 1) {
            break;
        }
        w->v[w->n].pid = (pid_t) child;
        w->v[w->n].level = level;
        w->n++;
        p = end + 1;
    }
}

static void expand(struct walk *w, unsigned i)
{
    char path[64];
    struct dirent *e;
    DIR *d;

    (void) snprintf(path, sizeof path, "/proc/%d/task", (int) w->v[i].pid);
    d = opendir(path);
    if (d == NULL) {
        return;
    }
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            add_children(w, w->v[i].pid, e->d_name, w->v[i].level + 1);
        }
    }
    (void) closedir(d);
}

static void walk(struct walk *w, pid_t root)
{
    w->n = 1;
    w->v[0].pid = root;
    w->v[0].level = 0;
    for (unsigned i = 0; i < w->n; i++) {
        expand(w, i);
    }
}

static uint64_t anonymous_bytes(pid_t pid)
{
    char path[48];
    char buf[128];
    unsigned long size, resident, shared;

    (void) snprintf(path, sizeof path, "/proc/%d/statm", (int) pid);
    (void) read_file(path, buf, sizeof buf);
    if (sscanf(buf, "%lu %lu %lu", &size, &resident, &shared) != 3 || shared > resident) {
        return 0;
    }
    return (uint64_t) (resident - shared) * (uint64_t) sysconf(_SC_PAGESIZE);
}

/* 48 KiB, too much for a stack that a signal may have to share; one thread only. */
static struct walk scratch;

void tree_measure(pid_t root, unsigned skip, struct tree_use *ret)
{
    ret->procs = 0;
    ret->mem_bytes = 0;
    walk(&scratch, root);
    for (unsigned i = 0; i < scratch.n; i++) {
        if (scratch.v[i].level > skip) {
            ret->procs++;
            ret->mem_bytes += anonymous_bytes(scratch.v[i].pid);
        }
    }
}

/* SIGKILL goes to the group as well, unless it is ours. */
static void signal_one(pid_t pid, int sig)
{
    pid_t group = sig == SIGKILL ? getpgid(pid) : -1;

    (void) kill(pid, sig);
    if (group > 1 && group != getpgrp()) {
        (void) kill(-group, sig);
    }
}

unsigned tree_signal(pid_t root, int sig)
{
    walk(&scratch, root);
    for (unsigned i = 1; i < scratch.n; i++) {
        signal_one(scratch.v[i].pid, sig);
    }
    return scratch.n - 1;
}

void tree_kill(pid_t root)
{
    (void) tree_signal(root, SIGKILL);
    signal_one(root, SIGKILL);
}

unsigned tree_children(pid_t pid, pid_t *ret, unsigned cap)
{
    unsigned n = 0;

    scratch.n = 1;
    scratch.v[0].pid = pid;
    scratch.v[0].level = 0;
    expand(&scratch, 0);
    for (unsigned i = 1; i < scratch.n && n < cap; i++) {
        ret[n++] = scratch.v[i].pid;
    }
    return n;
}
