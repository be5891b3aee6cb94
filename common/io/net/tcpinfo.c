#include "common/io/net/tcpinfo.h"

#include "common/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int tcpinfo_received(int fd, uint64_t *ret_bytes)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        return errno == EBADF || errno == ENOTSOCK ? WEFT_ENOENT : WEFT_ESUPPORT;
    }
    if (len < offsetof(struct tcp_info, tcpi_bytes_received) +
                  sizeof info.tcpi_bytes_received) {
        return WEFT_ESUPPORT;
    }
    *ret_bytes = info.tcpi_bytes_received;
    return 0;
}

uint64_t tcpinfo_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof cookie;

    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

void tcpinfo_peer(int fd, char *dst, size_t cap)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage room;
    } a;
    socklen_t len = sizeof a;
    char ip[INET6_ADDRSTRLEN] = "";

    dst[0] = '\0';
    if (getpeername(fd, &a.sa, &len) != 0) {
        return;
    }
    if (a.sa.sa_family == AF_INET) {
        (void) inet_ntop(AF_INET, &a.in.sin_addr, ip, sizeof ip);
        (void) snprintf(dst, cap, "%s:%u", ip, ntohs(a.in.sin_port));
    } else if (a.sa.sa_family == AF_INET6) {
        (void) inet_ntop(AF_INET6, &a.in6.sin6_addr, ip, sizeof ip);
        (void) snprintf(dst, cap, "[%s]:%u", ip, ntohs(a.in6.sin6_port));
    }
}

void tcpinfo_cut(int fd, uint64_t cookie)
{
    if (cookie != 0 && tcpinfo_cookie(fd) == cookie) {
        (void) shutdown(fd, SHUT_RDWR);
    }
}
