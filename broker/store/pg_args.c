/* pg_args.c - arguments and results of statements, in PostgreSQL's binary form: numbers
 * are big-endian, an array is a head and its elements, each after its length */
#include "broker/store/pg.h"

#include <string.h>

static void put_be(uint8_t *p, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        p[i] = (uint8_t) (v >> (8 * (bytes - 1 - i)));
    }
}

static void add_arg(struct pg_args *a, const void *p, size_t len)
{
    a->value[a->n] = p;
    a->len[a->n] = (int) len;
    a->format[a->n] = 1;
    a->n++;
}

void pg_arg_int(struct pg_args *a, int64_t v)
{
    put_be(a->number[a->n], (uint64_t) v, 8);
    add_arg(a, a->number[a->n], 8);
}

void pg_arg_text(struct pg_args *a, const char *s)
{
    add_arg(a, s, strlen(s));
}

void pg_arg_bytes(struct pg_args *a, const void *p, size_t len)
{
    add_arg(a, len > 0 ? p : "", len);
}

void pg_arg_ending(struct pg_args *a, const struct pg *pg, unsigned table)
{
    pg_arg_bytes(a, pg->name, table == STORE_EVENTS ? strlen(pg->name) : 0);
}

/* Dimensions, flags, type of the elements, their number, index of the first. */
#define ARRAY_HEAD 20u
#define ARRAY_AT_N 12u

void pg_array_begin(struct wf_buf *b, unsigned element_type)
{
    uint8_t head[ARRAY_HEAD];

    put_be(head, 1, 4);
    put_be(head + 4, 0, 4);
    put_be(head + 8, element_type, 4);
    put_be(head + ARRAY_AT_N, 0, 4);
    put_be(head + 16, 1, 4);
    wf_buf_clear(b);
    (void) wf_buf_put(b, head, sizeof head);
}

static void count_one(struct wf_buf *b)
{
    put_be(b->p + ARRAY_AT_N, pg_array_count(b) + 1u, 4);
}

void pg_array_add(struct wf_buf *b, const void *p, size_t len)
{
    uint8_t *at = wf_buf_extend(b, 4);

    if (at != NULL) {
        put_be(at, len, 4);
        (void) wf_buf_put(b, p, len);
        count_one(b);
    }
}

void pg_array_add_int(struct wf_buf *b, int64_t v, size_t bytes)
{
    uint8_t be[8];

    put_be(be, (uint64_t) v, bytes);
    pg_array_add(b, be, bytes);
}

unsigned pg_array_count(const struct wf_buf *b)
{
    const uint8_t *n;

    if (b->len < ARRAY_HEAD) {
        return 0;
    }
    n = b->p + ARRAY_AT_N;
    return (unsigned) n[0] << 24 | (unsigned) n[1] << 16 | (unsigned) n[2] << 8 | n[3];
}

void pg_arg_array(struct pg_args *a, struct wf_buf *b)
{
    add_arg(a, b->p, b->len);
    a->bad |= b->err;
}

int64_t pg_int(PGresult *res, int row, int col)
{
    struct wf_slice s = pg_bytes(res, row, col);
    uint64_t v = 0;

    for (uint32_t i = 0; i < s.len && i < 8; i++) {
        v = v << 8 | s.p[i];
    }
    return s.len == 4 ? (int32_t) (uint32_t) v : (int64_t) v;
}

struct wf_slice pg_bytes(PGresult *res, int row, int col)
{
    return wf_slice_make(PQgetvalue(res, row, col), (size_t) PQgetlength(res, row, col));
}
