#include "agent/blob/store_int.h"

#include "common/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ASIDE "index.damaged"

/* -- files -----------------------------------------------------------------------------
 */

static int digest_of(const char *name, struct wf_digest *ret_digest)
{
    size_t len = 0;

    return strlen(name) == 2 * WF_DIGEST_SIZE &&
           wf_unhex(ret_digest->b, sizeof ret_digest->b, name, &len) == 0 &&
           len == sizeof ret_digest->b;
}

static uint64_t len_of(struct blob_store *s, const char *name)
{
    struct stat st;

    return fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)
               ? (uint64_t) st.st_size
               : UINT64_MAX;
}

static int add(struct blob_store *s, const struct wf_digest *d, uint64_t size, int sealed,
               enum row_state state, int pinned)
{
    struct blob_row row = {.digest = *d,
                           .size = size,
                           .have = state == ROW_PART ? 0 : size,
                           .disk = disk_len(size, sealed) + disk_leaves_len(size),
                           .used = store_now(s),
                           .state = state,
                           .pinned = pinned};
    int rc = index_add(&s->x, &row, NULL);

    s->used_bytes += rc == 0 ? row.disk : 0;
    if (rc == 0 && state == ROW_PART) {
        s->promised_bytes += row.disk;
    }
    return rc;
}

/* A file without leaves: is it this blob, if it has that size?  All of it is read. */
static int try_size(struct blob_store *s, const struct wf_digest *d, uint64_t size)
{
    const struct blob_row row = {
        .id = -1, .digest = *d, .size = size, .state = ROW_WHOLE};
    struct handle *h;
    int rc;

    if (size <= BLOB_INLINE || size > WF_BLOB_MAX) {
        return WEFT_EPROTO;
    }
    handle_drop(s, handle_find(s, d));
    rc = handle_new(s, &row, &h, NULL);
    if (rc == 0) {
        rc = chunk_mend(s, h, NULL);
        if (rc == WEFT_EKEY) { /* nobody can tell without the key */
            rc = WEFT_EPROTO;
        }
        handle_drop(s, handle_find(s, d));
    }
    return rc;
}

/* The sizes that a sealed file of `len` bytes may stand for: one for each chunk size. */
static uint64_t sealed_size(uint64_t len, uint64_t chunk)
{
    uint64_t n = (len + chunk + SEAL_EXTRA - 1) / (chunk + SEAL_EXTRA);
    uint64_t size = len > n * SEAL_EXTRA ? len - n * SEAL_EXTRA : 0;

    return size != 0 && wf_chunk_size(size) == chunk && wf_chunk_count(size) == n ? size
                                                                                  : 0;
}

static int try_sizes(struct blob_store *s, const struct wf_digest *d, uint64_t len)
{
    static const uint64_t chunks[] = {WF_CHUNK_MIN, 256u << 10, WF_CHUNK_MAX};
    int rc = try_size(s, d, len);

    if (rc == 0) {
        return add(s, d, len, 0, ROW_WHOLE, 0);
    }
    for (size_t i = 0; rc == WEFT_EPROTO && s->seal.has_key && i < ARRAY_LEN(chunks);
         i++) {
        uint64_t size = sealed_size(len, chunks[i]);

        rc = try_size(s, d, size);
        if (rc == 0) {
            return add(s, d, size, 1, ROW_WHOLE, 0);
        }
    }
    return rc;
}

/* A file that no row knows.  0; WEFT_EPROTO: it is nothing; other errors. */
static int found_file(struct blob_store *s, const char *name, const struct wf_digest *d,
                      enum row_state state)
{
    uint64_t size = 0, len = len_of(s, name);
    int pinned = 0, fd;

    if (len == UINT64_MAX) {
        return WEFT_EPROTO;
    }
    fd = leaves_open(s, d, &size, &pinned);
    if (fd >= 0) {
        (void) close(fd);
        if (len == disk_len(size, 0) || len == disk_len(size, 1)) {
            return add(s, d, size, len != size, state, pinned);
        }
    }
    return state == ROW_WHOLE ? try_sizes(s, d, len) : WEFT_EPROTO;
}

static int look_at(struct blob_store *s, const char *folder, const char *entry,
                   uint64_t *found)
{
    const int partial = strcmp(folder, "partial") == 0;
    const int leaves = strncmp(folder, "leaves", 6) == 0;
    char name[BLOB_NAME];
    struct blob_row row;
    struct wf_digest d;
    int rc;

    if (snprintf(name, sizeof name, "%s/%s", folder, entry) >= (int) sizeof name) {
        return 0;
    }
    if (!digest_of(entry, &d)) {
        rc = partial ? WEFT_EPROTO : 0; /* nobody else has names there */
    } else {
        rc = index_get(&s->x, &d, &row, NULL);
        if (rc == WEFT_ENOENT && leaves) {
            rc = WEFT_EPROTO;
        } else if (rc == WEFT_ENOENT) {
            rc = found_file(s, name, &d, partial ? ROW_PART : ROW_WHOLE);
            *found += rc == 0;
        }
    }
    if (rc == WEFT_EPROTO) {
        (void) unlinkat(s->dir_fd, name, 0);
        rc = 0;
    }
    return rc;
}

