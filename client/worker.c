#include "client/include/weft/worker.h"

#include "client/include/weft/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define HEAD        5 /* length and type */
#define FRAME_MAX   ((1u << 20) + (64u << 10))
#define RESULT_MAX  (1u << 20)
#define OUTPUT_MAX  (64u << 10)
#define READ_CHUNK  (256u << 10)
#define WRITE_BATCH (64u << 10)
#define ID_MAX      64
#define CANCELS     256

/* Results wait for company this long, and not at all after a job that took longer: what
 * comes next may take as long again. */
#define HOLD_US 200

/* Where a file that is a result goes; an agent that knows version 1 alone sets no such
 * variable. */
#define RESULTS "WEFT_RESULTS"

enum {
    HELLO = 1,
    JOB = 2,
    OUTPUT = 3,
    RESULT = 4,
    CANCEL = 5,
    JOB_FILES = 6,
    RESULT_FILE = 7
};

struct bytes {
    uint8_t *p;
    size_t len;
    size_t cap;
};

struct worker {
    int fd;
    struct bytes in;
    size_t taken;   /* bytes of `in` that were worked on */
    size_t scanned; /* bytes of `in` that were searched for CANCEL */
    struct bytes out;
    struct bytes files; /* of the job under way: the payload's path, then name and path of
                         * each input, each with its zero */
    void *map;          /* of a payload that is a file, once it was asked for */
    size_t map_len;
    uint64_t out_since_us; /* when the first waiting result was put into `out` */
    unsigned cancels;      /* how many were ever noted */
    uint32_t cancel[CANCELS];
};

struct weft_worker_job {
    struct worker *w;
    uint32_t ref;
    uint32_t attempt;
    uint64_t deadline_ms;
    char id[ID_MAX + 1];
    size_t payload_at; /* from `taken`: the buffer may move */
    size_t payload_len;
    unsigned inputs;
    int has_file; /* the result is the file of that name in RESULTS */
    char file[32];
    size_t result_at; /* start of the RESULT frame in `result` */
    struct bytes *result;
};

static uint64_t now_us(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000u + (uint64_t) t.tv_nsec / 1000u;
}

static int reserve(struct bytes *b, size_t len)
{
    size_t cap = b->cap != 0 ? b->cap : 4096;
    uint8_t *p;

    if (len <= b->cap - b->len) {
        return 0;
    }
    while (cap - b->len < len) {
        if (cap > SIZE_MAX / 2) {
            return WEFT_ENOMEM;
        }
        cap *= 2;
    }
    p = realloc(b->p, cap);
    if (p == NULL) {
        return WEFT_ENOMEM;
    }
    b->p = p;
    b->cap = cap;
    return 0;
}

static void put(struct bytes *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        b->p[b->len++] = (uint8_t) (v >> (8 * i));
    }
}

static void put_bytes(struct bytes *b, const void *p, size_t len)
{
    if (len > 0) {
        memcpy(b->p + b->len, p, len);
        b->len += len;
    }
}

static uint64_t get(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    while (n > 0) {
        v = v << 8 | p[--n];
    }
    return v;
}

static int flush(struct worker *w)
{
    size_t done = 0;

    while (done < w->out.len) {
        ssize_t n = send(w->fd, w->out.p + done, w->out.len - done, MSG_NOSIGNAL);

        if (n > 0) {
            done += (size_t) n;
        } else if (n < 0 && errno != EINTR) {
            w->out.len = 0;
            return WEFT_EIO;
        }
    }
    w->out.len = 0;
    return 0;
}

/* Whole length of the frame at `at`, 0 when it is not all there yet. */
static int frame_at(const struct worker *w, size_t at, size_t *ret_total)
{
    size_t left = w->in.len - at;
    uint64_t n = left >= 4 ? get(w->in.p + at, 4) : 0;

    *ret_total = 0;
    if (left < 4) {
        return 0;
    }
    if (n == 0 || n > FRAME_MAX) {
        return WEFT_EPROTO;
    }
    if (n <= left - 4) {
        *ret_total = (size_t) n + 4;
    }
    return 0;
}

/* A CANCEL overtakes the jobs that wait in front of it. */
static int scan(struct worker *w)
{
    size_t total;
    int rc;

    while ((rc = frame_at(w, w->scanned, &total)) == 0 && total > 0) {
        const uint8_t *p = w->in.p + w->scanned;

        if (p[4] == CANCEL && total == HEAD + 4) {
            w->cancel[w->cancels++ % CANCELS] = (uint32_t) get(p + HEAD, 4);
        }
        w->scanned += total;
    }
    return rc;
}

