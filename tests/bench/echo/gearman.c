/* gearmand with its own C library on both sides: tasks are added from the callback of one
 * that has completed, so the window stays full. */
#include "tests/bench/echo/echo.h"
#include "tests/bench/proc.h"

#include <libgearman/gearman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FUNCTION "echo"

/* One request under way: the library keeps a pointer to its workload. */
struct slot {
    struct bench_run *echo;
    gearman_client_st *client;
    char unique[24];
    uint8_t payload[LOAD_PAYLOAD];
};

static uint64_t next_unique;

static void *echo_job(gearman_job_st *job, void *context, size_t *ret_size,
                      gearman_return_t *ret)
{
    size_t size = gearman_job_workload_size(job);
    void *copy = malloc(size != 0 ? size : 1);

    (void) context;
    memcpy(copy, gearman_job_workload(job), size);
    *ret_size = size;
    *ret = GEARMAN_SUCCESS;
    return copy;
}

static void worker(void *arg)
{
    gearman_worker_st *w = gearman_worker_create(NULL);
    int port = *(int *) arg;

    gearman_worker_add_server(w, "127.0.0.1", (in_port_t) port);
    gearman_worker_add_function(w, FUNCTION, 0, echo_job, NULL);
    while (gearman_worker_work(w) == GEARMAN_SUCCESS) {
    }
}

static int add(struct slot *s)
{
    gearman_return_t rc;

    load_stamp(s->payload);
    /* A name of our own, because the library's default is a slow random one. */
    snprintf(s->unique, sizeof(s->unique), "%llx", (unsigned long long) next_unique++);
    return gearman_client_add_task(s->client, NULL, s, FUNCTION, s->unique, s->payload,
                                   sizeof(s->payload), &rc) != NULL &&
           rc == GEARMAN_SUCCESS;
}

static gearman_return_t complete(gearman_task_st *task)
{
    struct slot *s = gearman_task_context(task);

    if (load_reply(&s->echo->load, gearman_task_data(task),
                   gearman_task_data_size(task))) {
        return add(s) ? GEARMAN_SUCCESS : GEARMAN_ERROR;
    }
    return GEARMAN_SUCCESS;
}

static int start_server(struct bench_run *e, int *ret_port)
{
    char port[16];
    char log[512];
    const char *argv[] = {"gearmand", "-L", "127.0.0.1", "-p",
                          port,       "-l", "stderr",    NULL};
    int fd;

    *ret_port = proc_free_port();
    snprintf(port, sizeof(port), "%d", *ret_port);
    snprintf(log, sizeof(log), "%s/gearmand.log", e->tmp);
    if (proc_exec(argv, log) < 0) {
        fprintf(stderr, "bench: no gearmand: install gearman-job-server\n");
        return BENCH_SKIP;
    }
    fd = proc_connect(*ret_port);
    if (fd < 0) {
        fprintf(stderr, "bench: gearmand does not listen\n");
        return 1;
    }
    close(fd);
    return 0;
}

int echo_gearman(struct bench_run *e)
{
    struct slot *slots = calloc(e->window, sizeof(*slots));
    gearman_client_st *c = gearman_client_create(NULL);
    uint32_t i;
    int port = 0;
    int rc = start_server(e, &port);
    gearman_return_t ret;

    if (rc != 0 || slots == NULL || c == NULL) {
        return rc != 0 ? rc : 1;
    }
    proc_fork(worker, &port);
    gearman_client_add_server(c, "127.0.0.1", (in_port_t) port);
    gearman_client_add_options(c, GEARMAN_CLIENT_FREE_TASKS);
    gearman_client_set_complete_fn(c, complete);
    load_start(&e->load, e->window, e->seconds);
    for (i = 0; i < e->window; i++) {
        slots[i].echo = e;
        slots[i].client = c;
        if (!add(&slots[i])) {
            fprintf(stderr, "bench: gearman: %s\n", gearman_client_error(c));
            return 1;
        }
    }
    ret = gearman_client_run_tasks(c);
    if (ret != GEARMAN_SUCCESS) {
        fprintf(stderr, "bench: gearman: %s\n", gearman_client_error(c));
        return 1;
    }
    return 0;
}
