/* What the disk itself gives: the submits that wait are written behind one another with
 * one pwrite() and made durable with one fdatasync().  The submits that come while a sync
 * runs are the next batch: with a full window, all of them.
 *
 *   raw          into a file whose space was allocated before, like a log that grows
 *   raw-rewrite  into blocks that were written before, like a log that starts again: a
 *                sync then touches no metadata but the time stamps
 */
#include "tests/bench/durable/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES   ((off_t) 256 << 20)
#define REWRITE_BYTES ((off_t) 64 << 20)
#define BLOCK_BYTES   (1u << 20)

struct raw {
    int fd;
    int rewrite;
    off_t at, end; /* where the next batch goes; how far there is space for it */
};

static int fail(const char *what)
{
    fprintf(stderr, "bench: raw: %s: %s\n", what, strerror(errno));
    return 1;
}

static int write_blocks(int fd)
{
    uint8_t *block = calloc(1, BLOCK_BYTES);
    int bad = block == NULL;

    for (off_t at = 0; !bad && at < REWRITE_BYTES; at += BLOCK_BYTES) {
        bad = pwrite(fd, block, BLOCK_BYTES, at) != (ssize_t) BLOCK_BYTES;
    }
    free(block);
    return bad || fsync(fd) != 0;
}

static int open_file(struct raw *raw, const char *tmp)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/raw", tmp);
    raw->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (raw->fd < 0) {
        return fail("open");
    }
    if (raw->rewrite) {
        raw->end = REWRITE_BYTES;
        return write_blocks(raw->fd) ? fail("write blocks") : 0;
    }
    return 0;
}

static int make_space(struct raw *raw)
{
    if (raw->rewrite) {
        raw->at = 0;
        return 0;
    }
    /* Where the file system cannot, the log grows with each write. */
    if (fallocate(raw->fd, 0, raw->end, CHUNK_BYTES) != 0 && errno != EOPNOTSUPP) {
        return fail("allocate");
    }
    raw->end += CHUNK_BYTES;
    return 0;
}

static int write_batch(struct raw *raw, const uint8_t *batch, size_t len)
{
    if ((off_t) len > raw->end - raw->at && make_space(raw) != 0) {
        return 1;
    }
    if (pwrite(raw->fd, batch, len, raw->at) != (ssize_t) len ||
        fdatasync(raw->fd) != 0) {
        return fail("write");
    }
    raw->at += (off_t) len;
    return 0;
}

static int run(struct bench_run *r, int rewrite)
{
    struct raw raw = {.rewrite = rewrite};
    size_t bytes = (size_t) r->window * DURABLE_PAYLOAD;
    uint8_t *batch = malloc(bytes);
    struct stamps stamps;
    int again = 1;

    if (batch == NULL || open_file(&raw, r->tmp) != 0) {
        return 1;
    }
    stamps_start(&stamps, r);
    while (again) {
        uint64_t now;

        for (uint32_t i = 0; i < r->window; i++) {
            stamps_sent(&stamps);
            durable_fill(batch + (size_t) i * DURABLE_PAYLOAD);
        }
        if (write_batch(&raw, batch, bytes) != 0) {
            return 1;
        }
        now = load_now();
        for (uint32_t i = 0; i < r->window; i++) {
            again = stamps_done(&stamps, &r->load, now);
        }
    }
    return 0;
}

int durable_raw(struct bench_run *r)
{
    return run(r, 0);
}

int durable_raw_rewrite(struct bench_run *r)
{
    return run(r, 1);
}
