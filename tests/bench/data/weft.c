/* weft, CURVE on: an agent that holds a file in place, another one that stages it, from
 * the first one itself or through the broker, by order of a client.  Pings go from that
 * client over the broker to the agent that fetches and back, one at a time. */
#include "tests/bench/data/data.h"
#include "tests/bench/data/mesh.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void ping(struct data_mesh *m, struct hist *h)
{
    uint64_t from_ns = load_now(), broker_us, node_us;

    if (weft_ping(m->client, DATA_FETCHER, DATA_CALL_MS, &broker_us, &node_us) != 0) {
        data_fail("ping", "no answer");
    }
    hist_add(h, load_now() - from_ns);
}

/* -- one large file --------------------------------------------------------------------
 */

static void begin(struct data_mesh *m, struct bench_run *r, int direct, int encrypt)
{
    char path[512];

    bench_touch((size_t) r->mib << 22); /* two files, and what is on its way */
    data_mesh_start(m, r->tmp, direct, encrypt);
    snprintf(path, sizeof path, "%s/large", r->tmp);
    data_fill(path, (uint64_t) r->mib << 20, 0);
    data_mesh_add(m, path, "large");
    r->printed = 1;
}

static int large(struct bench_run *r, const char *system, int direct, int encrypt)
{
    static struct data_mesh m;
    struct data_clock c;
    char more[128] = "";
    uint64_t rss, peak;

    begin(&m, r, direct, encrypt);
    data_mesh_clock(&m, &c);
    rss = data_mesh_rss(&m, 1);
    data_clock_start(&c);
    data_mesh_stage_begin(&m, "large");
    data_mesh_stage_end(&m);
    data_clock_stop(&c);
    peak = data_mesh_rss(&m, 0);
    if (!direct) {
        snprintf(more, sizeof more, ",\"broker_mib\":%.1f",
                 (double) (peak - rss) / (1 << 20));
    }
    data_print(system, &c, m.bytes, more);
    return 0;
}

int data_weft_direct(struct bench_run *r)
{
    return large(r, "weft-direct", 1, 1);
}

int data_weft_direct_plain(struct bench_run *r)
{
    return large(r, "weft-direct-plain", 1, 0);
}

int data_weft_relay(struct bench_run *r)
{
    return large(r, "weft-relay", 0, 1);
}

int data_weft_relay_plain(struct bench_run *r)
{
    return large(r, "weft-relay-plain", 0, 0);
}

/* -- pings meanwhile -------------------------------------------------------------------
 */

static int pings(struct bench_run *r, const char *idle, const char *bulk, int direct)
{
    static struct data_mesh m;
    static struct hist alone, beside;
    uint64_t until_ns;

    begin(&m, r, direct, 1);
    until_ns = load_now() + (uint64_t) (r->seconds * 1e9);
    while (load_now() < until_ns) {
        ping(&m, &alone);
    }
    data_mesh_stage_begin(&m, "large");
    while (!data_mesh_stage_over(&m)) {
        ping(&m, &beside);
    }
    data_mesh_stage_end(&m);
    if (idle != NULL) {
        data_print_pings(idle, &alone);
    }
    data_print_pings(bulk, &beside);
    return 0;
}

int data_ping(struct bench_run *r)
{
    return pings(r, "ping-idle", "ping-bulk", 1);
}

int data_ping_relay(struct bench_run *r)
{
    return pings(r, NULL, "ping-bulk-relay", 0);
}

/* -- many files ------------------------------------------------------------------------
 */

#define SMALL_BYTES  1024
#define SMALL_FOLDER 1000 /* files */
#define SMALL_MIB    1024 /* of --mib that stand for SMALL_FILES of them */
#define SMALL_FILES  100000
#define REAL         "/usr/share/doc"

static void small_files(const char *top, unsigned n)
{
    char path[600];

    if (mkdir(top, 0700) != 0) {
        data_fail("cannot make", top);
    }
    for (unsigned i = 0; i < n; i++) {
        if (i % SMALL_FOLDER == 0) {
            snprintf(path, sizeof path, "%s/%u", top, i / SMALL_FOLDER);
            (void) mkdir(path, 0700);
        }
        snprintf(path, sizeof path, "%s/%u/%u", top, i / SMALL_FOLDER, i);
        data_fill(path, SMALL_BYTES, i);
    }
}

int data_small(struct bench_run *r)
{
    static struct data_mesh m;
    unsigned n = (unsigned) ((uint64_t) SMALL_FILES * r->mib / SMALL_MIB);
    struct data_clock c;
    char path[512], more[128];

    data_mesh_start(&m, r->tmp, 1, 1);
    snprintf(path, sizeof path, "%s/small", r->tmp);
    small_files(path, n == 0 ? 1 : n);
    data_mesh_add(&m, path, "small");
    data_mesh_clock(&m, &c);
    data_clock_start(&c);
    data_mesh_stage_begin(&m, "small");
    data_mesh_stage_end(&m);
    data_clock_stop(&c);
    snprintf(more, sizeof more, ",\"files\":%zu,\"per_s\":%.0f", m.files,
             (double) m.files / c.seconds);
    data_print("small-files", &c, m.bytes, more);
    r->printed = 1;
    return 0;
}

/* Whatever the size asked for: compressing is for what comes from another site. */
int data_real(struct bench_run *r)
{
    static struct data_mesh m = {.far = 1};
    struct data_clock c;
    char more[256];

    if (access(REAL, R_OK) != 0) {
        fprintf(stderr, "bench: there is no %s\n", REAL);
        return BENCH_SKIP;
    }
    data_mesh_start(&m, r->tmp, 1, 1);
    data_mesh_add(&m, REAL, "real");
    data_mesh_clock(&m, &c);
    data_clock_start(&c);
    data_mesh_stage_begin(&m, "real");
    data_mesh_stage_end(&m);
    data_clock_stop(&c);
    snprintf(more, sizeof more,
             ",\"files\":%zu,\"bytes\":%llu,\"moved\":%llu,\"dedup\":%.3f,"
             "\"compression\":%.3f",
             m.files, (unsigned long long) m.bytes, (unsigned long long) m.moved,
             (double) m.bytes / (double) m.distinct,
             (double) m.distinct / (double) m.moved);
    data_print("real-files", &c, m.bytes, more);
    r->printed = 1;
    return 0;
}
