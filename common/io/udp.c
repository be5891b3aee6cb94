#include "common/io/udp.h"

#include "common/mem.h"

#include <netdb.h>
#include <string.h>

struct udp {
    uv_udp_t uv;
    udp_fn *fn;
    void *arg;
    char bytes[UDP_BYTES_MAX];
};

int udp_resolve(const char *host, unsigned port, union udp_addr *ret_addr)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    union udp_addr addr;
    struct addrinfo *found;

    memset(&addr, 0, sizeof addr);
    if (strcmp(host, "*") == 0) {
        host = "0.0.0.0";
    }
    if (uv_ip4_addr(host, (int) port, &addr.in) != 0 &&
        uv_ip6_addr(host, (int) port, &addr.in6) != 0) {
        if (getaddrinfo(host, NULL, &hints, &found) != 0) {
            return WEFT_ENOENT;
        }
        memcpy(&addr.room, found->ai_addr, found->ai_addrlen);
        freeaddrinfo(found);
        udp_set_port(&addr, port);
    }
    *ret_addr = addr;
    return 0;
}

void udp_set_port(union udp_addr *addr, unsigned port)
{
    if (addr->sa.sa_family == AF_INET6) {
        addr->in6.sin6_port = htons((uint16_t) port);
    } else {
        addr->in.sin_port = htons((uint16_t) port);
    }
}

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *ret_buf)
{
    struct udp *u = h->data;

    (void) suggested;
    *ret_buf = uv_buf_init(u->bytes, sizeof u->bytes);
}

/* Errors are those of single datagrams, such as that nobody listens there: what was sent
 * is lost. */
static void on_datagram(uv_udp_t *h, ssize_t n, const uv_buf_t *buf,
                        const struct sockaddr *from, unsigned flags)
{
    struct udp *u = h->data;
    union udp_addr addr;

    if (n <= 0 || from == NULL || (flags & UV_UDP_PARTIAL) != 0) {
        return;
    }
    memset(&addr, 0, sizeof addr);
    if (from->sa_family == AF_INET) {
        memcpy(&addr.in, from, sizeof addr.in);
    } else if (from->sa_family == AF_INET6) {
        memcpy(&addr.in6, from, sizeof addr.in6);
    }
    u->fn(u->arg, (const uint8_t *) buf->base, (size_t) n, &addr);
}

static int open_udp(struct wf_loop *l, const union udp_addr *addr, int binds, udp_fn *fn,
                    void *arg, struct udp **ret_udp, struct wf_err *err)
{
    struct udp *u = wf_calloc(1, sizeof *u);
    int rc;

    if (u == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a socket");
    }
    rc = uv_udp_init(&l->uv, &u->uv);
    if (rc != 0) {
        wf_free(u);
        return wf_err_set(err, WEFT_EIO, "%s", uv_strerror(rc));
    }
    u->uv.data = u;
    u->fn = fn;
    u->arg = arg;
    rc = binds ? uv_udp_bind(&u->uv, &addr->sa, 0) : uv_udp_connect(&u->uv, &addr->sa);
    if (rc == 0) {
        rc = uv_udp_recv_start(&u->uv, on_room, on_datagram);
    }
    if (rc != 0) {
        udp_free(u);
        return wf_err_set(err, WEFT_EIO, "%s", uv_strerror(rc));
    }
    *ret_udp = u;
    return 0;
}

int udp_bind(struct wf_loop *l, const union udp_addr *at, udp_fn *fn, void *arg,
             struct udp **ret_udp, struct wf_err *err)
{
    return open_udp(l, at, 1, fn, arg, ret_udp, err);
}

int udp_connect(struct wf_loop *l, const union udp_addr *to, udp_fn *fn, void *arg,
                struct udp **ret_udp, struct wf_err *err)
{
    return open_udp(l, to, 0, fn, arg, ret_udp, err);
}

static void closed(uv_handle_t *h)
{
    wf_free(h->data);
}

void udp_free(struct udp *u)
{
    if (u != NULL) {
        uv_close((uv_handle_t *) &u->uv, closed);
    }
}

void udp_send(struct udp *u, const union udp_addr *to, const uint8_t *bytes, size_t len)
{
    char copy[UDP_BYTES_MAX];
    uv_buf_t buf = uv_buf_init(copy, (unsigned) len);

    if (len <= sizeof copy) {
        memcpy(copy, bytes, len);
        (void) uv_udp_try_send(&u->uv, &buf, 1, to != NULL ? &to->sa : NULL);
    }
}
