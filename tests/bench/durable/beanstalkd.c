/* beanstalkd with a binlog and a sync for each write (-b DIR -f0): puts of one client,
 * pipelined over one connection. */
#include "tests/bench/durable/durable.h"
#include "tests/bench/proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough for the requests of the largest window. */
#define OUT_CAP  (32u << 20)
#define IN_CAP   65536
#define INSERTED "INSERTED "

struct client {
    int fd;
    char head[64]; /* the line before each payload */
    size_t head_len;
    char *out;
    size_t out_len;
};

static int fail(const char *what)
{
    fprintf(stderr, "bench: beanstalkd: %s\n", what);
    return 1;
}

static int start(const char *tmp, int *ret_fd)
{
    char port[16];
    char dir[512];
    char log[512];
    const char *argv[] = {"beanstalkd", "-l", "127.0.0.1", "-p", port,
                          "-b",         dir,  "-f0",       NULL};
    int free_port = proc_free_port();

    snprintf(port, sizeof(port), "%d", free_port);
    snprintf(dir, sizeof(dir), "%s/binlog", tmp);
    snprintf(log, sizeof(log), "%s/beanstalkd.log", tmp);
    if (mkdir(dir, 0700) != 0) {
        return fail("cannot make the folder of its log");
    }
    if (proc_exec(argv, log) < 0) {
        fail("no such program: install beanstalkd");
        return BENCH_SKIP;
    }
    *ret_fd = proc_connect(free_port);
    return *ret_fd < 0 ? fail("does not listen") : 0;
}

static void put(struct client *c)
{
    uint8_t payload[DURABLE_PAYLOAD];

    durable_fill(payload);
    memcpy(c->out + c->out_len, c->head, c->head_len);
    c->out_len += c->head_len;
    memcpy(c->out + c->out_len, payload, sizeof(payload));
    c->out_len += sizeof(payload);
    memcpy(c->out + c->out_len, "\r\n", 2);
    c->out_len += 2;
}

static int flush(struct client *c)
{
    size_t done = 0;

    while (done < c->out_len) {
        ssize_t n = write(c->fd, c->out + done, c->out_len - done);

        if (n <= 0 && errno != EINTR) {
            return fail("write");
        }
        done += n > 0 ? (size_t) n : 0;
    }
    c->out_len = 0;
    return 0;
}

/* Read once; for each answer that is whole, count it and put another.  Sets *again. */
static int answers(struct client *c, struct stamps *stamps, struct load *load, int *again)
{
    static char in[IN_CAP];
    static size_t in_len;
    ssize_t n = read(c->fd, in + in_len, sizeof(in) - in_len);
    uint64_t now = load_now();
    char *line = in;
    char *end;

    if (n <= 0) {
        return fail("read");
    }
    in_len += (size_t) n;
    while ((end = memchr(line, '\n', in_len - (size_t) (line - in))) != NULL) {
        if (strncmp(line, INSERTED, strlen(INSERTED)) != 0) {
            return fail("a put was refused");
        }
        *again = stamps_done(stamps, load, now);
        if (*again) {
            stamps_sent(stamps);
            put(c);
        }
        line = end + 1;
    }
    in_len -= (size_t) (line - in);
    memmove(in, line, in_len);
    return 0;
}

int durable_beanstalkd(struct bench_run *r)
{
    struct client c = {.out = malloc(OUT_CAP)};
    struct stamps stamps;
    int again = 1;
    int rc = start(r->tmp, &c.fd);

    if (rc != 0 || c.out == NULL) {
        return rc != 0 ? rc : 1;
    }
    c.head_len =
        (size_t) snprintf(c.head, sizeof(c.head), "put 0 0 60 %d\r\n", DURABLE_PAYLOAD);
    stamps_start(&stamps, r);
    for (uint32_t i = 0; i < r->window; i++) {
        stamps_sent(&stamps);
        put(&c);
    }
    while (again) {
        if (flush(&c) != 0 || answers(&c, &stamps, &r->load, &again) != 0) {
            return 1;
        }
    }
    return 0;
}
