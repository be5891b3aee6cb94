/* probe.h - the datagrams that measure a link
 *
 *     0   magic "wfpr"        4
 *     4   version 1           1
 *     5   kind                1   1 ask, 2 answer
 *     6   zero                2
 *     8   cookie             16
 *     24  seq                 8   big-endian
 *     32  sender's time, us   8   big-endian; echoed
 *     40  zeros               as many as the asker likes, up to 1200 bytes in all
 *
 * An answer is the ask with another kind, and without the padding: never larger, so the
 * broker cannot be used to multiply traffic.  It answers only the cookies that it gave to
 * sessions which are open, over their encrypted connection; all else gets silence.
 * docs/spec/2-sessions.md, 2.7.  Pure.
 */
#ifndef PROTO_PROBE_H
#define PROTO_PROBE_H

#include "common/defs.h"

#define WF_PROBE_COOKIE 16u
#define WF_PROBE_BYTES  40u   /* of an answer; the least of an ask */
#define WF_PROBE_MAX    1200u /* fits every path */

enum wf_probe_kind { WF_PROBE_ASK = 1, WF_PROBE_ANSWER };

struct wf_probe {
    enum wf_probe_kind kind;
    uint8_t cookie[WF_PROBE_COOKIE];
    uint64_t seq;
    uint64_t time_us;
};

/* Write it; an ask is padded to `size`, within the bounds above.  Returns the bytes. */
size_t wf_probe_pack(const struct wf_probe *p, size_t size, uint8_t buf[WF_PROBE_MAX]);

/* 0, or WEFT_EPROTO: not exactly such a datagram. */
int wf_probe_parse(const uint8_t *bytes, size_t len, struct wf_probe *ret_probe);

#endif
