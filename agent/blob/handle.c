#include "agent/blob/store_int.h"

#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OF(node) CONTAINER_OF(node, struct handle, lru)

/* -- the map of a part -----------------------------------------------------------------
 */

static size_t map_len(const struct handle *h)
{
    return (size_t) (wf_chunk_count(h->row.size) + 7) / 8;
}

int map_has(const struct handle *h, uint64_t chunk)
{
    return h->map == NULL || (h->map[chunk >> 3] >> (chunk & 7) & 1) != 0;
}

void map_set(struct handle *h, uint64_t chunk, int on)
{
    uint8_t bit = (uint8_t) (1u << (chunk & 7));

    h->map[chunk >> 3] =
        on ? h->map[chunk >> 3] | bit : h->map[chunk >> 3] & (uint8_t) ~bit;
}

/* -- forgetting ------------------------------------------------------------------------
 */

static void close_files(struct blob_store *s, struct handle *h)
{
    if (h->fd >= 0) {
        (void) close(h->fd);
        s->files--;
    }
    if (h->lfd >= 0) {
        (void) close(h->lfd);
    }
    h->fd = h->lfd = -1;
    wf_list_remove(&h->opened);
}

void handle_close_files(struct blob_store *s)
{
    for (struct wf_list_node *n = wf_list_first(&s->lru); n != NULL;
         n = wf_list_next(&s->lru, n)) {
        close_files(s, OF(n));
    }
}

void handle_drop(struct blob_store *s, struct handle *h)
{
    if (h == NULL) {
        return;
    }
    close_files(s, h);
    if (h->map != NULL) {
        s->maps_bytes -= map_len(h);
    }
    (void) wf_map_take(s->handles, h->row.digest.b, sizeof h->row.digest);
    wf_list_remove(&h->lru);
    wf_free(h->map);
    wf_free(h);
}

void handle_drop_all(struct blob_store *s)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&s->lru)) != NULL) {
        handle_drop(s, OF(n));
    }
}

/* What the index says of a part is a hint, so where it cannot be written nothing is
 * lost. */
static void let_go(struct blob_store *s, struct handle *h)
{
    struct wf_digest d = h->row.digest;

    if (h->dirty && h->row.id != 0 && h->looked == wf_chunk_count(h->row.size) &&
        store_tx(s, NULL) == 0) {
        (void) store_tx_end(s, index_set(&s->x, &h->row, NULL), NULL);
    }
    handle_drop(s, handle_find(s, &d));
}

void handle_let_go_all(struct blob_store *s)
{
    struct wf_list_node *n;

    while ((n = wf_list_first(&s->lru)) != NULL) {
        let_go(s, OF(n));
    }
}

static void make_room(struct blob_store *s, size_t map_bytes)
{
    struct wf_list_node *n;

    while ((wf_map_len(s->handles) >= HANDLES_MAX ||
            (s->maps_bytes != 0 &&
             map_bytes > MAP_MAX - wf_min_u64(s->maps_bytes, MAP_MAX))) &&
           (n = wf_list_first(&s->lru)) != NULL) {
        let_go(s, OF(n));
    }
}

/* -- making ----------------------------------------------------------------------------
 */

struct handle *handle_find(struct blob_store *s, const struct wf_digest *d)
{
    struct handle *h =
        s->handles != NULL ? wf_map_get(s->handles, d->b, sizeof d->b) : NULL;

    if (h != NULL) {
        wf_list_remove(&h->lru);
        wf_list_push_back(&s->lru, &h->lru);
        if (h->fd >= 0) {
            wf_list_remove(&h->opened);
            wf_list_push_back(&s->opened, &h->opened);
        }
    }
    return h;
}

static int no_memory(struct wf_err *err)
{
    return wf_err_set(err, WEFT_ENOMEM, "no memory for a blob in use");
}

int handle_new(struct blob_store *s, const struct blob_row *row, struct handle **ret_h,
               struct wf_err *err)
{
    struct handle *h;

    if (s->handles == NULL) {
        s->handles = wf_map_new(HANDLES_MAX, 0);
        if (s->handles == NULL) {
            return no_memory(err);
        }
    }
    h = wf_calloc(1, sizeof *h);
    if (h == NULL) {
        return no_memory(err);
    }
    h->row = *row;
    h->fd = h->lfd = -1;
    wf_list_init(&h->lru);
    wf_list_init(&h->opened);
    make_room(s, row->state == ROW_PART ? map_len(h) : 0);
    if (row->state == ROW_PART && (h->map = wf_calloc(1, map_len(h))) == NULL) {
        wf_free(h);
        return no_memory(err);
    }
    if (wf_map_put(s->handles, h->row.digest.b, sizeof h->row.digest, h) != 0) {
        wf_free(h->map);
        wf_free(h);
        return no_memory(err);
    }
    s->maps_bytes += h->map != NULL ? map_len(h) : 0;
    wf_list_push_back(&s->lru, &h->lru);
    *ret_h = h;
    return 0;
}