static int is_cancelled(const struct worker *w, uint32_t ref)
{
    unsigned n = w->cancels < CANCELS ? w->cancels : CANCELS;

    for (unsigned i = 0; i < n; i++) {
        if (w->cancel[i] == ref) {
            return 1;
        }
    }
    return 0;
}

/* Read what there is.  1: something, 0: the agent closed, WEFT_EAGAIN: nothing now. */
static int fill(struct worker *w, int flags)
{
    ssize_t n;
    int rc;

    if (reserve(&w->in, READ_CHUNK) != 0) {
        return WEFT_ENOMEM;
    }
    do {
        n = recv(w->fd, w->in.p + w->in.len, w->in.cap - w->in.len, flags);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? WEFT_EAGAIN : WEFT_EIO;
    }
    w->in.len += (size_t) n;
    rc = scan(w);
    return rc != 0 ? rc : n > 0;
}

static void end_result(struct weft_worker_job *job, int code)
{
    struct bytes *b = job->result;
    uint64_t n = b->len - job->result_at - 4;

    for (size_t i = 0; i < 4; i++) {
        b->p[job->result_at + i] = (uint8_t) (n >> (8 * i));
        b->p[job->result_at + HEAD + 4 + i] = (uint8_t) ((uint32_t) code >> (8 * i));
    }
}

static int start_result(struct weft_worker_job *job)
{
    struct bytes *b = job->result;

    if (reserve(b, HEAD + 8) != 0) {
        return WEFT_ENOMEM;
    }
    job->result_at = b->len;
    put(b, 0, 4);
    put(b, RESULT, 1);
    put(b, job->ref, 4);
    put(b, 0, 4); /* the code, filled in at the end */
    return 0;
}

/* Copy a text with a length of `width` bytes to `files`. */
static int keep_text(struct worker *w, const uint8_t *p, size_t *at, size_t total,
                     size_t width)
{
    size_t n = total - *at >= width ? (size_t) get(p + *at, width) : total;

    if (n >= total || n > total - *at - width) {
        return WEFT_EPROTO;
    }
    if (reserve(&w->files, n + 1) != 0) {
        return WEFT_ENOMEM;
    }
    put_bytes(&w->files, p + *at + width, n);
    put(&w->files, 0, 1);
    *at += width + n;
    return 0;
}

/* What is given by path stands between the id and the payload. */
static int decode_files(struct worker *w, const uint8_t *p, size_t total,
                        struct weft_worker_job *ret)
{
    size_t at = ret->payload_at;
    int rc = keep_text(w, p, &at, total, 2);

    if (rc == 0 && at == total) {
        rc = WEFT_EPROTO;
    }
    ret->inputs = rc == 0 ? p[at++] : 0;
    for (unsigned i = 0; rc == 0 && i < 2 * ret->inputs; i++) {
        rc = keep_text(w, p, &at, total, i % 2 == 0 ? 1 : 2);
    }
    ret->payload_at = at;
    ret->payload_len = total - at;
    return rc;
}

static int decode_job(struct worker *w, const uint8_t *p, size_t total,
                      struct weft_worker_job *ret)
{
    size_t fixed = HEAD + 4 + 4 + 8 + 1;
    size_t id_len = total >= fixed ? p[fixed - 1] : ID_MAX + 1;

    if (id_len > ID_MAX || total - fixed < id_len) {
        return WEFT_EPROTO;
    }
    ret->w = w;
    ret->ref = (uint32_t) get(p + HEAD, 4);
    ret->attempt = (uint32_t) get(p + HEAD + 4, 4);
    ret->deadline_ms = get(p + HEAD + 8, 8);
    memcpy(ret->id, p + fixed, id_len);
    ret->id[id_len] = '\0';
    ret->payload_at = fixed + id_len;
    ret->payload_len = total - fixed - id_len;
    (void) snprintf(ret->file, sizeof ret->file, "weft-result-%08lx",
                    (unsigned long) ret->ref);
    w->files.len = 0;
    return p[4] == JOB_FILES ? decode_files(w, p, total, ret) : 0;
}

