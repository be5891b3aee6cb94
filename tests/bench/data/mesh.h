/* data_mesh.h - a mesh of a broker, an agent that holds data and one that fetches it
 *
 * What fails ends the process after saying why.
 */
#ifndef TESTS_BENCH_DATA_MESH_H
#define TESTS_BENCH_DATA_MESH_H

#include "tests/bench/data/data.h"
#include "tests/bench/mesh.h"

#include "client/include/weft/weft.h"

#include <sys/stat.h>

#define DATA_HOLDER  "holder"
#define DATA_FETCHER "fetcher"
#define DATA_CALL_MS 10000

struct data_mesh {
    int far; /* the fetcher is at a site of its own */
    struct mesh mesh;
    const char *tmp;
    pid_t holder, fetcher;
    weft_client *client;
    weft_future *stage;
    /* Of what was added last: all files, and each blob once. */
    size_t files;
    uint64_t bytes, distinct;
    uint64_t moved; /* over links, by the last stage */
};

/* Start it.  The holder is asked directly, or else through the broker. */
void data_mesh_start(struct data_mesh *m, const char *tmp, int direct, int encrypt);

/* Make a dataset of what is at `path`, in place at the holder; the broker knows then. */
void data_mesh_add(struct data_mesh *m, const char *path, const char *dataset);

/* Bring it to the fetcher: begin, look whether it is there, wait until it is. */
void data_mesh_stage_begin(struct data_mesh *m, const char *dataset);
int data_mesh_stage_over(const struct data_mesh *m);
void data_mesh_stage_end(struct data_mesh *m);

/* A clock of the broker, both agents and this process. */
void data_mesh_clock(const struct data_mesh *m, struct data_clock *ret_clock);

/* Memory of the broker in bytes: what it is, from where a peak is looked for (`begin`),
 * or that peak. */
uint64_t data_mesh_rss(const struct data_mesh *m, int begin);

#endif
