#include "agent/runner/launch.h"

#include "agent/runner/init.h"
#include "agent/runner/inputs.h"
#include "agent/runner/result.h"
#include "agent/runner/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAYLOAD_NAME "payload"
#define CHILD_FDS    (INIT_FD_KILL + 1)
#define MOVED_ABOVE                                                                      \
    64 /* where the child parks descriptors before they get their number */

/* What goes into the child, by its number there, and what stays here. */
struct ends {
    int child[CHILD_FDS]; /* -1: none */
    struct launch ours;
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void) close(*fd);
        *fd = -1;
    }
}

/* A descriptor from which `len` bytes can be read, in memory. */
static int memory_file(const uint8_t *p, size_t len)
{
    int fd = memfd_create("weft", MFD_CLOEXEC);
    size_t done = 0;

    while (fd >= 0 && done < len) {
        ssize_t n = write(fd, p + done, len - done);

        if (n <= 0) {
            close_fd(&fd);
            break;
        }
        done += (size_t) n;
    }
    if (fd >= 0) {
        (void) lseek(fd, 0, SEEK_SET);
    }
    return fd;
}

static int payload_in_scratch(const struct wire_start *s, const struct scratch *sc)
{
    int fd = openat(sc->fd, PAYLOAD_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t done = 0;

    while (fd >= 0 && done < s->payload_len) {
        ssize_t n = write(fd, s->payload + done, s->payload_len - done);

        if (n <= 0) {
            close_fd(&fd);
            return -1;
        }
        done += (size_t) n;
    }
    close_fd(&fd);
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A file of somebody else; by name it is a link in the scratch folder, unless it will be
 * bound there. */
static int payload_by_path(const struct wire_start *s, const struct scratch *sc,
                           bool boxed)
{
    struct stat st;
    int fd = open(s->payload_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close_fd(&fd);
        errno = EINVAL;
    }
    if (fd >= 0 && boxed) {
        close_fd(&fd);
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (fd >= 0 && (s->flags & WIRE_PAYLOAD_FILE) != 0 &&
        symlinkat(s->payload_path, sc->fd, PAYLOAD_NAME) != 0) {
        close_fd(&fd);
    }
    return fd;
}

static int open_payload(const struct wire_start *s, const struct scratch *sc, bool boxed)
{
    if (s->payload_path[0] != '\0') {
        return payload_by_path(s, sc, boxed);
    }
    if ((s->flags & WIRE_PAYLOAD_FILE) != 0) {
        return payload_in_scratch(s, sc);
    }
    if (s->payload_len == 0) {
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    return memory_file(s->payload, s->payload_len);
}

static int pipe_pair(int *ret_ours, int *ret_theirs)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0) {
        return -1;
    }
    (void) fcntl(fds[0], F_SETFL, O_NONBLOCK);
    *ret_ours = fds[0];
    *ret_theirs = fds[1];
    return 0;
}

static int socket_pair(int type, int *ret_ours, int *ret_theirs)
{
    int fds[2];

    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) != 0) {
        return -1;
    }
    (void) fcntl(fds[0], F_SETFL, O_NONBLOCK);
    *ret_ours = fds[0];
    *ret_theirs = fds[1];
    return 0;
}

/* The complete environment; `text` holds what is made here. */
struct environment {
    struct wire_list list;
    char home[PATH_MAX + 8];
    char tmp[PATH_MAX + 8];
    char result[PATH_MAX + 32];
    char results[PATH_MAX + 32];
    char payload[PATH_MAX + 32];
    struct inputs inputs;
};

static void env_default(struct environment *e, const struct wire_list *given,
                        const char *entry)
{
    size_t n = strcspn(entry, "=") + 1;

    for (uint32_t i = 0; i < given->n; i++) {
        if (strncmp(given->v[i], entry, n) == 0) {
            return;
        }
    }
    (void) wire_list_add(&e->list, entry);
}