int handle_get(struct blob_store *s, const struct wf_digest *d, struct handle **ret_h,
               struct wf_err *err)
{
    struct handle *h = handle_find(s, d);
    struct blob_row row;
    int rc = 0;

    if (h == NULL) {
        rc = index_get(&s->x, d, &row, err);
        if (rc == 0) {
            rc = handle_new(s, &row, &h, err);
        }
        if (rc == 0 && row.state == ROW_PART) {
            handle_have(s, h, 0); /* until it was looked at */
        }
    }
    if (rc == 0) {
        *ret_h = h;
    }
    return rc;
}

void handle_have(struct blob_store *s, struct handle *h, uint64_t have)
{
    if (h->row.state == ROW_PART && h->row.id != 0) {
        s->promised_bytes += h->row.disk - wf_min_u64(have, h->row.disk);
        s->promised_bytes -= wf_min_u64(
            s->promised_bytes, h->row.disk - wf_min_u64(h->row.have, h->row.disk));
    }
    h->dirty |= h->row.have != have;
    h->row.have = have;
}

/* -- files -----------------------------------------------------------------------------
 */

static void close_oldest(struct blob_store *s)
{
    struct wf_list_node *n;

    while (s->files >= FILES_MAX && (n = wf_list_first(&s->opened)) != NULL) {
        close_files(s, CONTAINER_OF(n, struct handle, opened));
    }
}

static void note_open(struct blob_store *s, struct handle *h)
{
    s->files++;
    wf_list_push_back(&s->opened, &h->opened);
}

/* A part may be of a blob that was whole, and given out to be read alone. */
static int open_named(struct blob_store *s, const char *name, int write)
{
    const int flags = (write ? O_RDWR : O_RDONLY) | O_CLOEXEC;
    int fd = openat(s->dir_fd, name, flags);

    if (fd < 0 && errno == EACCES && write &&
        fchmodat(s->dir_fd, name, S_IRUSR | S_IWUSR, 0) == 0) {
        fd = openat(s->dir_fd, name, flags);
    }
    return fd;
}

/* Where the end came between moving the file and telling the index it is in the other
 * folder. */
static int open_own(struct blob_store *s, const struct handle *h)
{
    char name[2][BLOB_NAME];
    const int part = h->row.state == ROW_PART;
    int fd;

    name_object(&h->row.digest, name[0]);
    name_partial(&h->row.digest, name[1]);
    fd = open_named(s, name[part], part);
    return fd < 0 && errno == ENOENT ? open_named(s, name[!part], part) : fd;
}

static int lost(struct blob_store *s, struct handle *h, const char *why,
                struct wf_err *err)
{
    struct blob_row row = h->row;

    (void) publish_lost(s, &row, row.state == ROW_PLACE ? WEFT_ESTATE : WEFT_EIO);
    return wf_err_set(err, row.state == ROW_PLACE ? WEFT_ESTATE : WEFT_EIO, "%s", why);
}

static int open_place(struct blob_store *s, struct handle *h, struct wf_err *err)
{
    struct place p;

    h->fd = place_open(s, &h->row, &p);
    if (h->fd < 0) {
        return lost(s, h, "the file in place is not what it was: withdrawn", err);
    }
    note_open(s, h);
    return 0;
}

static int open_object(struct blob_store *s, struct handle *h, struct wf_err *err)
{
    struct stat st;

    h->fd = open_own(s, h);
    if (h->fd < 0) {
        return errno == ENOENT ? lost(s, h, "the file of a blob is gone: dropped", err)
                               : disk_fail(s, "open", &h->row.digest, err);
    }
    note_open(s, h);
    if (fstat(h->fd, &st) != 0) {
        return disk_fail(s, "look at", &h->row.digest, err);
    }
    h->sealed = (uint64_t) st.st_size != h->row.size;
    if ((uint64_t) st.st_size != disk_len(h->row.size, h->sealed)) {
        return lost(s, h, "the file of a blob has a wrong length: dropped", err);
    }
    return h->sealed && !s->seal.has_key
               ? wf_err_set(err, WEFT_EKEY, "a blob is sealed, and there is no key")
               : 0;
}

int handle_files(struct blob_store *s, struct handle *h, struct wf_err *err)
{
    uint64_t size = h->row.size;
    int pinned, rc;

    if (h->row.id == 0 || h->fd >= 0 ||
        (h->row.state == ROW_WHOLE && h->row.size <= BLOB_INLINE)) {
        return 0;
    }
    close_oldest(s);
    rc = h->row.state == ROW_PLACE ? open_place(s, h, err) : open_object(s, h, err);
    if (rc != 0) {
        return rc;
    }
    if (wf_chunk_count(h->row.size) > 1) {
        h->lfd = leaves_open(s, &h->row.digest, &size, &pinned);
    }
    h->leaves = h->lfd >= 0 || wf_chunk_count(h->row.size) <= 1;
    return 0;
}
