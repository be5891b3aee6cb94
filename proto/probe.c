#include "proto/probe.h"

#include "common/err.h"

#include <string.h>

#define VERSION 1u
#define KIND_AT 5u
#define ZERO_AT 6u

static const uint8_t head[KIND_AT] = {'w', 'f', 'p', 'r', VERSION};

static void put_u64(uint8_t *at, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++) {
        at[i] = (uint8_t) (v >> (56 - 8 * i));
    }
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++) {
        v = v << 8 | at[i];
    }
    return v;
}

size_t wf_probe_pack(const struct wf_probe *p, size_t size, uint8_t buf[WF_PROBE_MAX])
{
    if (p->kind == WF_PROBE_ANSWER || size < WF_PROBE_BYTES) {
        size = WF_PROBE_BYTES;
    } else if (size > WF_PROBE_MAX) {
        size = WF_PROBE_MAX;
    }
    memset(buf, 0, size);
    memcpy(buf, head, sizeof head);
    buf[KIND_AT] = (uint8_t) p->kind;
    memcpy(buf + 8, p->cookie, sizeof p->cookie);
    put_u64(buf + 24, p->seq);
    put_u64(buf + 32, p->time_us);
    return size;
}

static int is_zero(const uint8_t *p, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++) {
        any |= p[i];
    }
    return any == 0;
}

int wf_probe_parse(const uint8_t *bytes, size_t len, struct wf_probe *ret_probe)
{
    if (len < WF_PROBE_BYTES || len > WF_PROBE_MAX ||
        memcmp(bytes, head, sizeof head) != 0 || !is_zero(bytes + ZERO_AT, 2) ||
        !is_zero(bytes + WF_PROBE_BYTES, len - WF_PROBE_BYTES)) {
        return WEFT_EPROTO;
    }
    if (bytes[KIND_AT] != WF_PROBE_ASK &&
        (bytes[KIND_AT] != WF_PROBE_ANSWER || len != WF_PROBE_BYTES)) {
        return WEFT_EPROTO;
    }
    ret_probe->kind = bytes[KIND_AT];
    memcpy(ret_probe->cookie, bytes + 8, sizeof ret_probe->cookie);
    ret_probe->seq = get_u64(bytes + 24);
    ret_probe->time_us = get_u64(bytes + 32);
    return 0;
}
