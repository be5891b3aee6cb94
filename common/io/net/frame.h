/* frame.h - the header of every frame on the bus: a magic byte and the frame version */
#ifndef COMMON_IO_NET_FRAME_H
#define COMMON_IO_NET_FRAME_H

#include "common/defs.h"
#include "proto/limits.h"

#include <stdbool.h>

#define WF_FRAME_HEADER 2

static inline void frame_header(uint8_t *p)
{
    p[0] = WF_FRAME_MAGIC;
    p[1] = WF_FRAME_VERSION;
}

static inline bool frame_ok(const uint8_t *p, size_t len)
{
    return len >= WF_FRAME_HEADER && p[0] == WF_FRAME_MAGIC && p[1] == WF_FRAME_VERSION;
}

#endif
