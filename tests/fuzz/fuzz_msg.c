/* One message: what is taken is written again, and read back the same. */
#include "tests/fuzz/fuzz.h"

#include "common/check.h"
#include "proto/msg.h"
#include "tests/lib/gen.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    /* Larger than the input: an id left out by the sender is written in full. */
    struct wf_buf once = WF_BUF_INIT(64u << 20), twice = WF_BUF_INIT(64u << 20);
    struct wf_cursor c;
    struct wf_msg a, b;
    char line[1024];

    wf_cur_init(&c, p, len);
    if (wf_msg_decode(&c, &a) == 0) {
        const struct wf_desc *d = wf_desc_of(a.type);

        WF_CHECK(wf_msg_encode(&once, a.type, &a.u) == 0);
        wf_cur_init(&c, once.p, once.len);
        WF_CHECK(wf_msg_decode(&c, &b) == 0 && wf_cur_left(&c) == 0);
        WF_CHECK(b.type == a.type && gen_equal(d, &a.u, &b.u));
        WF_CHECK(wf_msg_encode(&twice, b.type, &b.u) == 0);
        WF_CHECK(once.len == twice.len);
        wf_msg_dump(line, sizeof line, a.type, &a.u);
    }
    wf_buf_fini(&once);
    wf_buf_fini(&twice);
    return 0;
}
