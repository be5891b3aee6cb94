/* udp.h - datagrams on the loop
 *
 * A socket is bound to an address, or connected to one peer: then the kernel lets nobody
 * else's datagrams through.  What cannot be sent at once is dropped, as networks do.
 */
#ifndef COMMON_IO_UDP_H
#define COMMON_IO_UDP_H

#include "common/io/loop.h"

#include <netinet/in.h>

#define UDP_BYTES_MAX 1500u /* longer ones are dropped */

union udp_addr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_storage room;
};

struct udp;

/* One datagram; both borrowed. */
typedef void udp_fn(void *arg, const uint8_t *bytes, size_t len,
                    const union udp_addr *from);

/* The address of a host: a number, `*` (every one, IPv4), or a name, for which this
 * waits. 0, WEFT_ENOENT. */
int udp_resolve(const char *host, unsigned port, union udp_addr *ret_addr);
void udp_set_port(union udp_addr *addr, unsigned port);

/* 0, WEFT_EIO (told why), WEFT_ENOMEM. */
int udp_bind(struct wf_loop *l, const union udp_addr *at, udp_fn *fn, void *arg,
             struct udp **ret_udp, struct wf_err *err);
int udp_connect(struct wf_loop *l, const union udp_addr *to, udp_fn *fn, void *arg,
                struct udp **ret_udp, struct wf_err *err);

/* NULL is allowed. */
void udp_free(struct udp *u);

/* `to` is NULL on a connected one. */
void udp_send(struct udp *u, const union udp_addr *to, const uint8_t *bytes, size_t len);

#endif
