/* The framing between weft-agent and weft-runner: what is taken is written again in the
 * same bytes. */
#include "tests/fuzz/fuzz.h"

#include "agent/runner/wire.h"
#include "common/check.h"
#include "common/err.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static struct wire_msg msg;
    struct wf_buf out = WF_BUF_INIT(WIRE_FRAME_MAX);
    size_t total = 0;

    while (wire_peek(p, len, &total) == 0) {
        WF_CHECK(total > 4 && total <= len && total <= WIRE_FRAME_MAX);
        if (wire_decode(p, total, &msg) != 0) {
            break;
        }
        wf_buf_clear(&out);
        WF_CHECK(wire_encode(&out, &msg) == 0);
        WF_CHECK(out.len == total && memcmp(out.p, p, total) == 0);
        p += total;
        len -= total;
    }
    wf_buf_fini(&out);
    return 0;
}