static int result_path(const struct weft_worker_job *job, char dst[PATH_MAX])
{
    const char *dir = getenv(RESULTS);
    int n = dir != NULL ? snprintf(dst, PATH_MAX, "%s/%s", dir, job->file) : -1;

    return n > 0 && n < PATH_MAX ? 0 : WEFT_ESUPPORT;
}

/* Once the function has returned: the frame that says how it went. */
static int conclude(struct weft_worker_job *job, int code)
{
    char path[PATH_MAX];

    if (job->w->map != NULL) {
        (void) munmap(job->w->map, job->w->map_len + 1);
        job->w->map = NULL;
    }
    if (job->has_file && code != 0 && result_path(job, path) == 0) {
        (void) unlink(path);
    }
    if (!job->has_file || code != 0) {
        end_result(job, code < 0 ? -code : code);
        return 0;
    }
    job->result->len = job->result_at;
    if (reserve(job->result, HEAD + 4 + sizeof job->file) != 0) {
        return WEFT_ENOMEM;
    }
    put(job->result, 1 + 4 + strlen(job->file), 4);
    put(job->result, RESULT_FILE, 1);
    put(job->result, job->ref, 4);
    put_bytes(job->result, job->file, strlen(job->file));
    return 0;
}

/* The result grows in a buffer of its own, as output of the job goes out before it. */
static int do_job(struct worker *w, size_t total, struct bytes *result,
                  weft_worker_fn *fn, void *arg)
{
    struct weft_worker_job job = {.result = result};
    uint64_t begun_us = now_us();
    uint64_t ended_us;
    int code = -WEFT_ECANCELLED;
    int rc = decode_job(w, w->in.p + w->taken, total, &job);

    result->len = 0;
    if (rc != 0 || (rc = start_result(&job)) != 0) {
        return rc;
    }
    if (!is_cancelled(w, job.ref)) {
        code = fn(&job, arg);
    }
    rc = conclude(&job, code);
    if (rc != 0 || reserve(&w->out, result->len) != 0) {
        return WEFT_ENOMEM;
    }
    ended_us = now_us();
    if (w->out.len == 0) {
        w->out_since_us = ended_us;
    }
    put_bytes(&w->out, result->p, result->len);
    if (w->out.len > WRITE_BATCH || ended_us - begun_us > HOLD_US ||
        ended_us - w->out_since_us > HOLD_US) {
        return flush(w);
    }
    return 0;
}

/* Work on all whole frames that are there. */
static int work(struct worker *w, struct bytes *result, weft_worker_fn *fn, void *arg)
{
    size_t total;
    int rc;

    while ((rc = frame_at(w, w->taken, &total)) == 0 && total > 0) {
        uint8_t type = w->in.p[w->taken + 4];

        if (type == JOB || type == JOB_FILES) {
            rc = do_job(w, total, result, fn, arg);
        } else if (type != CANCEL) {
            rc = WEFT_EPROTO;
        }
        if (rc != 0) {
            return rc;
        }
        w->taken += total;
    }
    return rc;
}

static void compact(struct worker *w)
{
    memmove(w->in.p, w->in.p + w->taken, w->in.len - w->taken);
    w->in.len -= w->taken;
    w->scanned -= w->taken;
    w->taken = 0;
}

static int say_hello(struct worker *w, unsigned concurrency)
{
    if (reserve(&w->out, HEAD + 4) != 0) {
        return WEFT_ENOMEM;
    }
    put(&w->out, 1 + 4, 4);
    put(&w->out, HELLO, 1);
    put(&w->out, getenv(RESULTS) != NULL ? 2 : 1, 2);
    put(&w->out, concurrency, 2);
    return flush(w);
}

int weft_worker_run(const struct weft_worker_options *options, weft_worker_fn *fn,
                    void *arg)
{
    struct weft_worker_options o = WEFT_WORKER_OPTIONS_INIT;
    struct bytes result = {NULL, 0, 0};
    struct worker *w;
    int rc;

    if (options != NULL) {
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    }
    if (fn == NULL || o.concurrency == 0 || o.concurrency > 1024) {
        return WEFT_EINVAL;
    }
    w = calloc(1, sizeof *w);
    if (w == NULL) {
        return WEFT_ENOMEM;
    }
    w->fd = o.fd;
    rc = say_hello(w, o.concurrency);
    while (rc == 0) {
        int got = fill(w, 0);

        if (got <= 0) {
            rc = got;
            break;
        }
        rc = work(w, &result, fn, arg);
        if (rc == 0) {
            rc = flush(w);
        }
        compact(w);
    }
    free(result.p);
    free(w->in.p);
    free(w->out.p);
    free(w->files.p);
    free(w);
    return rc;
}

