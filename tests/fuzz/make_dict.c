/* make_dict.c - print a dictionary for libFuzzer from the descriptions of the messages
 *
 * The head of each message, and each limit as the encoder writes it, also one past it.
 */
#include "common/check.h"
#include "proto/msg.h"
#include "proto/pack.h"

#include <stdio.h>

static void entry(struct wf_buf *b)
{
    WF_CHECK(b->err == 0);
    (void) printf("\"");
    for (size_t i = 0; i < b->len; i++) {
        (void) printf("\\x%02x", b->p[i]);
    }
    (void) printf("\"\n");
    wf_buf_clear(b);
}

/* The length bytes alone: the content would make the dictionary large. */
static void limit(struct wf_buf *b, const struct wf_field *f, uint64_t v)
{
    static const char nothing[WF_PAYLOAD_MAX + 1];

    switch (f->kind) {
    case WF_KIND_U:
        (void) wf_pack_uint(b, v);
        break;
    case WF_KIND_S:
        (void) wf_pack_str(b, nothing, (uint32_t) v);
        wf_buf_truncate(b, b->len - (size_t) v);
        break;
    case WF_KIND_L:
        (void) wf_pack_array(b, (uint32_t) v);
        break;
    default:
        (void) wf_pack_bin(b, nothing, (uint32_t) v);
        wf_buf_truncate(b, b->len - (size_t) v);
        break;
    }
    entry(b);
}

int main(void)
{
    struct wf_buf b = WF_BUF_INIT(4 * WF_PAYLOAD_MAX);

    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        const struct wf_desc *d = wf_desc_at(i);

        (void) printf("# %s\n", d->name);
        (void) wf_pack_array(&b, d->nfields + 1);
        (void) wf_pack_uint(&b, d->number);
        entry(&b);
        for (unsigned k = 0; k < d->nfields; k++) {
            limit(&b, &d->fields[k], d->fields[k].max);
            if (d->fields[k].max != UINT64_MAX) {
                limit(&b, &d->fields[k], d->fields[k].max + 1);
            }
        }
    }
    (void) printf("# claims without content\n"
                  "\"\\xdd\\x05\\xf5\\xe1\\x00\"\n\"\\xdf\\xff\\xff\\xff\\xff\"\n"
                  "\"\\xc6\\xff\\xff\\xff\\xff\"\n\"\\xdb\\xff\\xff\\xff\\xff\"\n"
                  "\"\\xc9\\xff\\xff\\xff\\xff\"\n\"\\xc1\"\n");
    wf_buf_fini(&b);
    return 0;
}
