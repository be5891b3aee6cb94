/* A frame as a peer sends it: two bytes of header, then messages, as both shells and all
 * cores read them. */
#include "tests/fuzz/fuzz.h"

#include "common/check.h"
#include "common/err.h"
#include "proto/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct wf_cursor c;
    struct wf_msg msg;
    int rc = 0;

    if (len < 2 || p[0] != WF_FRAME_MAGIC || p[1] != WF_FRAME_VERSION) {
        return 0;
    }
    wf_cur_init(&c, p + 2, len - 2);
    while (wf_cur_left(&c) > 0 && rc != WEFT_EPROTO) {
        size_t left = wf_cur_left(&c);

        rc = wf_msg_decode(&c, &msg);
        WF_CHECK(rc == 0 || rc == WEFT_ESUPPORT || rc == WEFT_EPROTO);
        WF_CHECK((rc == WEFT_EPROTO) == (c.err != 0));
        WF_CHECK(wf_cur_left(&c) < left);
    }
    return 0;
}
