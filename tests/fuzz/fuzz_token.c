/* Token text: what is taken is formatted again, and read back the same.  The checksum
 * keeps a fuzzer out, so bytes that are no token are also tried as the body of one. */
#include "tests/fuzz/fuzz.h"

#include "common/check.h"
#include "common/str.h"
#include "proto/token.h"

#include <sodium.h>
#include <string.h>

#define BODY_MAX 2000

static void check(const char *text, size_t len)
{
    struct wf_buf out = WF_BUF_INIT(WF_TOKEN_TEXT_MAX);
    struct wf_token a, b;
    struct wf_err err = {0};
    int rc = wf_token_parse(text, len, &a, &err);

    WF_CHECK(rc == 0 || (rc == WEFT_ETOKEN && err.text[0] != '\0'));
    if (rc == 0) {
        WF_CHECK(wf_token_format(&a, &out) == 0);
        WF_CHECK(wf_token_parse((const char *) out.p, out.len, &b, &err) == 0);
        WF_CHECK(a.role == b.role && a.tier == b.tier && a.nendpoints == b.nendpoints &&
                 strcmp(a.name, b.name) == 0 && strcmp(a.site, b.site) == 0 &&
                 a.expires_ms == b.expires_ms && wf_key_eq(&a.broker, &b.broker));
    }
    wf_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    char text[WF_TOKEN_TEXT_MAX] = "weft1-";
    uint8_t body[BODY_MAX + 8];

    check((const char *) p, len);
    if (len <= BODY_MAX) {
        if (len != 0) {
            memcpy(body, p, len);
        }
        (void) crypto_generichash(body + len, 8, body, len, NULL, 0);
        WF_CHECK(wf_base64url_encode(text + 6, sizeof text - 6, body, len + 8) == 0);
        check(text, strlen(text));
    }
    return 0;
}
