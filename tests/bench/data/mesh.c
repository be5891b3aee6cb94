#include "tests/bench/data/mesh.h"

#include "tests/bench/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define READY_MS  10000
#define STAGE_MS  600000
#define LINE_CAP  4400
#define NODE_CONF "data_cap = 64G\ndata_floor = 64M\n"

static void pause_ms(unsigned ms)
{
    const struct timespec t = {ms / 1000, (long) (ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

static void wait_up(struct data_mesh *m, const char *node)
{
    uint64_t until_ns = load_now() + (uint64_t) READY_MS * 1000000, a, b;

    while (weft_ping(m->client, node, DATA_CALL_MS, &a, &b) != 0) {
        if (load_now() > until_ns) {
            data_fail(node, "it does not come up");
        }
        pause_ms(20);
    }
}

void data_mesh_start(struct data_mesh *m, const char *tmp, int direct, int encrypt)
{
    struct weft_options options = WEFT_OPTIONS_INIT;
    char conf[256], why[256] = "";

    m->tmp = tmp;
    if (mesh_start(&m->mesh, tmp) != 0) {
        exit(1);
    }
    snprintf(conf, sizeof conf, NODE_CONF "data_encrypt = %s\n%s", encrypt ? "yes" : "no",
             direct ? "data_listen = \"tcp://127.0.0.1:*\"\n" : "");
    m->holder = mesh_node(tmp, DATA_HOLDER, NULL, conf);
    m->fetcher = mesh_node(tmp, DATA_FETCHER, m->far ? "far" : NULL, conf);
    if (m->holder < 0 || m->fetcher < 0) {
        exit(1);
    }
    options.context = "op"; /* it may ping nodes */
    if (weft_open(&options, &m->client, why, sizeof why) != 0) {
        data_fail("open", why);
    }
    wait_up(m, DATA_HOLDER);
    wait_up(m, DATA_FETCHER);
}

/* -- adding ----------------------------------------------------------------------------
 */

struct list {
    struct weft_file *file;
    size_t n, cap;
};

/* A line of `weft-agent data add`: digest, size, path. */
static void take_line(struct list *l, char *line)
{
    struct weft_file *f;
    char *end;

    line[strcspn(line, "\n")] = '\0';
    if (l->n == l->cap) {
        l->cap = l->cap != 0 ? 2 * l->cap : 1024;
        l->file = realloc(l->file, l->cap * sizeof *l->file);
        if (l->file == NULL) {
            data_fail("files", "no memory");
        }
    }
    f = &l->file[l->n++];
    if (strlen(line) < WEFT_DIGEST_TEXT || line[WEFT_DIGEST_TEXT - 1] != ' ') {
        data_fail("weft-agent data add", line);
    }
    line[WEFT_DIGEST_TEXT - 1] = '\0';
    f->size = strtoull(line + WEFT_DIGEST_TEXT, &end, 10);
    f->path = strdup(end + 1);
    if (weft_digest_parse(line, &f->digest) != 0 || f->path == NULL) {
        data_fail("weft-agent data add", line);
    }
}

static void read_list(const char *path, struct list *l)
{
    char line[LINE_CAP];
    FILE *f = fopen(path, "r");

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        take_line(l, line);
    }
    if (f == NULL || fclose(f) != 0 || l->n == 0) {
        data_fail("nothing was added: see", path);
    }
}

static int by_digest(const void *a, const void *b)
{
    const struct weft_file *x = a, *y = b;

    return memcmp(&x->digest, &y->digest, sizeof x->digest);
}

static void count(struct data_mesh *m, const struct list *l)
{
    m->files = l->n;
    m->bytes = m->distinct = 0;
    qsort(l->file, l->n, sizeof *l->file, by_digest);
    for (size_t i = 0; i < l->n; i++) {
        m->bytes += l->file[i].size;
        if (i == 0 || by_digest(&l->file[i], &l->file[i - 1]) != 0) {
            m->distinct += l->file[i].size;
        }
    }
}

/* Agents tell what they have now and then. */
static void wait_held(struct data_mesh *m, const char *dataset)
{
    uint64_t until_ns = load_now() + (uint64_t) STAGE_MS * 1000000;
    uint64_t copies = 0;

    while (copies == 0) {
        struct weft_dataset_full *full = NULL;

        if (load_now() > until_ns ||
            weft_dataset_show(m->client, dataset, 1, DATA_CALL_MS, &full) != 0) {
            data_fail("nobody has it", dataset);
        }
        copies = full->dataset.copies;
        weft_free(full);
        pause_ms(copies == 0 ? 50 : 0);
    }
}

void data_mesh_add(struct data_mesh *m, const char *path, const char *dataset)
{
    char conf[512], out[512], why[256] = "";
    const char *argv[] = {"weft-agent", "data",     "add", path,
                          "--in-place", "--config", conf,  NULL};
    struct list l = {0};

    snprintf(conf, sizeof conf, "%s/" DATA_HOLDER ".conf", m->tmp);
    snprintf(out, sizeof out, "%s/%s.files", m->tmp, dataset);
    if (proc_run(argv, out) != 0) {
        data_fail("weft-agent data add failed; see", out);
    }
    read_list(out, &l);
    count(m, &l);
    if (weft_dataset_put(m->client, dataset, NULL, 0, l.file, l.n, 0, STAGE_MS, NULL, why,
                         sizeof why) != 0) {
        data_fail("dataset", why);
    }
    wait_held(m, dataset);
    for (size_t i = 0; i < l.n; i++) {
        free((void *) (uintptr_t) l.file[i].path);
    }
    free(l.file);
}

/* -- staging ---------------------------------------------------------------------------
 */

void data_mesh_stage_begin(struct data_mesh *m, const char *dataset)
{
    struct weft_stage stage = WEFT_STAGE_INIT;
    int rc;

    stage.dataset = dataset;
    stage.node = DATA_FETCHER;
    rc = weft_data_stage(m->client, &stage, &m->stage);
    if (rc != 0) {
        data_fail("stage", weft_strerror(rc));
    }
}

int data_mesh_stage_over(const struct data_mesh *m)
{
    return weft_future_wait(m->stage, WEFT_UNTIL_DONE, 0) != WEFT_ETIMEOUT;
}

void data_mesh_stage_end(struct data_mesh *m)
{
    int rc = weft_future_wait(m->stage, WEFT_UNTIL_DONE, STAGE_MS);

    if (rc != 0 || weft_future_moved(m->stage) == NULL) {
        data_fail("stage", rc != 0 ? weft_future_text(m->stage) : "it did not go well");
    }
    m->moved = weft_future_moved(m->stage)->moved;
    weft_future_free(m->stage);
    m->stage = NULL;
}

/* -- what it costs ---------------------------------------------------------------------
 */

void data_mesh_clock(const struct data_mesh *m, struct data_clock *ret_clock)
{
    *ret_clock =
        (struct data_clock){.procs = {m->mesh.broker, m->holder, m->fetcher, getpid()}};
}

uint64_t data_mesh_rss(const struct data_mesh *m, int begin)
{
    const char *name = begin ? "VmRSS:" : "VmHWM:";
    char path[64], line[256];
    uint64_t kib = 0;
    FILE *f;

    if (begin) {
        snprintf(path, sizeof path, "/proc/%d/clear_refs", (int) m->mesh.broker);
        f = fopen(path, "w");
        if (f == NULL || fputs("5", f) < 0 || fclose(f) != 0) {
            data_fail("cannot reset the peak in", path);
        }
    }
    snprintf(path, sizeof path, "/proc/%d/status", (int) m->mesh.broker);
    f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            kib = strtoull(line + strlen(name), NULL, 10);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return kib * 1024;
}
