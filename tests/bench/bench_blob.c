/* Figures of the blob store: how fast chunks come in and go out, by the thread's way.
 *
 *     bench-blob [DIR [MIB]]    DIR: for the store [/tmp]
 */
#include "agent/blob/blobs.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK   (256u << 10)
#define SMALL   100000u
#define ENGAGED 16u /* requests under way */

struct bench {
    struct wf_loop loop;
    struct blobs *s;
    struct blobs_ask q;
    uint8_t *bytes; /* of one blob */
    uint64_t size, next, end, heard;
    unsigned failed;
};

static void ask(struct bench *b)
{
    uint8_t *p = NULL;
    size_t len = 0;
    char text[32];

    if (b->next == b->end) {
        return;
    }
    b->q.chunk = b->next;
    if (b->q.op == BLOBS_WRITE) {
        len = wf_chunk_len(b->size, b->next);
        p = wf_memdup(b->bytes + b->next * CHUNK, len);
    } else if (b->q.op == BLOBS_IMPORT) {
        len = (size_t) snprintf(text, sizeof text, "%llu", (unsigned long long) b->next);
        p = wf_memdup(text, len);
    }
    b->next++;
    b->failed += blobs_ask(b->s, &b->q, &p, len) != 0;
}

static void on_done(void *arg, struct blobs_done *d)
{
    struct bench *b = arg;

    b->failed += d->code != 0;
    ask(b);
    if (++b->heard == b->end) {
        wf_loop_stop(&b->loop);
    }
}

/* Seconds for `n` requests of a kind. */
static double run(struct bench *b, enum blobs_op op, uint64_t n, unsigned engaged)
{
    uint64_t from_us = wf_now_us();

    b->q.op = op;
    b->next = b->heard = 0;
    b->end = n;
    for (unsigned i = 0; i < engaged; i++) {
        ask(b);
    }
    wf_loop_run(&b->loop);
    return (double) (wf_now_us() - from_us) / 1e6;
}

static void one_coding(const char *dir, uint64_t size, int encrypt)
{
    const struct blobs_cbs cbs = {.on_done = on_done};
    const struct blob_options o = {.dir = dir, .encrypt = encrypt};
    const double mib = (double) size / (1 << 20);
    struct bench b = {.size = size, .bytes = malloc(size)};
    const uint64_t n = wf_chunk_count(size);
    struct wf_digest *leaves = wf_calloc(n, sizeof *leaves);
    uint8_t *p = (uint8_t *) leaves;
    struct wf_err err;
    double write_s, read_s, small_s;

    if (b.bytes == NULL || leaves == NULL || wf_loop_init(&b.loop, &err) != 0 ||
        blobs_new(&b.loop, &o, 0, &cbs, &b, &b.s, &err) != 0) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    memset(b.bytes, 'x' + encrypt, size);
    for (uint64_t i = 0; i < n; i++) {
        wf_leaf(b.bytes + i * CHUNK, wf_chunk_len(size, i), &leaves[i]);
    }
    wf_blob_digest(size, leaves, &b.q.digest);
    b.q.size = size;
    (void) run(&b, BLOBS_BEGIN, 1, 1);
    b.q.op = BLOBS_LEAVES;
    b.next = b.heard = 0;
    b.end = 1;
    b.next = 1;
    b.failed += blobs_ask(b.s, &b.q, &p, n * sizeof *leaves) != 0;
    wf_loop_run(&b.loop);
    write_s = run(&b, BLOBS_WRITE, n, ENGAGED);
    read_s = run(&b, BLOBS_READ, n, ENGAGED);
    small_s = run(&b, BLOBS_IMPORT, SMALL, 256);
    printf("%s: write %.0f MiB/s, read %.0f MiB/s, %.0f small blobs/s, %u failed\n",
           encrypt ? "sealed" : "plain ", mib / write_s, mib / read_s, SMALL / small_s,
           b.failed);
    blobs_free(b.s);
    wf_loop_fini(&b.loop);
    free(b.bytes);
}

int main(int argc, char **argv)
{
    const uint64_t size = (uint64_t) (argc > 2 ? atoi(argv[2]) : 512) << 20;
    char dir[256], cmd[300];

    snprintf(dir, sizeof dir, "%s/bench-blob-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (mkdtemp(dir) == NULL || wf_chunk_size(size) != CHUNK) {
        fprintf(stderr, "usage: bench-blob [DIR [MIB]], of 65 to 1024 MiB\n");
        return 2;
    }
    for (int encrypt = 0; encrypt < 2; encrypt++) {
        char store[280];

        snprintf(store, sizeof store, "%s/%d", dir, encrypt);
        one_coding(store, size, encrypt);
    }
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd) == 0 ? 0 : 1;
}
