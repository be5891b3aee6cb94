/* tcpinfo.h - what the kernel knows of a TCP connection
 *
 * Apart, because <linux/tcp.h> and the C library's <netinet/tcp.h>, which uv.h includes,
 * cannot meet in one file.
 */
#ifndef COMMON_IO_NET_TCPINFO_H
#define COMMON_IO_NET_TCPINFO_H

#include "common/defs.h"

/* Bytes received since the connection began.  WEFT_ENOENT: not a socket (any more);
 * WEFT_ESUPPORT: not TCP, or an old kernel. */
int tcpinfo_received(int fd, uint64_t *ret_bytes);

/* A number that no other socket of this boot had: descriptors are used again, cookies are
 * not.  0 when `fd` is not a socket. */
uint64_t tcpinfo_cookie(int fd);

/* "192.0.2.1:4711", or "" */
void tcpinfo_peer(int fd, char *dst, size_t cap);

/* shutdown() both ways, if `fd` still is the socket with that cookie. */
void tcpinfo_cut(int fd, uint64_t cookie);

#endif
