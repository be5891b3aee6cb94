#include "common/io/net/conns.h"

#include "common/err.h"
#include "common/io/net/tcpinfo.h"
#include "common/mem.h"

#include <sys/resource.h>

#define FD_MAX        (1 << 22)
#define BUSY_BYTES    ((uint64_t) 64 << 10)
#define NEAR_FRACTION 8

void conns_init(struct conns *t)
{
    *t = (struct conns){.oldest = -1, .newest = -1};
}

void conns_fini(struct conns *t)
{
    wf_free(t->tab);
    conns_init(t);
}

struct conn *conns_get(const struct conns *t, int fd)
{
    return fd >= 0 && fd < t->cap && t->tab[fd].cookie != 0 ? &t->tab[fd] : NULL;
}

static int reserve(struct conns *t, int fd)
{
    int cap = t->cap != 0 ? t->cap : 64;
    struct conn *tab;

    if (fd < t->cap) {
        return 0;
    }
    if (fd >= FD_MAX) {
        return WEFT_EFULL;
    }
    while (cap <= fd) {
        cap *= 2;
    }
    tab = wf_realloc(t->tab, (size_t) cap * sizeof *tab);
    if (tab == NULL) {
        return WEFT_ENOMEM;
    }
    for (int i = t->cap; i < cap; i++) {
        tab[i] = (struct conn){0};
    }
    t->tab = tab;
    t->cap = cap;
    return 0;
}

static void unready_push(struct conns *t, int fd)
{
    struct conn *c = &t->tab[fd];

    c->prev = t->newest;
    c->next = -1;
    c->unready = true;
    if (t->newest >= 0) {
        t->tab[t->newest].next = fd;
    } else {
        t->oldest = fd;
    }
    t->newest = fd;
    t->unready++;
}

void conns_settle(struct conns *t, int fd)
{
    struct conn *c = conns_get(t, fd);

    if (c == NULL || !c->unready) {
        return;
    }
    if (c->prev >= 0) {
        t->tab[c->prev].next = c->next;
    } else {
        t->oldest = c->next;
    }
    if (c->next >= 0) {
        t->tab[c->next].prev = c->prev;
    } else {
        t->newest = c->prev;
    }
    c->unready = false;
    t->unready--;
}

void conns_drop(struct conns *t, int fd, uint32_t handle)
{
    struct conn *c = conns_get(t, fd);

    if (c == NULL || (handle != 0 && c->handle != handle)) {
        return;
    }
    conns_settle(t, fd);
    t->suspects -= c->suspect;
    t->n--;
    *c = (struct conn){0};
}

/* The entry of the connection that `fd` is now, fresh if it was not known (*ret_fresh).
 */
static int note(struct conns *t, int fd, struct conn **ret_conn, uint32_t *ret_old,
                bool *ret_fresh)
{
    uint64_t cookie = fd >= 0 ? tcpinfo_cookie(fd) : 0;
    struct conn *c = conns_get(t, fd);
    int rc;

    *ret_old = 0;
    *ret_fresh = false;
    if (cookie == 0) {
        return WEFT_ENOENT;
    }
    if (c != NULL && c->cookie != cookie) {
        *ret_old = c->handle;
        conns_drop(t, fd, 0);
        c = NULL;
    }
    if (c == NULL) {
        rc = reserve(t, fd);
        if (rc != 0) {
            return rc;
        }
        c = &t->tab[fd];
        *c = (struct conn){.cookie = cookie, .prev = -1, .next = -1};
        t->n++;
        *ret_fresh = true;
    }
    *ret_conn = c;
    return 0;
}

int conns_accepted(struct conns *t, int fd, uint64_t now_us, uint32_t *ret_old)
{
    struct conn *c;
    bool fresh;
    int rc = note(t, fd, &c, ret_old, &fresh);

    if (rc == 0 && fresh) {
        c->since_us = now_us;
        unready_push(t, fd);
    }
    /* Closed meanwhile is no failure: there is nothing to note. */
    return rc == WEFT_ENOENT ? 0 : rc;
}

int conns_bind(struct conns *t, int fd, uint32_t handle, uint32_t *ret_old)
{
    struct conn *c;
    bool fresh;
    int rc = note(t, fd, &c, ret_old, &fresh);

    if (rc == 0) {
        conns_settle(t, fd);
        c->handle = handle;
        c->moved = true;
    }
    return rc;
}

enum conns_look conns_look(struct conns *t, int fd, uint64_t flood_cap)
{
    struct conn *c = conns_get(t, fd);
    uint64_t got, grown;
    int rc;

    if (c->suspect) {
        c->suspect = false;
        t->suspects--;
        if (tcpinfo_cookie(fd) != c->cookie) {
            return CONNS_GONE;
        }
    }
    if (c->unguarded) {
        return CONNS_QUIET;
    }
    rc = tcpinfo_received(fd, &got);
    if (rc != 0) {
        c->unguarded = rc == WEFT_ESUPPORT;
        return c->unguarded ? CONNS_QUIET : CONNS_GONE;
    }
    grown = got - c->last;
    c->last = got;
    if (c->moved) {
        c->moved = false;
        c->base = got;
    }
    if (got - c->base > flood_cap) {
        return CONNS_FLOOD;
    }
    if (got - c->base > flood_cap / NEAR_FRACTION) {
        return CONNS_NEAR;
    }
    return grown > BUSY_BYTES ? CONNS_BUSY : CONNS_QUIET;
}

unsigned conns_raise_nofile(void)
{
    struct rlimit lim;

    if (getrlimit(RLIMIT_NOFILE, &lim) != 0) {
        return 1024;
    }
    if (lim.rlim_cur < lim.rlim_max) {
        rlim_t was = lim.rlim_cur;

        lim.rlim_cur = lim.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &lim) != 0) {
            lim.rlim_cur = was;
        }
    }
    return lim.rlim_cur > FD_MAX ? FD_MAX : (unsigned) lim.rlim_cur;
}
