#include "tests/sim/disk/spool.h"

#include "common/check.h"
#include "tests/sim/sim.h"

#include <string.h>

void spool_init(struct spool *p)
{
    *p = (struct spool){0};
    for (unsigned i = 0; i < SPOOL_FILES; i++) {
        wf_buf_init(&p->files[i].value, 1u << 20);
    }
}

void spool_fini(struct spool *p)
{
    for (unsigned i = 0; i < SPOOL_FILES; i++) {
        wf_buf_fini(&p->files[i].value);
    }
}

void spool_reset(struct spool *p)
{
    for (unsigned i = 0; i < SPOOL_FILES; i++) {
        p->files[i].here = p->files[i].safe_here = 0;
    }
    p->failing = 0;
    p->lsn = p->failed_lsn = 0;
}

static struct spool_file *file_of(struct spool *p, const uint8_t *key)
{
    struct spool_file *spare = NULL;

    for (unsigned i = 0; i < SPOOL_FILES; i++) {
        struct spool_file *f = &p->files[i];
        int used = f->here || f->safe_here;

        if (used && memcmp(f->key, key, sizeof f->key) == 0) {
            return f;
        }
        if (!used && spare == NULL) {
            spare = f;
        }
    }
    return spare;
}

void spool_append(struct sim *s, struct spool *p, uint64_t lsn, struct wf_slice record)
{
    struct spool_file *f;

    WF_CHECK(record.len >= NODE_SPOOL_KEY);
    f = file_of(p, record.p);
    if (f == NULL) {
        sim_fail(s, "a spool has more than %u results", SPOOL_FILES);
        return;
    }
    if (p->failing) {
        /* A record that is not deleted is offered again by the next process. */
        p->failed_lsn =
            record.len == NODE_SPOOL_KEY || p->failed_lsn != 0 ? p->failed_lsn : lsn;
        return;
    }
    memcpy(f->key, record.p, sizeof f->key);
    if (record.len == NODE_SPOOL_KEY) {
        f->here = 0;
        return;
    }
    if (p->failed_lsn != 0) {
        return;
    }
    p->lsn = f->lsn = lsn;
    f->here = f->safe_here = 1;
    wf_buf_clear(&f->value);
    (void) wf_buf_put(&f->value, record.p + NODE_SPOOL_KEY, record.len - NODE_SPOOL_KEY);
    WF_CHECK(f->value.err == 0);
}

void spool_lost(struct spool *p)
{
    p->failed_lsn = p->failed_lsn != 0 ? p->failed_lsn : p->lsn + 1;
}

uint64_t spool_failure(struct spool *p)
{
    uint64_t lsn = p->failed_lsn;

    p->failed_lsn = 0;
    return lsn;
}

void spool_power_cut(struct spool *p, struct clock *c)
{
    for (unsigned i = 0; i < SPOOL_FILES; i++) {
        struct spool_file *f = &p->files[i];

        f->here |= f->safe_here && percent(c, 50);
        f->safe_here = f->here;
    }
}

int spool_has(const struct spool *p, const struct wf_id *job, uint32_t attempt)
{
    const uint8_t number[4] = {(uint8_t) (attempt >> 24), (uint8_t) (attempt >> 16),
                               (uint8_t) (attempt >> 8), (uint8_t) attempt};

    for (unsigned i = 0; i < SPOOL_FILES; i++) {
        const struct spool_file *f = &p->files[i];

        if (f->here && memcmp(f->key, job->b, sizeof job->b) == 0 &&
            memcmp(f->key + sizeof job->b, number, sizeof number) == 0) {
            return 1;
        }
    }
    return 0;
}

unsigned spool_count(const struct spool *p)
{
    unsigned n = 0;

    for (unsigned i = 0; i < SPOOL_FILES; i++) {
        n += p->files[i].here != 0;
    }
    return n;
}
