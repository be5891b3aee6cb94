#include "common/cursor.h"

#include "client/include/weft/error.h"

/* First byte of the formats read here (msgpack specification, "Formats"). */
enum {
    MP_FIXMAP = 0x80,
    MP_FIXARRAY = 0x90,
    MP_FIXSTR = 0xa0,
    MP_NIL = 0xc0,
    MP_FALSE = 0xc2,
    MP_TRUE = 0xc3,
    MP_BIN8 = 0xc4,
    MP_EXT8 = 0xc7,
    MP_FLOAT32 = 0xca,
    MP_UINT8 = 0xcc,
    MP_UINT64 = 0xcf,
    MP_INT8 = 0xd0,
    MP_INT64 = 0xd3,
    MP_FIXEXT1 = 0xd4,
    MP_STR8 = 0xd9,
    MP_ARRAY16 = 0xdc,
    MP_MAP16 = 0xde,
    MP_NEGATIVE = 0xe0,
};

void wf_cur_init(struct wf_cursor *c, const void *p, size_t len)
{
    static const uint8_t nothing[1];

    c->p = p != NULL ? p : nothing;
    c->end = p != NULL ? c->p + len : nothing;
    c->err = 0;
}

size_t wf_cur_left(const struct wf_cursor *c)
{
    return (size_t) (c->end - c->p);
}

/* Takes the rest away too, so that wf_cur_left() is 0 and no later read can succeed. */
static void fail(struct wf_cursor *c)
{
    c->err = WEFT_EPROTO;
    c->p = c->end;
}

/* The next byte; MP_NIL, which no reader takes, when there is none. */
static uint8_t tag(struct wf_cursor *c)
{
    if (c->p == c->end) {
        fail(c);
        return MP_NIL;
    }
    return *c->p++;
}

/* A big-endian number of `n` (at most 8) bytes. */
static uint64_t big_endian(struct wf_cursor *c, size_t n)
{
    uint64_t v = 0;

    if (n > wf_cur_left(c)) {
        fail(c);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | c->p[i];
    }
    c->p += n;
    return v;
}

uint32_t wf_cur_array(struct wf_cursor *c)
{
    uint8_t t = tag(c);
    uint64_t n;

    if ((t & 0xf0) == MP_FIXARRAY) {
        n = t & 0x0f;
    } else if (t == MP_ARRAY16 || t == MP_ARRAY16 + 1) {
        n = big_endian(c, (size_t) 2 << (t - MP_ARRAY16));
    } else {
        fail(c);
        return 0;
    }
    /* An element takes a byte at least. */
    if (n > wf_cur_left(c)) {
        fail(c);
        return 0;
    }
    return (uint32_t) n;
}

/* Reads any integer as its 64 bits; *ret_negative says how to take them. */
static uint64_t integer(struct wf_cursor *c, int *ret_negative)
{
    uint8_t t = tag(c);
    uint64_t v;

    *ret_negative = 0;
    if (t < MP_FIXMAP) {
        return t;
    }
    if (t >= MP_NEGATIVE) {
        *ret_negative = 1;
        return UINT64_C(0xffffffffffffff00) | t;
    }
    if (t >= MP_UINT8 && t <= MP_UINT64) {
        return big_endian(c, (size_t) 1 << (t - MP_UINT8));
    }
    if (t >= MP_INT8 && t <= MP_INT64) {
        size_t n = (size_t) 1 << (t - MP_INT8);
        uint64_t sign = UINT64_C(1) << (8 * n - 1);

        v = big_endian(c, n);
        *ret_negative = (v & sign) != 0;
        /* Copies the sign bit to all the bits above it. */
        return (v ^ sign) - sign;
    }
    fail(c);
    return 0;
}

uint64_t wf_cur_uint_long(struct wf_cursor *c)
{
    int negative;
    uint64_t v = integer(c, &negative);

    if (negative) {
        fail(c);
        return 0;
    }
    return v;
}

int64_t wf_cur_int(struct wf_cursor *c)
{
    int negative;
    uint64_t v = integer(c, &negative);

    if (!negative) {
        if (v > INT64_MAX) {
            fail(c);
            return 0;
        }
        return (int64_t) v;
    }
    /* -1 - ~v keeps within what int64_t can hold at every step. */
    return -1 - (int64_t) ~v;
}

