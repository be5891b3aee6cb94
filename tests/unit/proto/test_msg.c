/* What the encoder makes, the decoder takes: for every message of messages.def, with
 * contents made from its description (tests/lib/gen.h).  Bad input: test_decode.c. */
#include "proto/msg.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/gen.h"
#include "tests/lib/raw.h"
#include "tests/lib/tap.h"

#define ROUNDS 200

/* Decode the one message in `b`; 1 when it is all of `b` and says what `body` says. */
static int decodes_to(const struct wf_buf *b, const struct wf_desc *d, const void *body)
{
    struct wf_cursor c;
    struct wf_msg msg;

    wf_cur_init(&c, b->p, b->len);
    return wf_msg_decode(&c, &msg) == 0 && wf_cur_left(&c) == 0 &&
           msg.type == (enum wf_type) d->number && gen_equal(d, body, &msg.u);
}

static void test_tables(void)
{
    unsigned last = 0;
    size_t n = 0;
    int good = 1;

    for (const struct wf_desc *d; (d = wf_desc_at(n)) != NULL; n++) {
        good = good && d->number > last && wf_desc_of(d->number) == d &&
               d->size <= sizeof(struct wf_msg) && d->nfields > 0 && d->doc[0] != '\0';
        last = d->number;
        for (unsigned i = 0; i < d->nfields; i++) {
            const struct wf_desc *rec =
                d->fields[i].kind == WF_KIND_L ? d->fields[i].rec() : NULL;

            /* The decoder's room for one row. */
            good = good && (rec == NULL || (rec->size <= 1024 && rec->number == 0));
        }
    }
    ok(n > 30 && good, "the table of %zu messages is in order", n);
    ok(wf_desc_of(0) == NULL && wf_desc_of(last + 1) == NULL &&
           wf_desc_of(UINT32_MAX) == NULL,
       "other numbers have no description");
}

static void test_round_trip(void)
{
    static const enum gen_size sizes[] = {GEN_EMPTY, GEN_SMALL, GEN_EDGE};
    struct wf_buf out = WF_BUF_INIT(WF_FRAME_MAX);
    struct wf_buf again = WF_BUF_INIT(WF_FRAME_MAX);
    struct gen g;
    struct wf_msg m;

    gen_init(&g, 1);
    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);
        const enum wf_type type = (enum wf_type) d->number;
        unsigned bad = 0;

        for (unsigned k = 0; k < ROUNDS; k++) {
            wf_buf_clear(&out);
            wf_buf_clear(&again);
            gen_body(&g, d, sizes[k % ARRAY_LEN(sizes)], &m.u);
            bad += wf_msg_encode(&out, type, &m.u) != 0 || !decodes_to(&out, d, &m.u) ||
                   wf_msg_encode(&again, type, &m.u) != 0 || out.len != again.len ||
                   memcmp(out.p, again.p, out.len) != 0;
        }
        ok(bad == 0, "%s: what is encoded decodes to the same", d->name);
    }
    gen_fini(&g);
    wf_buf_fini(&out);
    wf_buf_fini(&again);
}

/* A message with each field at its limit is taken and fits in a frame. */
static void test_full(void)
{
    struct wf_buf out = WF_BUF_INIT(WF_FRAME_MAX - 2);
    struct gen g;
    struct wf_msg m;

    gen_init(&g, 2);
    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);

        wf_buf_clear(&out);
        gen_body(&g, d, GEN_FULL, &m.u);
        ok(wf_msg_encode(&out, (enum wf_type) d->number, &m.u) == 0 &&
               decodes_to(&out, d, &m.u),
           "%s: at all its limits it takes %zu bytes of a frame", d->name, out.len);
    }
    gen_fini(&g);
    wf_buf_fini(&out);
}

/* Put a value one over the limit into field `f`; 0 when no such value can be written. */
static int over_limit(const struct wf_field *f, void *body, uint8_t *room)
{
    void *at = (uint8_t *) body + f->offset;

    switch (f->kind) {
    case WF_KIND_U:
        *(uint64_t *) at = f->max + 1;
        return f->max != UINT64_MAX;
    case WF_KIND_S:
    case WF_KIND_D:
        memset(room, 'x', (size_t) f->max + 1);
        *(struct wf_slice *) at = wf_slice_make(room, (size_t) f->max + 1);
        return 1;
    default:
        return 0;
    }
}