int rebuild_folder(struct blob_store *s, const char *folder, uint64_t *ret_found)
{
    const struct dirent *e;
    DIR *dir;
    int fd = openat(s->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc;

    *ret_found = 0;
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            (void) close(fd);
        }
        return errno == ENOENT ? 0 : disk_fail(s, "list the folders", NULL, NULL);
    }
    rc = store_tx(s, NULL);
    if (rc == 0) {
        while (rc == 0 && (e = readdir(dir)) != NULL) {
            if (e->d_name[0] != '.') {
                rc = look_at(s, folder, e->d_name, ret_found);
            }
        }
        rc = store_tx_end(s, rc, NULL);
    }
    (void) closedir(dir);
    return rc;
}

/* -- what can be read of the old index -------------------------------------------------
 */

static int save_small(struct blob_store *s, struct index *old, struct blob_row *row)
{
    const int64_t id = row->id;
    struct wf_digest is;
    size_t len;
    int rc = store_buffers(s, row->size, NULL);

    if (rc != 0) {
        return rc;
    }
    if (index_data(old, id, s->box, s->box_cap, &len, NULL) != 0) {
        return 0;
    }
    wf_blob_of(s->box, len, &is);
    if (!wf_digest_eq(&is, &row->digest) &&
        (len != row->size + SEAL_EXTRA || !s->seal.has_key ||
         seal_open(&s->seal, &row->digest, 0, s->box, (size_t) row->size, s->chunk) !=
             0)) {
        return 0;
    }
    row->disk = len + ROW_OVERHEAD;
    rc = index_add(&s->x, row, NULL);
    return rc == 0 ? index_put_data(&s->x, row->id, s->box, len, NULL) : rc;
}

static int save_row(struct blob_store *s, struct index *old, struct blob_row *row)
{
    struct blob_row there;
    struct place p;
    int rc = index_get(&s->x, &row->digest, &there, NULL);

    if (rc != WEFT_ENOENT) {
        return rc;
    }
    if (row->state == ROW_WHOLE && row->size <= BLOB_INLINE) {
        return save_small(s, old, row);
    }
    if (row->state == ROW_PLACE && index_place(old, row->id, &p, NULL) == 0) {
        rc = index_add(&s->x, row, NULL);
        p.id = row->id;
        return rc == 0 ? index_put_place(&s->x, &p, NULL) : rc;
    }
    return 0; /* its file tells */
}

/* Rows that cannot be read are stepped over, farther and farther. */
static int save_rows(struct blob_store *s, struct index *old)
{
    struct blob_row row;
    int64_t after = 0, skip = 1;
    int rc = 0;

    while (rc == 0 && skip < (int64_t) 1 << 32) {
        int64_t next = after + skip;
        int got = index_next(old, after, &row, NULL);

        if (got == WEFT_ENOENT) {
            break;
        }
        if (got == 0) {
            next = row.id;
            rc = save_row(s, old, &row);
        }
        skip = got == 0 ? 1 : 2 * skip;
        after = next;
    }
    return rc;
}

static int save_old(struct blob_store *s)
{
    char path[PATH_MAX];
    struct index old;
    int rc;

    if (faccessat(s->dir_fd, ASIDE, F_OK, 0) != 0) {
        return 0;
    }
    (void) snprintf(path, sizeof path, "%s/" ASIDE, s->dir);
    if (index_open(&old, path, NULL) != 0) {
        return 0;
    }
    rc = save_rows(s, &old);
    index_close(&old);
    return rc;
}

static void remove_old(struct blob_store *s)
{
    static const char *const names[] = {ASIDE, ASIDE "-wal", ASIDE "-journal"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void) unlinkat(s->dir_fd, names[i], 0);
    }
}

int rebuild_index(struct blob_store *s, struct wf_err *err)
{
    uint64_t found, all = 0;
    int rc = store_tx(s, err);

    if (rc != 0) {
        return rc;
    }
    rc = save_old(s);
    for (unsigned i = 0; rc == 0 && i < 256; i++) {
        char folder[BLOB_NAME];

        (void) snprintf(folder, sizeof folder, "objects/%02x", i);
        rc = rebuild_folder(s, folder, &found);
        all += found;
    }
    rc = rc == 0 ? index_filled(&s->x, err) : rc;
    rc = store_tx_end(s, rc, err);
    if (rc != 0) {
        return wf_err_set(err, rc, "the index of the blobs cannot be built anew");
    }
    remove_old(s);
    if (all != 0) {
        struct wf_err told;

        (void) wf_err_set(&told, 0, "the index of the blobs was built anew: %llu files",
                          (unsigned long long) all);
        store_trouble(s, &told);
    }
    return 0;
}