static int make_env(struct environment *e, const struct wire_start *s, const char *dir)
{
    e->list.n = 0;
    (void) snprintf(e->home, sizeof e->home, "HOME=%s", dir);
    (void) snprintf(e->tmp, sizeof e->tmp, "TMPDIR=%s", dir);
    (void) snprintf(e->result, sizeof e->result, "WEFT_RESULT=%s/" RESULT_NAME, dir);
    (void) snprintf(e->results, sizeof e->results, "WEFT_RESULTS=%s", dir);
    (void) snprintf(e->payload, sizeof e->payload, "WEFT_PAYLOAD=%s/" PAYLOAD_NAME, dir);
    env_default(e, &s->env, "PATH=/usr/local/bin:/usr/bin:/bin");
    env_default(e, &s->env, e->home);
    env_default(e, &s->env, e->tmp);
    env_default(e, &s->env, "LANG=C.UTF-8");
    env_default(e, &s->env, s->kind == WIRE_WORKER ? e->results : e->result);
    if ((s->flags & WIRE_PAYLOAD_FILE) != 0) {
        env_default(e, &s->env, e->payload);
    }
    if (inputs_env(&e->inputs, &e->list) != 0) {
        return WEFT_ETOOBIG;
    }
    for (uint32_t i = 0; i < s->env.n; i++) {
        if (wire_list_add(&e->list, s->env.v[i]) != 0) {
            return WEFT_ETOOBIG;
        }
    }
    return 0;
}

/* The spec for an init that is exec'ed: argv, env and limits in a memory file. */
static int spec_file(const struct wire_start *s)
{
    static struct wire_msg m;
    struct wf_buf b = WF_BUF_INIT(WIRE_FRAME_MAX);
    int fd = -1;

    m.type = WIRE_START;
    m.u.start = *s;
    m.u.start.payload_path = s->payload_path[0] != '\0' ? SANDBOX_PAYLOAD : "";
    m.u.start.payload_len = 0;
    if (wire_encode(&b, &m) == 0) {
        fd = memory_file(b.p, b.len);
    }
    wf_buf_fini(&b);
    return fd;
}

static void child_fail(int ctl, const char *what)
{
    struct init_report r = {.event = INIT_FAILED, .error = errno};

    (void) snprintf(r.what, sizeof r.what, "%s", what);
    (void) send(ctl, &r, sizeof r, MSG_NOSIGNAL);
    _exit(0);
}

/* Give each descriptor its number; everything else is closed. */
static void place_fds(const struct ends *e)
{
    int parked[CHILD_FDS];

    for (int i = 0; i < CHILD_FDS; i++) {
        parked[i] = e->child[i] >= 0 ? fcntl(e->child[i], F_DUPFD, MOVED_ABOVE) : -1;
        if (e->child[i] >= 0 && parked[i] < 0) {
            child_fail(e->child[INIT_FD_CTL], "descriptors");
        }
    }
    for (int i = 0; i < CHILD_FDS; i++) {
        if (parked[i] >= 0) {
            (void) dup2(parked[i], i);
        } else {
            (void) close(i);
        }
    }
    (void) close_range(CHILD_FDS, ~0U, 0);
}

/* A view of /proc that fits the PID namespace; without it (masked by a container) the
 * run sees the host's. */
static void own_proc(void)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0) {
        (void) mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    }
}

static void child_main(const struct host *h, const struct wire_start *s, const char *dir,
                       const struct ends *e, const struct sandbox_argv *a, uid_t uid,
                       gid_t gid)
{
    struct init_opts o = {.spec = s, .dir = dir, .pidns = h->pidns};

    if (a != NULL || h->pidns) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    if (a == NULL && h->userns && host_map_user(uid, gid) != 0) {
        child_fail(e->child[INIT_FD_CTL], "user namespace");
    }
    o.nproc_exact = !h->root && h->userns;
    place_fds(e);
    if (a == NULL) {
        if (h->pidns) {
            own_proc();
        }
        init_main(&o);
    }
    (void) execv(h->bwrap, (char **) (uintptr_t) a->v);
    child_fail(INIT_FD_CTL, "bwrap");
}