const char *weft_worker_id(const weft_worker_job *job)
{
    return job->id;
}

unsigned weft_worker_attempt(const weft_worker_job *job)
{
    return job->attempt;
}

uint64_t weft_worker_deadline_ms(const weft_worker_job *job)
{
    return job->deadline_ms;
}

const char *weft_worker_payload_path(const weft_worker_job *job)
{
    const char *path = (const char *) job->w->files.p;

    return job->w->files.len > 0 && path[0] != '\0' ? path : NULL;
}

const char *weft_worker_input(const weft_worker_job *job, const char *name)
{
    const char *p = (const char *) job->w->files.p;

    for (unsigned i = 0; i < job->inputs; i++) {
        const char *at = p + strlen(p) + 1; /* behind a path: a name */

        p = at + strlen(at) + 1;
        if (strcmp(at, name) == 0) {
            return p;
        }
    }
    return NULL;
}

/* One byte more than there are, as there may be none: then nothing could be mapped. */
static const void *map_payload(struct worker *w, const char *path, size_t *ret_len)
{
    int fd = w->map == NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0) {
        void *p = mmap(NULL, (size_t) st.st_size + 1, PROT_READ, MAP_PRIVATE, fd, 0);

        w->map = p != MAP_FAILED ? p : NULL;
        w->map_len = w->map != NULL ? (size_t) st.st_size : 0;
    }
    if (fd >= 0) {
        (void) close(fd);
    }
    *ret_len = w->map_len;
    return w->map;
}

const void *weft_worker_payload(const weft_worker_job *job, size_t *ret_len)
{
    const char *path = weft_worker_payload_path(job);

    if (path != NULL) {
        return map_payload(job->w, path, ret_len);
    }
    *ret_len = job->payload_len;
    return job->w->in.p + job->w->taken + job->payload_at;
}

int weft_worker_result(weft_worker_job *job, const void *data, size_t len)
{
    if (len > RESULT_MAX - (job->result->len - job->result_at - HEAD - 8)) {
        return WEFT_ETOOBIG;
    }
    if (reserve(job->result, len) != 0) {
        return WEFT_ENOMEM;
    }
    put_bytes(job->result, data, len);
    return 0;
}

int weft_worker_result_file(weft_worker_job *job, const char *path)
{
    char to[PATH_MAX];
    struct stat st;

    if (result_path(job, to) != 0) {
        return WEFT_ESUPPORT;
    }
    if (lstat(path, &st) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? WEFT_ENOENT : WEFT_EIO;
    }
    if (!S_ISREG(st.st_mode)) {
        return WEFT_EINVAL;
    }
    if (rename(path, to) != 0) {
        return errno == EXDEV ? WEFT_EINVAL : WEFT_EIO;
    }
    job->has_file = 1;
    return 0;
}

int weft_worker_output(weft_worker_job *job, int stream, const void *data, size_t len)
{
    struct worker *w = job->w;
    const uint8_t *p = data;

    if (stream != 1 && stream != 2) {
        return WEFT_EINVAL;
    }
    while (len > 0) {
        size_t n = len < OUTPUT_MAX ? len : OUTPUT_MAX;

        if (reserve(&w->out, HEAD + 5 + n) != 0) {
            return WEFT_ENOMEM;
        }
        put(&w->out, 1 + 5 + n, 4);
        put(&w->out, OUTPUT, 1);
        put(&w->out, job->ref, 4);
        put(&w->out, (uint64_t) stream, 1);
        put_bytes(&w->out, p, n);
        p += n;
        len -= n;
    }
    return flush(w);
}

int weft_worker_cancelled(weft_worker_job *job)
{
    struct worker *w = job->w;

    /* Never take in more than there is room for anyway: a job that asks often must not
     * make the buffer grow without end. */
    if (!is_cancelled(w, job->ref) && w->in.len - w->taken < 2 * FRAME_MAX) {
        int got = fill(w, MSG_DONTWAIT);

        if (got == 0 || (got < 0 && got != WEFT_EAGAIN)) {
            return 1; /* the agent is gone */
        }
    }
    return is_cancelled(w, job->ref);
}
