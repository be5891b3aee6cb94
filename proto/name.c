#include "proto/name.h"

#include "common/err.h"
#include "common/parse.h"
#include "common/str.h"

#include <string.h>

static int is_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int wf_name_ok(struct wf_slice s)
{
    if (s.len == 0 || s.len > WF_NAME_MAX || !is_alnum(s.p[0])) {
        return 0;
    }
    for (uint32_t i = 1; i < s.len; i++) {
        if (!is_alnum(s.p[i]) && memchr("._-", s.p[i], 3) == NULL) {
            return 0;
        }
    }
    return 1;
}

int wf_capability_parse(const char *text, char ret_name[WF_CAP_NAME_MAX + 1],
                        uint32_t *ret_version)
{
    const char *at = strchr(text, '@');
    size_t len = at != NULL ? (size_t) (at - text) : strlen(text);
    uint64_t version = 0;

    if (len > WF_CAP_NAME_MAX || !wf_name_ok(wf_slice_make(text, len))) {
        return WEFT_EINVAL;
    }
    if (at != NULL && (at[1] < '1' || at[1] > '9' ||
                       wf_parse_u64(at + 1, &version) != 0 || version > UINT32_MAX)) {
        return WEFT_EINVAL;
    }
    memcpy(ret_name, text, len);
    ret_name[len] = '\0';
    *ret_version = (uint32_t) version;
    return 0;
}

int wf_label_ok(struct wf_slice s)
{
    const uint8_t *eq = s.len != 0 ? memchr(s.p, '=', s.len) : NULL;

    if (eq == NULL || s.len > WF_LABEL_MAX ||
        !wf_name_ok(wf_slice_make(s.p, (size_t) (eq - s.p)))) {
        return 0;
    }
    for (const uint8_t *p = eq + 1; p < s.p + s.len; p++) {
        if (*p < 0x20 || *p == 0x7f || *p == '=' || *p == ',') {
            return 0;
        }
    }
    return 1;
}

int wf_endpoint_ok(const char *text, int listening)
{
    const char *host = text + strlen("tcp://");
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;

    if (strncmp(text, "tcp://", 6) != 0 || strlen(text) > WF_ENDPOINT_MAX ||
        colon <= host || strpbrk(text, " \t\r\n,;\"'") != NULL) {
        return 0;
    }
    if (listening && strcmp(colon + 1, "*") == 0) {
        return 1;
    }
    return wf_parse_u64(colon + 1, &port) == 0 && port <= 65535 &&
           (port > 0 || listening);
}
