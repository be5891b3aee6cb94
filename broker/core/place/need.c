#include "broker/core/place/need.h"

#include "common/err.h"
#include "common/parse.h"
#include "proto/name.h"

#include <string.h>

/* Nothing is more or less than what is no number. */
static int is_comparable(const struct need *n)
{
    char text[WF_LABEL_MAX + 1];
    uint64_t number;

    return n->op == NEED_EQ || n->op == NEED_NE ||
           wf_parse_size(wf_slice_str(n->value, text, sizeof text), &number) == 0;
}

int need_parse(struct wf_slice text, struct need *ret_need)
{
    struct need n = {0};
    uint32_t at = 0;

    while (at < text.len && strchr("=!<>", text.p[at]) == NULL) {
        at++;
    }
    if (at == text.len || text.len > WF_LABEL_MAX) {
        return WEFT_EINVAL;
    }
    n.key = wf_slice_make(text.p, at);
    switch (text.p[at]) {
    case '=':
        n.op = NEED_EQ;
        break;
    case '!':
        n.op = NEED_NE;
        break;
    case '>':
        n.op = NEED_GE;
        break;
    default:
        n.op = NEED_LE;
        break;
    }
    if (n.op != NEED_EQ && (++at == text.len || text.p[at] != '=')) {
        return WEFT_EINVAL;
    }
    n.value = wf_slice_make(text.p + at + 1, text.len - at - 1);
    if (!wf_name_ok(n.key) || n.value.len == 0 ||
        memchr(n.value.p, '=', n.value.len) != NULL || !is_comparable(&n)) {
        return WEFT_EINVAL;
    }
    *ret_need = n;
    return 0;
}

int need_met(const struct need *need, const char *value)
{
    char text[WF_LABEL_MAX + 1];
    uint64_t want, have;

    if (value == NULL) {
        return need->op == NEED_NE;
    }
    if (need->op == NEED_EQ || need->op == NEED_NE) {
        return wf_slice_is(need->value, value) == (need->op == NEED_EQ);
    }
    wf_slice_str(need->value, text, sizeof text);
    if (wf_parse_size(text, &want) != 0 || wf_parse_size(value, &have) != 0) {
        return 0;
    }
    return need->op == NEED_GE ? have >= want : have <= want;
}