static int refused_both_ways(const struct wf_desc *d, const void *body,
                             const struct wf_buf *hostile)
{
    struct wf_buf out = WF_BUF_INIT(4 * WF_FRAME_MAX);
    struct wf_cursor c;
    struct wf_msg msg;
    int good;

    must(wf_buf_put(&out, "before", 6) == 0);
    good = wf_msg_encode(&out, (enum wf_type) d->number, body) == WEFT_ETOOBIG &&
           out.len == 6 && out.err == 0;
    wf_cur_init(&c, hostile->p, hostile->len);
    good = good && wf_msg_decode(&c, &msg) == WEFT_EPROTO && c.err == WEFT_EPROTO;
    wf_buf_fini(&out);
    return good;
}

static void test_over_field_limits(void)
{
    static uint8_t room[WF_PAYLOAD_MAX + 1];
    const struct raw all = {.fields = RAW_ALL};
    struct wf_buf raw = WF_BUF_INIT(4 * WF_FRAME_MAX);
    struct gen g;
    struct wf_msg m;

    gen_init(&g, 3);
    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);
        unsigned bad = 0, tried = 0;

        for (unsigned k = 0; k < d->nfields; k++) {
            gen_body(&g, d, GEN_SMALL, &m.u);
            if (over_limit(&d->fields[k], &m.u, room)) {
                wf_buf_clear(&raw);
                raw_encode(&raw, d, &m.u, &all);
                bad += !refused_both_ways(d, &m.u, &raw);
                tried++;
            }
        }
        ok(bad == 0, "%s: each of %u fields over its limit is refused", d->name, tried);
    }
    gen_fini(&g);
    wf_buf_fini(&raw);
}

static void test_over_list_limits(void)
{
    union {
        uint64_t align;
        uint8_t room[1024];
    } row = {0};
    const struct raw all = {.fields = RAW_ALL};
    struct wf_buf raw = WF_BUF_INIT(4 * WF_FRAME_MAX);
    struct wf_buf store = WF_BUF_INIT(4 * WF_FRAME_MAX);
    struct wf_msg m;
    unsigned bad = 0, tried = 0;

    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);

        for (unsigned k = 0; k < d->nfields; k++) {
            const struct wf_field *f = &d->fields[k];
            struct wf_rows rows = {0};

            if (f->kind != WF_KIND_L) {
                continue;
            }
            wf_buf_clear(&store);
            for (uint64_t n = 0; n <= f->max; n++) {
                must(wf_rows_add(&store, &rows, f->rec(), &row) == 0);
            }
            memset(&m, 0, sizeof m);
            memcpy((uint8_t *) &m.u + f->offset, &rows, sizeof rows);
            wf_buf_clear(&raw);
            raw_encode(&raw, d, &m.u, &all);
            bad += !refused_both_ways(d, &m.u, &raw);
            tried++;
        }
    }
    ok(tried > 10 && bad == 0, "each of %u lists with a row too many is refused", tried);
    wf_buf_fini(&raw);
    wf_buf_fini(&store);
}

static void test_rows(void)
{
    struct wf_buf store = WF_BUF_INIT(4096);
    struct wf_count_row row = {wf_slice_of("ok"), 7};
    struct wf_rows rows = {0}, read;
    char long_name[WF_NAME_MAX + 1];
    int rc;

    is_int(wf_rows_add(&store, &rows, wf_desc_count_row(), &row), 0, "a row is added");
    memset(long_name, 'x', sizeof long_name);
    row.name = wf_slice_make(long_name, sizeof long_name);
    is_int(wf_rows_add(&store, &rows, wf_desc_count_row(), &row), WEFT_ETOOBIG,
           "a row over a limit is not");
    row = (struct wf_count_row){wf_slice_of(""), UINT64_MAX};
    is_int(wf_rows_add(&store, &rows, wf_desc_count_row(), &row), 0, "another is added");
    is_int(rows.count, 2, "the two are counted");
    is_int(rows.len, store.len, "they are all that the store holds");

    read = rows;
    ok(wf_rows_next(&read, wf_desc_count_row(), &row) == 1 &&
           wf_slice_is(row.name, "ok") && row.value == 7,
       "the first comes back");
    ok(wf_rows_next(&read, wf_desc_count_row(), &row) == 1 && row.name.len == 0 &&
           row.value == UINT64_MAX,
       "the second comes back");
    is_int(wf_rows_next(&read, wf_desc_count_row(), &row), 0, "there is no third");

    do {
        rc = wf_rows_add(&store, &rows, wf_desc_count_row(), &row);
    } while (rc == 0);
    is_int(rc, WEFT_ETOOBIG, "a full store refuses");
    ok(store.err == 0 && rows.len == store.len, "and stays as it was");
    wf_buf_fini(&store);
}

