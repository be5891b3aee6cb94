/* What the bytes cost without weft: one CURVE connection that does nothing else, and a
 * plain copy of a file over one TCP connection.  Two processes each. */
#include "tests/bench/data/data.h"
#include "tests/bench/proc.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#define MESSAGE   (64u << 10)
#define COPY      (256u << 10)
#define HWM       64
#define KEY_TEXT  41
#define END_OF(r) ((uint64_t) (r)->mib << 20)

static void must(int good, const char *what)
{
    if (!good) {
        data_fail(what, zmq_strerror(zmq_errno()));
    }
}

/* -- raw-curve -------------------------------------------------------------------------
 */

struct sender {
    char public[KEY_TEXT], secret[KEY_TEXT], server[KEY_TEXT];
    char endpoint[64];
    uint64_t bytes;
};

static void *make_socket(int type, const char *public, const char *secret)
{
    void *s = zmq_socket(zmq_ctx_new(), type);
    int hwm = HWM;

    must(s != NULL, "zmq_socket");
    must(zmq_setsockopt(s, ZMQ_SNDHWM, &hwm, sizeof hwm) == 0 &&
             zmq_setsockopt(s, ZMQ_RCVHWM, &hwm, sizeof hwm) == 0 &&
             zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, public, KEY_TEXT) == 0 &&
             zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, secret, KEY_TEXT) == 0,
         "socket options");
    return s;
}

/* It stays, so that its processor time can be read, and ends with its parent. */
static void send_all(void *arg)
{
    static uint8_t message[MESSAGE];
    const struct sender *to = arg;
    void *s = make_socket(ZMQ_DEALER, to->public, to->secret);

    memset(message, 0xa5, sizeof message);
    must(zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, to->server, KEY_TEXT) == 0 &&
             zmq_connect(s, to->endpoint) == 0,
         "zmq_connect");
    for (uint64_t sent = 0; sent < to->bytes; sent += MESSAGE) {
        must(zmq_send(s, message, MESSAGE, 0) == (int) MESSAGE, "zmq_send");
    }
    for (;;) {
        pause();
    }
}

/* The id of the sender, and what it sent.  Its length. */
static uint64_t receive(void *s)
{
    zmq_msg_t id, m;
    uint64_t len;

    zmq_msg_init(&id);
    zmq_msg_init(&m);
    must(zmq_msg_recv(&id, s, 0) >= 0 && zmq_msg_recv(&m, s, 0) >= 0, "zmq_msg_recv");
    len = zmq_msg_size(&m);
    zmq_msg_close(&id);
    zmq_msg_close(&m);
    return len;
}

int data_raw_curve(struct bench_run *r)
{
    static struct sender to;
    char secret[KEY_TEXT];
    struct data_clock c = {.procs = {getpid()}};
    size_t len = sizeof to.endpoint;
    int one = 1;
    void *s;

    must(zmq_curve_keypair(to.server, secret) == 0 &&
             zmq_curve_keypair(to.public, to.secret) == 0,
         "zmq_curve_keypair");
    s = make_socket(ZMQ_ROUTER, to.server, secret);
    must(zmq_setsockopt(s, ZMQ_CURVE_SERVER, &one, sizeof one) == 0 &&
             zmq_bind(s, "tcp://127.0.0.1:*") == 0 &&
             zmq_getsockopt(s, ZMQ_LAST_ENDPOINT, to.endpoint, &len) == 0,
         "zmq_bind");
    to.bytes = END_OF(r) + MESSAGE;
    c.procs[1] = proc_fork(send_all, &to);
    (void) receive(s); /* the connection is there */
    data_clock_start(&c);
    for (uint64_t got = 0; got < END_OF(r);) {
        got += receive(s);
    }
    data_clock_stop(&c);
    data_print("raw-curve", &c, END_OF(r), "");
    r->printed = 1;
    return 0;
}

/* -- tcp -------------------------------------------------------------------------------
 */

struct copy {
    const char *path;
    int port;
};

static void send_file(void *arg)
{
    static uint8_t buf[COPY];
    const struct copy *c = arg;
    int fd = proc_connect(c->port), file = open(c->path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0 || file < 0) {
        data_fail("cannot send", c->path);
    }
    while ((n = read(file, buf, sizeof buf)) > 0) {
        for (ssize_t at = 0, w; at < n; at += w) {
            w = write(fd, buf + at, (size_t) (n - at));
            if (w <= 0) {
                data_fail("cannot send", c->path);
            }
        }
    }
    for (;;) {
        pause();
    }
}

static int listen_on(int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof a) != 0 || listen(fd, 1) != 0 ||
        getsockname(fd, (struct sockaddr *) &a, &len) != 0) {
        data_fail("tcp", "cannot listen");
    }
    *ret_port = ntohs(a.sin_port);
    return fd;
}

int data_tcp(struct bench_run *r)
{
    static uint8_t buf[COPY];
    char from[512], to[512];
    struct copy copy = {.path = from};
    struct data_clock c = {.procs = {getpid()}};
    int fd = listen_on(&copy.port), conn, file;

    snprintf(from, sizeof from, "%s/from", r->tmp);
    snprintf(to, sizeof to, "%s/to", r->tmp);
    data_fill(from, END_OF(r), 0);
    file = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    c.procs[1] = proc_fork(send_file, &copy);
    data_clock_start(&c);
    conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    for (uint64_t got = 0; got < END_OF(r);) {
        ssize_t n = read(conn, buf, sizeof buf);

        if (n <= 0 || write(file, buf, (size_t) n) != n) {
            data_fail("cannot receive to", to);
        }
        got += (uint64_t) n;
    }
    data_clock_stop(&c);
    data_print("tcp", &c, END_OF(r), "");
    r->printed = 1;
    return 0;
}
