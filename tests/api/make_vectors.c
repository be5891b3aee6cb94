/* make_vectors.c - print docs/spec/vectors/messages.txt: each message twice, once with a
 * telling value in every field, once with nothing in any */
#include "common/check.h"
#include "tests/lib/json.h"

#include <stdio.h>
#include <string.h>

static void fill(const struct wf_desc *d, void *body, struct wf_buf *stores)
{
    static const uint8_t counting[WF_KEY_SIZE] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    union {
        uint64_t align;
        uint8_t room[1024];
    } row;

    memset(body, 0, d->size);
    for (unsigned i = 0; i < d->nfields; i++) {
        const struct wf_field *f = &d->fields[i];
        uint8_t *at = (uint8_t *) body + f->offset;
        struct wf_rows list = {0};

        switch (f->kind) {
        case WF_KIND_U:
            /* Every width of integer comes up: 7, 8, 16, 32 and 64 bits. */
            *(uint64_t *) (void *) at =
                wf_min_u64(f->max, (UINT64_C(1) << 12 * (i % 6)) + i);
            break;
        case WF_KIND_S:
            *(struct wf_slice *) (void *) at = wf_slice_of(f->name);
            break;
        case WF_KIND_D:
            *(struct wf_slice *) (void *) at = wf_slice_make("\x00\x01\xfe\xff", 4);
            break;
        case WF_KIND_ID:
        case WF_KIND_KEY:
        case WF_KIND_DIG:
            memcpy(at, counting, (size_t) f->max);
            break;
        case WF_KIND_L:
            for (uint64_t n = 0; n < wf_min_u64(2, f->max); n++) {
                fill(f->rec(), &row, NULL);
                WF_CHECK(stores != NULL &&
                         wf_rows_add(&stores[i], &list, f->rec(), &row) == 0);
            }
            memcpy(at, &list, sizeof list);
            break;
        }
    }
}

static void print(const struct wf_desc *d, const void *body)
{
    struct wf_buf frame = WF_BUF_INIT(WF_FRAME_MAX), json = WF_BUF_INIT(WF_FRAME_MAX);
    char line[4096];

    WF_CHECK(wf_msg_encode(&frame, (enum wf_type) d->number, body) == 0);
    json_message(&json, d, body);
    wf_msg_dump(line, sizeof line, (enum wf_type) d->number, body);
    (void) printf("\nframe 7701");
    for (size_t i = 0; i < frame.len; i++) {
        (void) printf("%02x", frame.p[i]);
    }
    (void) printf("\nsays %.*s\ndump %s\n", (int) json.len, (const char *) json.p, line);
    wf_buf_fini(&frame);
    wf_buf_fini(&json);
}

int main(void)
{
    struct wf_buf stores[64];
    struct wf_msg msg;

    (void) printf(
        "# Each message of version 1 as a frame of its own; 1-wire.md says how to "
        "read this.\n");
    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);

        for (size_t k = 0; k < ARRAY_LEN(stores); k++) {
            wf_buf_init(&stores[k], WF_FRAME_MAX);
        }
        WF_CHECK(d->nfields <= ARRAY_LEN(stores));
        fill(d, &msg.u, stores);
        print(d, &msg.u);
        memset(&msg.u, 0, sizeof msg.u);
        print(d, &msg.u);
        for (size_t k = 0; k < ARRAY_LEN(stores); k++) {
            wf_buf_fini(&stores[k]);
        }
    }
    return 0;
}
