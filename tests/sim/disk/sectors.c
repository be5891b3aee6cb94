#include "tests/sim/disk/sectors.h"

#include "common/check.h"
#include "common/err.h"

#include <stdio.h>
#include <string.h>

#define FILE_MAX (32u << 20)

void sectors_init(struct sectors *d, struct clock *c)
{
    *d = (struct sectors){.clock = c};
    for (unsigned i = 0; i < SECTOR_FILES; i++) {
        wf_buf_init(&d->files[i].now, FILE_MAX);
        wf_buf_init(&d->files[i].safe, FILE_MAX);
        wf_buf_init(&d->files[i].dirty, FILE_MAX);
    }
    sectors_reset(d);
}

void sectors_fini(struct sectors *d)
{
    for (unsigned i = 0; i < SECTOR_FILES; i++) {
        wf_buf_fini(&d->files[i].now);
        wf_buf_fini(&d->files[i].safe);
        wf_buf_fini(&d->files[i].dirty);
    }
}

static void empty(struct sector_file *f)
{
    f->here = 0;
    wf_buf_clear(&f->now);
    wf_buf_clear(&f->dirty);
}

void sectors_reset(struct sectors *d)
{
    for (unsigned i = 0; i < SECTOR_FILES; i++) {
        empty(&d->files[i]);
        d->files[i].safe_here = 0;
        wf_buf_clear(&d->files[i].safe);
    }
    d->room = UINT64_MAX;
    d->fail_pm = 0;
    d->writes = 0;
    d->off_at = 0;
    d->off = 0;
}

/* Longer with zeros, or shorter. */
static void resize(struct wf_buf *b, size_t len)
{
    if (len <= b->len) {
        wf_buf_truncate(b, len);
    } else {
        size_t more = len - b->len;
        uint8_t *p = wf_buf_extend(b, more);

        WF_CHECK(p != NULL);
        memset(p, 0, more);
    }
}

static size_t sectors_of(size_t len)
{
    return (len + SECTOR - 1) / SECTOR;
}

static void resize_file(struct sector_file *f, size_t len)
{
    resize(&f->now, len);
    resize(&f->dirty, sectors_of(len));
}

struct sector_file *sectors_open(struct sectors *d, const char *name, int make)
{
    struct sector_file *spare = NULL;

    for (unsigned i = 0; i < SECTOR_FILES; i++) {
        struct sector_file *f = &d->files[i];

        if ((f->here || f->safe_here) && strcmp(f->name, name) == 0) {
            if (!f->here && !make) {
                return NULL;
            }
            f->here = 1;
            return f;
        }
        if (!f->here && !f->safe_here && spare == NULL) {
            spare = f;
        }
    }
    if (!make || d->off) {
        return NULL;
    }
    WF_CHECK(spare != NULL && strlen(name) < sizeof spare->name);
    (void) snprintf(spare->name, sizeof spare->name, "%s", name);
    empty(spare);
    wf_buf_clear(&spare->safe);
    spare->here = 1;
    return spare;
}

int sectors_read(struct sectors *d, struct sector_file *f, void *dst, size_t len,
                 uint64_t at, size_t *ret_len)
{
    size_t n = at < f->now.len ? wf_min_u64(len, f->now.len - at) : 0;

    if (d->off) {
        return WEFT_EIO;
    }
    if (n != 0) {
        memcpy(dst, f->now.p + at, n);
    }
    *ret_len = n;
    return 0;
}

/* One more change: 0, or WEFT_EIO when nothing goes any more. */
static int change(struct sectors *d)
{
    d->writes++;
    if (d->off_at != 0 && d->writes >= d->off_at) {
        d->off = 1;
    }
    return d->off ? WEFT_EIO : 0;
}

static int fails(struct sectors *d)
{
    return d->fail_pm != 0 && below(d->clock, 1000) < d->fail_pm;
}

uint64_t sectors_used(const struct sectors *d)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < SECTOR_FILES; i++) {
        n += d->files[i].here ? d->files[i].now.len : 0;
    }
    return n;
}

static void put(struct sector_file *f, const void *p, size_t len, uint64_t at)
{
    if (len == 0) {
        return;
    }
    if (at + len > f->now.len) {
        resize_file(f, (size_t) at + len);
    }
    memcpy(f->now.p + at, p, len);
    memset(f->dirty.p + at / SECTOR, 1, sectors_of((size_t) at + len) - at / SECTOR);
}

int sectors_write(struct sectors *d, struct sector_file *f, const void *p, size_t len,
                  uint64_t at)
{
    int was_on = !d->off;
    int rc = change(d);

    if (rc != 0) {
        /* The process may have come half through. */
        put(f, p, was_on ? (size_t) below(d->clock, len + 1) : 0, at);
        return rc;
    }
    if (fails(d)) {
        put(f, p, (size_t) below(d->clock, len + 1), at);
        return WEFT_EIO;
    }
    if (at + len > f->now.len) {
        uint64_t more = at + len - f->now.len, has = sectors_used(d);

        if (has >= d->room || more > d->room - has) {
            return WEFT_EFULL;
        }
    }
    put(f, p, len, at);
    return 0;
}

int sectors_truncate(struct sectors *d, struct sector_file *f, uint64_t len)
{
    int rc = change(d);

    if (rc != 0 || fails(d)) {
        return WEFT_EIO;
    }
    if (len < f->now.len) {
        resize_file(f, (size_t) len);
    }
    return 0;
}

