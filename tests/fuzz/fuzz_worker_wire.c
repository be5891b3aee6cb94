/* What a worker, which is not trusted, sends to its agent: docs/spec/worker.md. */
#include "tests/fuzz/fuzz.h"

#include "agent/exec/work.h"
#include "common/check.h"
#include "common/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct work_msg msg;
    size_t total = 0;
    int rc;

    while ((rc = work_peek(p, len, &total)) == 0) {
        WF_CHECK(total > 4 && total <= len && total - 4 <= WORK_FRAME_MAX);
        if (work_decode(p, total, &msg) != 0) {
            return 0;
        }
        switch (msg.type) {
        case WORK_HELLO:
            WF_CHECK(msg.concurrency >= 1 && msg.concurrency <= WORK_CONCURRENCY_MAX);
            break;
        case WORK_OUTPUT:
            WF_CHECK(msg.stream == 1 || msg.stream == 2);
            WF_CHECK(msg.p >= p && msg.len <= total && msg.p + msg.len == p + total);
            break;
        case WORK_RESULT:
        case WORK_RESULT_FILE:
            WF_CHECK(msg.p >= p && msg.len <= total && msg.p + msg.len == p + total);
            break;
        default:
            /* JOB and CANCEL go the other way. */
            WF_CHECK(0);
        }
        p += total;
        len -= total;
    }
    WF_CHECK(rc == WEFT_EAGAIN || rc == WEFT_EPROTO);
    return 0;
}
