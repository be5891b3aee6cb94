#include "common/err.h"
#include "common/io/net/conns.h"
#include "common/io/net/tcpinfo.h"
#include "tests/lib/tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connected pair over TCP: ends[0] is the side that accepted. */
static void tcp_pair(int *ends)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    int l = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(l, (const struct sockaddr *) &at, sizeof at) == 0 && listen(l, 1) == 0 &&
         getsockname(l, (struct sockaddr *) &at, &len) == 0 &&
         connect(ends[1], (const struct sockaddr *) &at, sizeof at) == 0);
    ends[0] = accept(l, NULL, NULL);
    must(ends[0] >= 0);
    close(l);
}

static void test_order(void)
{
    struct conns t;
    int a[2], b[2], c[2];
    uint32_t old;

    conns_init(&t);
    tcp_pair(a);
    tcp_pair(b);
    tcp_pair(c);
    must(conns_accepted(&t, a[0], 1, &old) == 0 &&
         conns_accepted(&t, b[0], 2, &old) == 0 &&
         conns_accepted(&t, c[0], 3, &old) == 0);
    ok(t.n == 3 && t.unready == 3 && t.oldest == a[0] && t.newest == c[0], "by age");
    must(conns_bind(&t, b[0], 77, &old) == 0);
    is_int(conns_get(&t, b[0])->handle, 77, "a session's");
    is_int(t.unready, 2, "is ready");
    must(conns_accepted(&t, b[0], 4, &old) == 0);
    ok(t.unready == 2 && t.n == 3, "the event may come after the first message");
    conns_settle(&t, a[0]);
    conns_settle(&t, a[0]);
    is_int(t.oldest, c[0], "the oldest now");
    conns_drop(&t, b[0], 78);
    is_int(t.n, 3, "not that session's");
    conns_drop(&t, b[0], 77);
    conns_drop(&t, c[0], 0);
    ok(t.n == 1 && t.unready == 0 && t.oldest == -1 && t.newest == -1, "dropped");
    ok(conns_get(&t, -1) == NULL && conns_get(&t, 1 << 20) == NULL, "no connections");
    conns_fini(&t);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
        close(c[i]);
    }
}

static void test_descriptor_used_again(void)
{
    struct conns t;
    int a[2], b[2], fd;
    uint32_t old = 0;
    uint64_t cookie;

    conns_init(&t);
    tcp_pair(a);
    fd = a[0];
    must(conns_bind(&t, fd, 5, &old) == 0);
    cookie = conns_get(&t, fd)->cookie;
    tcp_pair(b);
    must(dup2(b[0], fd) == fd);
    tcpinfo_cut(fd, cookie);
    ok(send(b[1], "x", 1, MSG_NOSIGNAL) == 1, "another's connection is not cut");
    must(conns_accepted(&t, fd, 9, &old) == 0);
    is_int(old, 5, "the session of the old one is told");
    is_int(conns_get(&t, fd)->handle, 0, "the new one has none");
    is_int(t.n, 1, "there is one");
    close(b[0]);
    close(fd);
    is_int(conns_look(&t, fd, 1000), CONNS_GONE, "closed meanwhile");
    is_int(conns_accepted(&t, fd, 9, &old), 0, "closed before it was noted");
    is_int(conns_bind(&t, fd, 6, &old), WEFT_ENOENT, "nor can it be bound");
    close(a[1]);
    close(b[1]);
    conns_fini(&t);
}

static enum conns_look after(struct conns *t, const int *ends, size_t len)
{
    static uint8_t bytes[100000], sink[100000];
    size_t got = 0;

    must(send(ends[1], bytes, len, 0) == (ssize_t) len);
    while (got < len) {
        ssize_t n = recv(ends[0], sink, sizeof sink, 0);

        must(n > 0);
        got += (size_t) n;
    }
    return conns_look(t, ends[0], 200000);
}

static void test_guard(void)
{
    struct conns t;
    int a[2], pipes[2];
    uint32_t old;
    char text[64];

    conns_init(&t);
    tcp_pair(a);
    must(conns_accepted(&t, a[0], 1, &old) == 0);
    is_int(after(&t, a, 1000), CONNS_QUIET, "little");
    is_int(after(&t, a, 100000), CONNS_NEAR, "half of the cap");
    conns_get(&t, a[0])->moved = true;
    is_int(after(&t, a, 90000), CONNS_BUSY, "a message came out: counted anew");
    is_int(after(&t, a, 100000), CONNS_NEAR, "again");
    is_int(after(&t, a, 100000), CONNS_NEAR, "up to the cap");
    is_int(after(&t, a, 1000), CONNS_FLOOD, "and over it");
    tcpinfo_peer(a[0], text, sizeof text);
    ok(strncmp(text, "127.0.0.1:", 10) == 0, "its peer is %s", text);
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pipes) == 0);
    must(conns_accepted(&t, pipes[0], 1, &old) == 0);
    is_int(conns_look(&t, pipes[0], 0), CONNS_QUIET, "not TCP: not guarded");
    close(a[0]);
    close(a[1]);
    close(pipes[0]);
    close(pipes[1]);
    conns_fini(&t);
    ok(conns_raise_nofile() >= 64, "a limit of descriptors");
}

int main(void)
{
    test_order();
    test_descriptor_used_again();
    test_guard();
    return done();
}
