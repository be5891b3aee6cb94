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

/* Neither empty nor "." nor "..". */
static int part_ok(const uint8_t *p, size_t len)
{
    return len != 0 && !(len == 1 && p[0] == '.') &&
           !(len == 2 && p[0] == '.' && p[1] == '.');
}

int wf_path_ok(struct wf_slice s)
{
    uint32_t from = 0;

    if (s.len == 0 || s.len > WF_PATH_MAX || !wf_utf8_ok(s.p, s.len)) {
        return 0;
    }
    for (uint32_t i = 0; i <= s.len; i++) {
        if (i < s.len && (s.p[i] < 0x20 || s.p[i] == 0x7f)) {
            return 0;
        }
        if (i == s.len || s.p[i] == '/') {
            if (!part_ok(s.p + from, i - from)) {
                return 0;
            }
            from = i + 1;
        }
    }
    return 1;
}

/* Digits only, no leading zero, from 1. */
static int parse_version(struct wf_slice s, uint32_t *ret_version)
{
    uint64_t v = 0;

    if (s.len == 0 || s.len > 10 || s.p[0] == '0') {
        return WEFT_EINVAL;
    }
    for (uint32_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return WEFT_EINVAL;
        }
        v = 10 * v + (uint64_t) (s.p[i] - '0');
    }
    if (v > UINT32_MAX) {
        return WEFT_EINVAL;
    }
    *ret_version = (uint32_t) v;
    return 0;
}

int wf_data_ref_parse(struct wf_slice text, struct wf_data_ref *ret_ref)
{
    const uint8_t *slash = text.len != 0 ? memchr(text.p, '/', text.len) : NULL;
    uint32_t head = slash != NULL ? (uint32_t) (slash - text.p) : text.len;
    const uint8_t *at = head != 0 ? memchr(text.p, '@', head) : NULL;
    struct wf_data_ref ref = {
        .name = wf_slice_make(text.p, at != NULL ? (size_t) (at - text.p) : head)};

    if (!wf_name_ok(ref.name)) {
        return WEFT_EINVAL;
    }
    if (at != NULL &&
        parse_version(wf_slice_make(at + 1, (size_t) (text.p + head - at - 1)),
                      &ref.version) != 0) {
        return WEFT_EINVAL;
    }
    if (slash != NULL) {
        ref.path = wf_slice_make(slash + 1, text.len - head - 1);
        if (!wf_path_ok(ref.path)) {
            return WEFT_EINVAL;
        }
    }
    *ret_ref = ref;
    return 0;
}

int wf_residency_ok(struct wf_slice residency, struct wf_slice at)
{
    uint32_t from = 0;

    if (residency.len == 0) {
        return 1;
    }
    for (uint32_t i = 0; i <= residency.len; i++) {
        if (i == residency.len || residency.p[i] == '+') {
            if (at.len != 0 &&
                wf_slice_eq(wf_slice_make(residency.p + from, i - from), at)) {
                return 1;
            }
            from = i + 1;
        }
    }
    return 0;
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
