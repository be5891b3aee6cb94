#include "client/data/source.h"

#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void source_init(struct source *s, char *path, char *file)
{
    *s = (struct source){.path = path, .file = file, .fd = -1};
    wf_list_init(&s->in_all);
}

static void shut(struct source *s)
{
    if (s->fd >= 0) {
        (void) close(s->fd);
        s->fd = -1;
    }
}

void source_fini(struct source *s)
{
    shut(s);
    wf_list_remove(&s->in_all);
    wf_free(s->path);
    wf_free(s->file);
    wf_free(s->leaves);
    source_init(s, NULL, NULL);
}

static const char *name_of(const struct source *s)
{
    return s->file != NULL ? s->file : s->path;
}

int source_sized(struct source *s, uint64_t size, struct wf_err *err)
{
    if (size > WF_BLOB_MAX) {
        return wf_err_set(err, WEFT_ETOOBIG, "%s: more than 1 TiB", name_of(s));
    }
    s->size = size;
    s->leaves = wf_calloc(wf_chunk_count(size) + 1, sizeof *s->leaves);
    return s->leaves != NULL ? 0 : wf_err_set(err, WEFT_ENOMEM, "no memory");
}

static int open_file(const struct source *s, int *ret_fd, struct stat *ret_st,
                     struct wf_err *err)
{
    int fd = open(s->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        return wf_err_set(err, errno == ENOENT ? WEFT_ENOENT : WEFT_EIO, "%s: %s",
                          s->file, strerror(errno));
    }
    if (fstat(fd, ret_st) != 0 || !S_ISREG(ret_st->st_mode)) {
        (void) close(fd);
        return wf_err_set(err, WEFT_EINVAL, "%s is not a file", s->file);
    }
    *ret_fd = fd;
    return 0;
}

int source_open(struct source *s, struct wf_err *err)
{
    struct stat st;
    int rc = open_file(s, &s->fd, &st, err);

    return rc == 0 ? source_sized(s, (uint64_t) st.st_size, err) : rc;
}

static int read_whole(const struct source *s, int fd, uint64_t i, uint8_t *buf,
                      struct wf_err *err)
{
    size_t len = wf_chunk_len(s->size, i), done = 0;
    uint64_t at = i * wf_chunk_size(s->size);

    while (done < len) {
        ssize_t n = pread(fd, buf + done, len - done, (off_t) (at + done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return wf_err_set(err, WEFT_EIO, "%s: %s", s->file, strerror(errno));
        }
        if (n == 0) {
            return wf_err_set(err, WEFT_ESTATE, "%s became shorter while it was put",
                              s->file);
        }
        done += (size_t) n;
    }
    return 0;
}

int source_verify(const struct source *s, uint64_t i, const uint8_t *buf,
                  struct wf_err *err)
{
    struct wf_digest leaf;

    wf_leaf(buf, wf_chunk_len(s->size, i), &leaf);
    return wf_digest_eq(&leaf, &s->leaves[i])
               ? 0
               : wf_err_set(err, WEFT_ESTATE, "%s changed while it was put", name_of(s));
}

int source_read(struct source *s, uint64_t i, uint8_t *buf, struct wf_err *err)
{
    struct stat st;
    int fd = s->fd, rc;

    if (fd < 0) {
        rc = open_file(s, &fd, &st, err);
        if (rc != 0) {
            return rc;
        }
    }
    rc = read_whole(s, fd, i, buf, err);
    if (fd != s->fd) {
        (void) close(fd);
    }
    return rc == 0 && source_is_ready(s) ? source_verify(s, i, buf, err) : rc;
}

int source_raw(const struct source *s, uint64_t i, uint8_t *buf)
{
    size_t len = wf_chunk_len(s->size, i);
    uint64_t at = i * wf_chunk_size(s->size);

    if (s->read != NULL) {
        return s->read(at, buf, len, s->arg) == 0 ? 0 : WEFT_EIO;
    }
    memcpy(buf, s->mem + at, len);
    return 0;
}

void source_hash(struct source *s, const uint8_t *buf)
{
    if (s->hashed < wf_chunk_count(s->size)) {
        wf_leaf(buf, wf_chunk_len(s->size, s->hashed), &s->leaves[s->hashed]);
        s->hashed++;
    }
    if (s->hashed == wf_chunk_count(s->size)) {
        wf_blob_digest(s->size, s->leaves, &s->digest);
        shut(s);
    }
}

uint64_t source_done(const struct source *s)
{
    return wf_min_u64(s->hashed * wf_chunk_size(s->size), s->size);
}