/* The sector's bytes reach the device, or the first `n` of them. */
static void keep(struct sector_file *f, size_t sector, size_t n)
{
    size_t at = sector * SECTOR;
    size_t len = wf_min_u64(n, f->now.len - at);

    if (f->safe.len < at + len) {
        resize(&f->safe, at + len);
    }
    memcpy(f->safe.p + at, f->now.p + at, len);
}

/* What fsyncgate is about: the cache is clean, and the device does not have it.  Reading
 * gives the new bytes still. */
static void forget_some(struct sectors *d, struct sector_file *f)
{
    for (size_t i = 0; i < f->dirty.len; i++) {
        if (f->dirty.p[i] && percent(d->clock, 50)) {
            f->dirty.p[i] = 0;
        }
    }
}

int sectors_sync(struct sectors *d, struct sector_file *f)
{
    int rc = change(d);

    if (rc != 0) {
        return rc;
    }
    if (fails(d)) {
        if (percent(d->clock, 50)) {
            forget_some(d, f);
        }
        return WEFT_EIO;
    }
    for (size_t i = 0; i < f->dirty.len; i++) {
        if (f->dirty.p[i]) {
            keep(f, i, SECTOR);
            f->dirty.p[i] = 0;
        }
    }
    resize(&f->safe, f->now.len);
    f->safe_here = 1;
    return 0;
}

int sectors_remove(struct sectors *d, const char *name)
{
    struct sector_file *f = sectors_open(d, name, 0);
    int rc = change(d);

    if (rc != 0) {
        return rc;
    }
    if (f == NULL) {
        return WEFT_ENOENT;
    }
    empty(f);
    return 0;
}

int sectors_sync_names(struct sectors *d)
{
    int rc = change(d);

    if (rc != 0 || fails(d)) {
        return WEFT_EIO;
    }
    for (unsigned i = 0; i < SECTOR_FILES; i++) {
        struct sector_file *f = &d->files[i];

        f->safe_here = f->here;
        if (!f->here) {
            wf_buf_clear(&f->safe);
        }
    }
    return 0;
}

static void cut(struct sectors *d, struct sector_file *f)
{
    size_t last = SIZE_MAX, n = f->here ? f->dirty.len : 0;
    unsigned kept = (unsigned) below(d->clock, 101);

    if (f->here && !f->safe_here && percent(d->clock, 50)) {
        /* A new file whose name never came to the device. */
        n = 0;
        f->here = 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (f->dirty.p[i] && percent(d->clock, kept)) {
            if (last != SIZE_MAX) {
                keep(f, last, SECTOR);
            }
            last = i;
        }
    }
    if (last != SIZE_MAX) {
        keep(f, last, percent(d->clock, 50) ? SECTOR : (size_t) below(d->clock, SECTOR));
        f->safe_here = 1;
    }
    if (f->here && f->now.len < f->safe.len && percent(d->clock, 50)) {
        resize(&f->safe, f->now.len);
    }
}

void sectors_power_cut(struct sectors *d)
{
    for (unsigned i = 0; i < SECTOR_FILES; i++) {
        struct sector_file *f = &d->files[i];

        cut(d, f);
        empty(f);
        if (f->safe_here) {
            f->here = 1;
            resize_file(f, f->safe.len);
            if (f->safe.len != 0) {
                memcpy(f->now.p, f->safe.p, f->safe.len);
            }
        } else {
            wf_buf_clear(&f->safe);
        }
    }
    d->off = 0;
    d->off_at = 0;
}

int sectors_rot(struct sectors *d, unsigned n)
{
    struct sector_file *some[SECTOR_FILES], *f;
    unsigned files = 0;

    for (unsigned i = 0; i < SECTOR_FILES; i++) {
        f = &d->files[i];
        if (f->here && f->safe_here && f->safe.len != 0) {
            some[files++] = f;
        }
    }
    if (files == 0) {
        return 0;
    }
    f = some[below(d->clock, files)];
    for (; n > 0; n--) {
        size_t at = (size_t) below(d->clock, f->safe.len);
        uint8_t bit = (uint8_t) (1u << below(d->clock, 8));

        f->safe.p[at] ^= bit;
        if (at < f->now.len) {
            f->now.p[at] ^= bit;
        }
    }
    return 1;
}

static void copy_buf(struct wf_buf *to, const struct wf_buf *from)
{
    wf_buf_clear(to);
    (void) wf_buf_put(to, from->p, from->len);
    WF_CHECK(to->err == 0);
}

static void copy_file(struct sector_file *to, const struct sector_file *from)
{
    memcpy(to->name, from->name, sizeof to->name);
    to->here = from->here;
    to->safe_here = from->safe_here;
    copy_buf(&to->now, &from->now);
    copy_buf(&to->safe, &from->safe);
    copy_buf(&to->dirty, &from->dirty);
}

void sectors_copy(struct sectors *d, const struct sectors *from)
{
    for (unsigned i = 0; i < SECTOR_FILES; i++) {
        copy_file(&d->files[i], &from->files[i]);
    }
}

void sectors_copy_file(struct sectors *d, const struct sectors *from, const char *name)
{
    struct sector_file *to = sectors_open(d, name, 1);

    for (unsigned i = 0; i < SECTOR_FILES; i++) {
        if (from->files[i].here && strcmp(from->files[i].name, name) == 0) {
            copy_file(to, &from->files[i]);
        }
    }
}
