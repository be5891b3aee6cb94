/* rawpeer.h - a CURVE client made by hand (rfc.zeromq.org/spec/26), to send what no
 * library would
 *
 * Blocking; runs in a thread of its own, because the server needs its loop to let it in.
 */
#ifndef TESTS_UNIT_IO_RAWPEER_H
#define TESTS_UNIT_IO_RAWPEER_H

#include "common/io/keys.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RAW_MESSAGE_MAX 65536

struct raw {
    int fd;
    struct keys own, brief; /* long-term and short-term */
    uint8_t server[32], server_brief[32];
    uint64_t nonce;
};

/* A TCP connection to an endpoint "tcp://127.0.0.1:PORT"; -1 on failure. */
__attribute__((unused)) static int raw_tcp(const char *endpoint)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_port = htons((uint16_t) atoi(strrchr(endpoint, ':') + 1));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (const struct sockaddr *) &to, sizeof to) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool raw_write(struct raw *r, const void *p, size_t len)
{
    const uint8_t *at = p;

    while (len != 0) {
        ssize_t n = send(r->fd, at, len, MSG_NOSIGNAL);

        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t) n;
    }
    return true;
}

static bool raw_read(struct raw *r, void *p, size_t len)
{
    uint8_t *at = p;

    while (len != 0) {
        ssize_t n = recv(r->fd, at, len, 0);

        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t) n;
    }
    return true;
}

static void put64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++) {
        p[i] = (uint8_t) (v >> (56 - 8 * i));
    }
}

/* The 24 bytes of a nonce: a text of 16 and the counter, whose 8 bytes also go to `dst`.
 */
static void raw_nonce(struct raw *r, const char *text, uint8_t *nonce, uint8_t *dst)
{
    memcpy(nonce, text, 16);
    put64(nonce + 16, ++r->nonce);
    memcpy(dst, nonce + 16, 8);
}

static bool raw_greet(struct raw *r)
{
    uint8_t g[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, 'C', 'U', 'R', 'V', 'E'};
    uint8_t theirs[64];

    return raw_write(r, g, sizeof g) && raw_read(r, theirs, sizeof theirs);
}

/* HELLO out, WELCOME in; the cookie is for INITIATE. */
static bool raw_hello(struct raw *r, uint8_t *cookie)
{
    static const uint8_t zeros[64];
    uint8_t out[2 + 200] = {4, 200, 5, 'H', 'E', 'L', 'L', 'O', 1, 0};
    uint8_t in[2 + 168], nonce[24], plain[128];

    memcpy(out + 2 + 80, r->brief.pub, 32);
    raw_nonce(r, "CurveZMQHELLO---", nonce, out + 2 + 112);
    if (crypto_box_easy(out + 2 + 120, zeros, 64, nonce, r->server, r->brief.sec) != 0 ||
        !raw_write(r, out, sizeof out) || !raw_read(r, in, sizeof in)) {
        return false;
    }
    memcpy(nonce, "WELCOME-", 8);
    memcpy(nonce + 8, in + 2 + 8, 16);
    if (crypto_box_open_easy(plain, in + 2 + 24, 144, nonce, r->server, r->brief.sec) !=
        0) {
        return false;
    }
    memcpy(r->server_brief, plain, 32);
    memcpy(cookie, plain + 32, 96);
    return true;
}

static bool raw_initiate(struct raw *r, const uint8_t *cookie)
{
    static const uint8_t meta[] = "\x0bSocket-Type\0\0\0\6DEALER";
    enum { META = sizeof meta - 1, PLAIN = 128 + META, BODY = 113 + 16 + PLAIN };
    uint8_t out[9 + BODY] = {6}, plain[PLAIN], vouch[64], nonce[24], size[2], *p;

    put64(out + 1, BODY);
    p = out + 9;
    memcpy(p, "\x08INITIATE", 9);
    memcpy(p + 9, cookie, 96);
    memcpy(vouch, r->brief.pub, 32);
    memcpy(vouch + 32, r->server, 32);
    memcpy(plain, r->own.pub, 32);
    memcpy(nonce, "VOUCH---", 8);
    randombytes_buf(nonce + 8, 16);
    memcpy(plain + 32, nonce + 8, 16);
    if (crypto_box_easy(plain + 48, vouch, 64, nonce, r->server_brief, r->own.sec) != 0) {
        return false;
    }
    memcpy(plain + 128, meta, META);
    raw_nonce(r, "CurveZMQINITIATE", nonce, p + 105);
    if (crypto_box_easy(p + 113, plain, PLAIN, nonce, r->server_brief, r->brief.sec) !=
            0 ||
        !raw_write(r, out, sizeof out) || !raw_read(r, size, 2)) {
        return false;
    }
    /* READY: what it says does not matter. */
    for (unsigned left = size[1]; left != 0; left--) {
        uint8_t byte;

        if (!raw_read(r, &byte, 1)) {
            return false;
        }
    }
    return size[0] == 4;
}

__attribute__((unused)) static bool raw_open(struct raw *r, const char *endpoint,
                                             const struct keys *own,
                                             const uint8_t *server)
{
    uint8_t cookie[96];

    *r = (struct raw){.own = *own};
    memcpy(r->server, server, 32);
    keys_make(&r->brief);
    r->fd = raw_tcp(endpoint);
    return r->fd >= 0 && raw_greet(r) && raw_hello(r, cookie) && raw_initiate(r, cookie);
}

/* One frame of a message; `more` says that it is not the last. */
__attribute__((unused)) static bool raw_send(struct raw *r, const void *p, size_t len,
                                             bool more)
{
    static uint8_t out[9 + 33 + RAW_MESSAGE_MAX], plain[1 + RAW_MESSAGE_MAX];
    uint8_t nonce[24];

    out[0] = 2;
    put64(out + 1, 33 + len);
    memcpy(out + 9, "\7MESSAGE", 8);
    plain[0] = more;
    memcpy(plain + 1, p, len);
    raw_nonce(r, "CurveZMQMESSAGEC", nonce, out + 17);
    return crypto_box_easy(out + 25, plain, len + 1, nonce, r->server_brief,
                           r->brief.sec) == 0 &&
           raw_write(r, out, 9 + 33 + len);
}

#endif