/* A buffer that cannot hold the message is left as it was, for every size of buffer. */
static void test_no_room(void)
{
    struct wf_buf out = WF_BUF_INIT(WF_FRAME_MAX);
    struct gen g;
    struct wf_msg m;
    unsigned bad = 0;
    size_t need;

    gen_init(&g, 4);
    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);

        gen_body(&g, d, GEN_SMALL, &m.u);
        out.max = WF_FRAME_MAX;
        wf_buf_clear(&out);
        must(wf_msg_encode(&out, (enum wf_type) d->number, &m.u) == 0);
        need = out.len;
        for (size_t max = 3; max < need + 3; max++) {
            wf_buf_fini(&out);
            wf_buf_init(&out, max);
            must(wf_buf_put(&out, "abc", 3) == 0);
            bad += wf_msg_encode(&out, (enum wf_type) d->number, &m.u) != WEFT_ETOOBIG ||
                   out.len != 3 || out.err != 0 || memcmp(out.p, "abc", 3) != 0;
        }
    }
    ok(bad == 0, "a buffer without room is left as it was");
    gen_fini(&g);
    wf_buf_fini(&out);
}

static void test_out_of_memory(void)
{
    struct gen g;
    struct wf_msg m;
    unsigned bad = 0, failed = 0;

    gen_init(&g, 5);
    for (unsigned round = 0; round < 200; round++) {
        const struct wf_desc *d = gen_pick(&g);
        struct wf_buf out = WF_BUF_INIT(WF_FRAME_MAX);
        int rc = WEFT_ENOMEM;

        gen_body(&g, d, GEN_SMALL, &m.u);
        for (long n = 0; rc != 0; n++) {
            wf_buf_fini(&out);
            wf_mem_fail_after(n);
            rc = wf_msg_encode(&out, (enum wf_type) d->number, &m.u);
            wf_mem_fail_after(-1);
            failed += rc != 0;
            bad += rc != 0 && (rc != WEFT_ENOMEM || out.len != 0 || out.err != 0);
        }
        bad += !decodes_to(&out, d, &m.u);
        wf_buf_fini(&out);
    }
    ok(bad == 0 && failed >= 200, "%u failed allocations are reported and harmless",
       failed);
    gen_fini(&g);
}

/* An error that stood in the buffer before is not wiped out. */
static void test_failed_buffer(void)
{
    const struct wf_drain body = {1};
    struct wf_buf out = WF_BUF_INIT(4);

    must(wf_buf_put(&out, "12345", 5) == WEFT_ETOOBIG);
    is_int(wf_msg_encode(&out, WF_MSG_drain, &body), WEFT_ETOOBIG,
           "a buffer that failed before fails again");
    is_int(out.err, WEFT_ETOOBIG, "and remembers it");
    is_int(wf_msg_encode(&out, (enum wf_type) 63, &body), WEFT_EINVAL,
           "a type that does not exist is refused");
    wf_buf_fini(&out);
}

static void test_dump(void)
{
    struct wf_submit m = {.version = 2,
                          .capability = wf_slice_of("echo\"\n\xff"),
                          .payload = wf_slice_of("hello")};
    char line[8192], small[64];
    size_t full;
    int good = 1;

    m.job.b[0] = 0xab;
    wf_msg_dump(line, sizeof line, WF_MSG_submit, &m);
    is_str(line,
           "submit job=ab000000000000000000000000000000 "
           "capability=\"echo\\x22\\x0a\\xff\" version=2 payload=5B class_=0 priority=0 "
           "wall_ms=0 deadline_ms=0 max_attempts=0 needs=[0] node=\"\" name=\"\" "
           "detached=0 disconnect=0 disconnect_ms=0 reuse_ms=0 "
           "inputs=[0] payload_blob=00000000000000000000000000000000"
           "00000000000000000000000000000000 payload_size=0 "
           "goal=0 rho_pusd=0 max_cost_pusd=0 prefers=[0] nears=[0] spread=0 "
           "group=\"\" hedge=0",
           "a dump is one readable line");
    full = strlen(line);
    for (size_t cap = 1; cap <= full + 1; cap++) {
        char *exact = malloc(cap);

        must(exact != NULL);
        wf_msg_dump(exact, cap, WF_MSG_submit, &m);
        good = good && strlen(exact) < cap && strncmp(exact, line, strlen(exact)) == 0;
        free(exact);
    }
    ok(good, "it is cut where the room ends");
    wf_msg_dump(small, sizeof small, (enum wf_type) 63, &m);
    is_str(small, "?", "an unknown type is a question mark");
}

int main(void)
{
    test_tables();
    test_round_trip();
    test_full();
    test_over_field_limits();
    test_over_list_limits();
    test_rows();
    test_no_room();
    test_out_of_memory();
    test_failed_buffer();
    test_dump();
    return done();
}
