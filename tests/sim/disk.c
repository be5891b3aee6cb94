#include "tests/sim/sim.h"

#include "common/check.h"

#include <string.h>

void disk_init(struct disk *d)
{
    *d = (struct disk){0};
    wf_buf_init(&d->bytes, 16u << 20);
}

void disk_fini(struct disk *d)
{
    wf_buf_fini(&d->bytes);
}

void disk_reset(struct disk *d)
{
    d->n = d->safe = 0;
    d->failing = 0;
    d->failed_lsn = 0;
    wf_buf_clear(&d->bytes);
}

void disk_append(struct disk *d, unsigned table, uint64_t lsn, const void *p, size_t len)
{
    int rc;

    if (d->failing) {
        d->failed_lsn = d->failed_lsn == 0 ? lsn : d->failed_lsn;
        return;
    }
    WF_CHECK(d->n < DISK_RECORDS);
    d->records[d->n++] = (struct record){table, lsn, d->bytes.len, len};
    rc = wf_buf_put(&d->bytes, p, len);
    WF_CHECK(rc == 0);
}

void disk_sync(struct sim *s, uint64_t lsn)
{
    struct event *e = clock_add(
        &s->clock, s->clock.now_us + around(&s->clock, s->swarm.disk_us), EV_SYNCED);

    e->arg = lsn;
    e->inc = s->host.inc;
}

int disk_synced(struct disk *d, uint64_t lsn, uint64_t *ret_from)
{
    size_t n = d->safe;

    while (n < d->n && d->records[n].lsn <= lsn) {
        n++;
    }
    if (d->failing && n > d->safe) {
        /* What the device took but did not keep. */
        *ret_from = d->records[d->safe].lsn;
        d->n = d->safe;
        d->failed_lsn = 0;
        return 0;
    }
    if (d->failed_lsn != 0 && d->failed_lsn <= lsn) {
        *ret_from = d->failed_lsn;
        d->n = d->safe;
        d->failed_lsn = 0;
        return 0;
    }
    d->safe = n;
    return 1;
}

int disk_is_latest(const struct disk *d, size_t i)
{
    const struct record *r = &d->records[i];

    for (size_t k = i + 1; k < d->n; k++) {
        const struct record *later = &d->records[k];

        if (later->table == r->table &&
            memcmp(d->bytes.p + later->at, d->bytes.p + r->at, WF_KEY_SIZE) == 0) {
            return 0;
        }
    }
    return r->len > WF_KEY_SIZE;
}

void disk_crash(struct sim *s)
{
    struct disk *d = &s->disk;

    d->n = d->safe + (size_t) below(&s->clock, d->n - d->safe + 1);
    d->safe = d->n;
    d->failed_lsn = 0;
    /* Numbers start again with the process. */
    for (size_t i = 0; i < d->n; i++) {
        d->records[i].lsn = 0;
    }
}