int wf_cur_bool(struct wf_cursor *c)
{
    uint8_t t = tag(c);

    if (t != MP_TRUE && t != MP_FALSE) {
        fail(c);
        return 0;
    }
    return t == MP_TRUE;
}

static const uint8_t *bytes(struct wf_cursor *c, uint64_t len, uint32_t *ret_len)
{
    const uint8_t *at = c->p;

    *ret_len = 0;
    if (len > wf_cur_left(c)) {
        fail(c);
    }
    if (c->err != 0) {
        return NULL;
    }
    c->p += len;
    *ret_len = (uint32_t) len;
    return at;
}

const uint8_t *wf_cur_str(struct wf_cursor *c, uint32_t *ret_len)
{
    uint8_t t = tag(c);
    uint64_t len = 0;

    if ((t & 0xe0) == MP_FIXSTR) {
        len = t & 0x1f;
    } else if (t >= MP_STR8 && t < MP_ARRAY16) {
        len = big_endian(c, (size_t) 1 << (t - MP_STR8));
    } else {
        fail(c);
    }
    return bytes(c, len, ret_len);
}

const uint8_t *wf_cur_bin(struct wf_cursor *c, uint32_t *ret_len)
{
    uint8_t t = tag(c);
    uint64_t len = 0;

    if (t >= MP_BIN8 && t < MP_EXT8) {
        len = big_endian(c, (size_t) 1 << (t - MP_BIN8));
    } else {
        fail(c);
    }
    return bytes(c, len, ret_len);
}

/* Reads what follows tag `t` up to its content: *ret_len bytes of that, then *ret_values
 * nested values.  0 for a tag that msgpack does not have. */
static int content(struct wf_cursor *c, uint8_t t, uint64_t *ret_len,
                   uint64_t *ret_values)
{
    *ret_len = 0;
    *ret_values = 0;
    if (t < MP_FIXMAP || t >= MP_NEGATIVE || t == MP_NIL || t == MP_FALSE ||
        t == MP_TRUE) {
        return 1;
    }
    if (t < MP_FIXARRAY) {
        *ret_values = 2 * (uint64_t) (t & 0x0f);
    } else if (t < MP_FIXSTR) {
        *ret_values = t & 0x0f;
    } else if (t < MP_NIL) {
        *ret_len = t & 0x1f;
    } else if (t >= MP_BIN8 && t < MP_EXT8) {
        *ret_len = big_endian(c, (size_t) 1 << (t - MP_BIN8));
    } else if (t >= MP_EXT8 && t < MP_FLOAT32) {
        *ret_len = big_endian(c, (size_t) 1 << (t - MP_EXT8)) + 1;
    } else if (t >= MP_FLOAT32 && t < MP_UINT8) {
        *ret_len = UINT64_C(4) << (t - MP_FLOAT32);
    } else if (t >= MP_UINT8 && t <= MP_UINT64) {
        *ret_len = UINT64_C(1) << (t - MP_UINT8);
    } else if (t >= MP_INT8 && t <= MP_INT64) {
        *ret_len = UINT64_C(1) << (t - MP_INT8);
    } else if (t >= MP_FIXEXT1 && t < MP_STR8) {
        *ret_len = (UINT64_C(1) << (t - MP_FIXEXT1)) + 1;
    } else if (t >= MP_STR8 && t < MP_ARRAY16) {
        *ret_len = big_endian(c, (size_t) 1 << (t - MP_STR8));
    } else if (t >= MP_ARRAY16 && t < MP_MAP16) {
        *ret_values = big_endian(c, (size_t) 2 << (t - MP_ARRAY16));
    } else if (t >= MP_MAP16) {
        *ret_values = 2 * big_endian(c, (size_t) 2 << (t - MP_MAP16));
    } else {
        return 0;
    }
    return 1;
}

/* Instead of a stack of open containers, counts the values still owed.  Each takes a byte
 * at least, so owing more values than bytes are left is an error at once: the loop runs
 * at most once a byte and the count cannot overflow. */
void wf_cur_skip(struct wf_cursor *c)
{
    uint64_t owed = 1;

    while (owed != 0) {
        uint64_t len;
        uint64_t values;
        uint8_t t = tag(c);

        if (!content(c, t, &len, &values) || len > wf_cur_left(c)) {
            fail(c);
        }
        if (c->err != 0) {
            return;
        }
        c->p += len;
        owed = owed - 1 + values;
        if (owed > wf_cur_left(c)) {
            fail(c);
            return;
        }
    }
}
