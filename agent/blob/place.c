#include "agent/blob/store_int.h"

#include "common/str.h"

#include <fcntl.h>
#include <unistd.h>

static int64_t ns_of(const struct timespec *t)
{
    return (int64_t) t->tv_sec * 1000000000 + t->tv_nsec;
}

void place_of(const char *path, const struct stat *st, struct place *ret_place)
{
    (void) wf_str_copy(ret_place->path, sizeof ret_place->path, path);
    ret_place->size = (uint64_t) st->st_size;
    ret_place->inode = (uint64_t) st->st_ino;
    ret_place->mtime_ns = ns_of(&st->st_mtim);
    ret_place->ctime_ns = ns_of(&st->st_ctim);
}

int place_same(const struct place *p, const struct stat *st)
{
    return S_ISREG(st->st_mode) && p->size == (uint64_t) st->st_size &&
           p->inode == (uint64_t) st->st_ino && p->mtime_ns == ns_of(&st->st_mtim) &&
           p->ctime_ns == ns_of(&st->st_ctim);
}

int place_open(struct blob_store *s, const struct blob_row *row, struct place *ret_place)
{
    struct stat st;
    int fd;

    if (index_place(&s->x, row->id, ret_place, NULL) != 0) {
        return -1;
    }
    fd = open(ret_place->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !place_same(ret_place, &st))) {
        (void) close(fd);
        fd = -1;
    }
    return fd;
}

int place_ok(struct blob_store *s, const struct blob_row *row)
{
    struct place p;
    struct stat st;

    return index_place(&s->x, row->id, &p, NULL) == 0 && lstat(p.path, &st) == 0 &&
           place_same(&p, &st);
}
