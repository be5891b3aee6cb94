#include "proto/msg.h"

#include "common/err.h"
#include "common/str.h"

#include <string.h>

struct wf_slice wf_slice_of(const char *s)
{
    return (struct wf_slice){(const uint8_t *) s, s != NULL ? (uint32_t) strlen(s) : 0};
}

struct wf_slice wf_slice_make(const void *p, size_t len)
{
    return (struct wf_slice){p, (uint32_t) len};
}

int wf_slice_eq(struct wf_slice a, struct wf_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

int wf_slice_is(struct wf_slice a, const char *s)
{
    return wf_slice_eq(a, wf_slice_of(s));
}

char *wf_slice_str(struct wf_slice a, char *dst, size_t cap)
{
    size_t n = a.len < cap ? a.len : wf_utf8_cut(a.p, cap - 1);

    if (n != 0) {
        memcpy(dst, a.p, n);
    }
    dst[n] = '\0';
    return dst;
}

int wf_id_eq(const struct wf_id *a, const struct wf_id *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

int wf_id_is_zero(const struct wf_id *a)
{
    static const struct wf_id zero;

    return wf_id_eq(a, &zero);
}

int wf_key_eq(const struct wf_key *a, const struct wf_key *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

int wf_digest_eq(const struct wf_digest *a, const struct wf_digest *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

int wf_digest_is_zero(const struct wf_digest *a)
{
    static const struct wf_digest zero;

    return wf_digest_eq(a, &zero);
}

char *wf_id_text(const struct wf_id *id, char *dst)
{
    wf_hex(dst, id->b, sizeof id->b);
    return dst;
}

/* Exactly `size` bytes in hex. */
static int parse_hex(const char *s, uint8_t *dst, size_t size)
{
    size_t n = 0;

    return strlen(s) == 2 * size && wf_unhex(dst, size, s, &n) == 0 && n == size
               ? 0
               : WEFT_EINVAL;
}

int wf_id_parse(const char *s, struct wf_id *ret_id)
{
    struct wf_id id;
    int rc = parse_hex(s, id.b, sizeof id.b);

    if (rc == 0) {
        *ret_id = id;
    }
    return rc;
}

char *wf_digest_text(const struct wf_digest *d, char *dst)
{
    wf_hex(dst, d->b, sizeof d->b);
    return dst;
}

int wf_digest_parse(const char *s, struct wf_digest *ret_digest)
{
    struct wf_digest d;
    int rc = parse_hex(s, d.b, sizeof d.b);

    if (rc == 0) {
        *ret_digest = d;
    }
    return rc;
}
