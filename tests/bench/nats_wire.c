#include "tests/bench/nats_wire.h"

#include "tests/bench/proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_OPENSSL
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

static void fail(const char *what)
{
    fprintf(stderr, "bench: nats: %s: %s\n", what, strerror(errno));
    exit(1);
}

#ifdef HAVE_OPENSSL
static void start_tls(struct nats_wire *w, const struct nats_server *s)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;

    if (ctx == NULL || SSL_CTX_load_verify_locations(ctx, s->cert, NULL) != 1) {
        fail("certificate");
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    /* One read takes many records, and a session ticket does not make it wait. */
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, NATS_BUF);
    SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
    ssl = SSL_new(ctx);
    if (ssl == NULL || SSL_set_fd(ssl, w->fd) != 1 || SSL_connect(ssl) != 1) {
        ERR_print_errors_fp(stderr);
        fail("TLS handshake");
    }
    w->ssl = ssl;
}

static size_t tls_read(struct nats_wire *w, char *to, size_t cap)
{
    SSL *ssl = w->ssl;
    size_t len = 0;
    int n;

    do {
        n = SSL_read(ssl, to + len, (int) (cap - len));
        if (n <= 0 && SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ) {
            fail("read");
        }
        len += n > 0 ? (size_t) n : 0;
    } while (len == 0 || (len < cap && n > 0 && SSL_has_pending(ssl)));
    return len;
}

static void tls_write(struct nats_wire *w)
{
    if (SSL_write(w->ssl, w->out, (int) w->out_len) != (int) w->out_len) {
        fail("write");
    }
}
#else
static void start_tls(struct nats_wire *w, const struct nats_server *s)
{
    (void) w;
    (void) s;
    fail("built without TLS");
}

static size_t tls_read(struct nats_wire *w, char *to, size_t cap)
{
    (void) w;
    (void) to;
    (void) cap;
    return 0;
}

static void tls_write(struct nats_wire *w)
{
    (void) w;
}
#endif

void nats_wire_flush(struct nats_wire *w)
{
    size_t done = 0;

    if (w->out_len != 0 && w->ssl != NULL) {
        tls_write(w);
        done = w->out_len;
    }
    while (done < w->out_len) {
        ssize_t n = write(w->fd, w->out + done, w->out_len - done);

        if (n <= 0 && errno != EINTR) {
            fail("write");
        }
        done += n > 0 ? (size_t) n : 0;
    }
    w->out_len = 0;
}

static void put(struct nats_wire *w, const void *p, size_t len)
{
    if (len > sizeof(w->out) - w->out_len) {
        nats_wire_flush(w);
    }
    memcpy(w->out + w->out_len, p, len);
    w->out_len += len;
}

static void fill(struct nats_wire *w)
{
    nats_wire_flush(w);
    memmove(w->in, w->in + w->in_at, w->in_len - w->in_at);
    w->in_len -= w->in_at;
    w->in_at = 0;
    if (w->ssl != NULL) {
        w->in_len += tls_read(w, w->in + w->in_len, sizeof(w->in) - w->in_len);
    } else {
        ssize_t n = read(w->fd, w->in + w->in_len, sizeof(w->in) - w->in_len);

        if (n <= 0) {
            fail("read");
        }
        w->in_len += (size_t) n;
    }
}

/* The next line without its end; borrowed until the next fill. */
static char *next_line(struct nats_wire *w, size_t *ret_len)
{
    char *line;
    char *nl;

    while ((nl = memchr(w->in + w->in_at, '\n', w->in_len - w->in_at)) == NULL) {
        fill(w);
    }
    line = w->in + w->in_at;
    w->in_at = (size_t) (nl + 1 - w->in);
    *ret_len = (size_t) (nl - line);
    if (*ret_len != 0 && line[*ret_len - 1] == '\r') {
        (*ret_len)--;
    }
    return line;
}

static int begins(const char *line, size_t len, const char *with)
{
    return len >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

/* Takes a line and fails when it does not begin so. */
static void expect(struct nats_wire *w, const char *with)
{
    size_t len;
    const char *line = next_line(w, &len);

    if (!begins(line, len, with)) {
        fprintf(stderr, "bench: nats: `%.*s` instead of %s\n", (int) len, line, with);
        exit(1);
    }
}

void nats_wire_sync(struct nats_wire *w)
{
    put(w, "PING\r\n", 6);
    expect(w, "PONG");
}

void nats_wire_open(struct nats_wire *w, const struct nats_server *s)
{
    static const char hello[] =
        "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\","
        "\"version\":\"1\",\"protocol\":1}\r\n";

    memset(w, 0, sizeof(*w));
    w->fd = proc_connect(s->port);
    if (w->fd < 0) {
        fail("connect");
    }
    /* The server introduces itself before it changes to TLS. */
    expect(w, "INFO");
    if (s->tls) {
        start_tls(w, s);
    }
    put(w, hello, sizeof(hello) - 1);
    nats_wire_sync(w);
}

void nats_wire_subscribe(struct nats_wire *w, const char *subject)
{
    put(w, "SUB ", 4);
    put(w, subject, strlen(subject));
    put(w, " 1\r\n", 4);
    nats_wire_sync(w);
}

static size_t print_size(char *to, size_t v)
{
    char digits[24];
    size_t n = 0;
    size_t i;

    do {
        digits[n++] = (char) ('0' + v % 10);
        v /= 10;
    } while (v != 0);
    for (i = 0; i < n; i++) {
        to[i] = digits[n - 1 - i];
    }
    return n;
}

void nats_wire_publish(struct nats_wire *w, const char *subject, size_t subject_len,
                       const char *reply, const void *payload, size_t len)
{
    char size[32];
    size_t n = print_size(size, len);

    memcpy(size + n, "\r\n", 2);
    put(w, "PUB ", 4);
    put(w, subject, subject_len);
    put(w, " ", 1);
    if (reply != NULL) {
        put(w, reply, strlen(reply));
        put(w, " ", 1);
    }
    put(w, size, n + 2);
    put(w, payload, len);
    put(w, "\r\n", 2);
}

/* MSG <subject> <sid> [reply-to] <bytes>: the last word, and the one before it. */
static int parse_msg(const char *line, size_t len, struct nats_msg *ret)
{
    const char *words[5];
    size_t lens[5];
    size_t n = 0;
    size_t i = 0;

    while (i < len && n < 5) {
        size_t from = i;

        while (i < len && line[i] != ' ') {
            i++;
        }
        words[n] = line + from;
        lens[n] = i - from;
        n++;
        i++;
    }
    if (n < 4) {
        return 0;
    }
    ret->reply = n == 5 ? words[3] : NULL;
    ret->reply_len = n == 5 ? lens[3] : 0;
    ret->len = 0;
    for (i = 0; i < lens[n - 1]; i++) {
        ret->len = ret->len * 10 + (size_t) (words[n - 1][i] - '0');
    }
    return ret->len <= NATS_BUF / 4;
}

void nats_wire_next(struct nats_wire *w, struct nats_msg *ret)
{
    for (;;) {
        size_t len;
        char *line = next_line(w, &len);

        if (begins(line, len, "PING")) {
            put(w, "PONG\r\n", 6);
            continue;
        }
        if (!begins(line, len, "MSG ") || !parse_msg(line, len, ret)) {
            fail("unexpected line");
        }
        if (w->in_len - w->in_at >= ret->len + 2) {
            ret->payload = w->in + w->in_at;
            w->in_at += ret->len + 2;
            return;
        }
        /* Not all here yet: begin again with this line once there is more. */
        w->in_at = (size_t) (line - w->in);
        fill(w);
    }
}