static int make_ends(struct ends *e, const struct host *h, const struct wire_start *s,
                     const struct scratch *sc, struct wf_err *err)
{
    e->child[0] = open_payload(s, sc, e->ours.sandboxed);
    if (e->child[0] < 0) {
        return wf_err_set(err, WEFT_ESPAWN, "payload: %s", strerror(errno));
    }
    if (pipe_pair(&e->ours.out, &e->child[1]) != 0 ||
        pipe_pair(&e->ours.err, &e->child[2]) != 0 ||
        socket_pair(SOCK_SEQPACKET, &e->ours.ctl, &e->child[INIT_FD_CTL]) != 0 ||
        (s->kind == WIRE_WORKER &&
         socket_pair(SOCK_STREAM, &e->ours.worker, &e->child[INIT_FD_WORKER]) != 0)) {
        return wf_err_set(err, WEFT_ESPAWN, "descriptors: %s", strerror(errno));
    }
    (void) cgroup_make(&h->cg, s->run, s->limits.mem_bytes, s->limits.procs,
                       &e->child[INIT_FD_PROCS], &e->child[INIT_FD_KILL]);
    return 0;
}

static void make_sandbox(struct sandbox_argv *a, const struct host *h,
                         const struct wire_start *s, const struct scratch *sc,
                         const struct inputs *inputs)
{
    const struct sandbox_opts o = {
        .bwrap = h->bwrap,
        .self = h->self,
        .command = h->root ? "--init" : "--init-nproc",
        .program = s->argv.v[0],
        .scratch = sc->path,
        .payload = s->payload_path[0] != '\0' ? s->payload_path : NULL,
        .binds = &s->binds,
        .inputs = inputs,
        .network = (s->flags & WIRE_NETWORK) != 0,
    };

    sandbox_argv(a, &o);
}

static int start(const struct host *h, const struct wire_start *s,
                 const struct scratch *sc, struct ends *e, struct wf_err *err)
{
    static struct environment env;
    static struct wire_start full;
    static struct sandbox_argv argv;
    bool boxed = e->ours.sandboxed;
    const char *dir = boxed ? SANDBOX_SCRATCH : sc->path;
    uid_t uid = geteuid();
    gid_t gid = getegid();

    if (inputs_init(&env.inputs, &s->inputs, dir, err) != 0 ||
        inputs_place(&env.inputs, sc, boxed, err) != 0) {
        return WEFT_ESPAWN;
    }
    if (make_env(&env, s, dir) != 0) {
        return wf_err_set(err, WEFT_ESPAWN, "environment: too many variables");
    }
    full = *s;
    full.env = env.list;
    if (boxed) {
        make_sandbox(&argv, h, s, sc, &env.inputs);
        e->child[INIT_FD_SPEC] = spec_file(&full);
        if (e->child[INIT_FD_SPEC] < 0) {
            return wf_err_set(err, WEFT_ESPAWN, "spec: %s", strerror(errno));
        }
    }
    e->ours.pid = host_clone(boxed ? 0 : host_clone_flags(h));
    if (e->ours.pid == 0) {
        child_main(h, &full, boxed ? NULL : sc->path, e, boxed ? &argv : NULL, uid, gid);
        _exit(127);
    }
    return e->ours.pid > 0 ? 0
                           : wf_err_set(err, WEFT_ESPAWN, "clone: %s", strerror(errno));
}

int launch_run(const struct host *h, const struct wire_start *s, const struct scratch *sc,
               struct launch *ret, struct wf_err *err)
{
    struct ends e = {.ours = {.ctl = -1, .out = -1, .err = -1, .worker = -1}};
    int rc;

    if (s->sandbox == WIRE_SANDBOX_REQUIRED && h->bwrap == NULL) {
        return wf_err_set(err, WEFT_ESUPPORT,
                          "sandbox required, but this node has none: %.180s", h->text);
    }
    e.ours.sandboxed = s->sandbox != WIRE_SANDBOX_NONE && h->bwrap != NULL;
    for (int i = 0; i < CHILD_FDS; i++) {
        e.child[i] = -1;
    }
    rc = make_ends(&e, h, s, sc, err);
    if (rc == 0) {
        rc = start(h, s, sc, &e, err);
    }
    for (int i = 0; i < CHILD_FDS; i++) {
        close_fd(&e.child[i]);
    }
    if (rc != 0) {
        close_fd(&e.ours.ctl);
        close_fd(&e.ours.out);
        close_fd(&e.ours.err);
        close_fd(&e.ours.worker);
        cgroup_remove(&h->cg, s->run);
        return rc;
    }
    *ret = e.ours;
    return 0;
}
