#include "tests/torture/work.h"

#include <stdio.h>
#include <string.h>

unsigned work_sleep_ms(const uint8_t id[16])
{
    unsigned x = id[0];

    if (x < 160) {
        return 0;
    }
    if (x < 235) {
        return 1 + id[1] % 30u;
    }
    return x < 253 ? 50u + id[1] : 1000u + 4 * (unsigned) id[1];
}

enum work_end work_end(const uint8_t id[16])
{
    unsigned x = id[2];

    return x < 8 ? WORK_FAILS : x < 20 ? WORK_FLAKY : x < 24 ? WORK_DIES : WORK_OK;
}

enum work_manner work_manner(const uint8_t id[16])
{
    unsigned x = id[3];

    return x < 120   ? WORK_KEEPS
           : x < 200 ? WORK_FORGETS
           : x < 225 ? WORK_TWICE
           : x < 238 ? WORK_CANCELS
                     : WORK_WATCHES;
}

int work_origin(const char *payload, size_t len, uint8_t id[16])
{
    for (size_t i = 0; i < 16; i++) {
        char digits[3] = "";
        unsigned x;

        if (len < 2 * i + 2) {
            return -1;
        }
        memcpy(digits, payload + 2 * i, 2);
        if (sscanf(digits, "%2x", &x) != 1) {
            return -1;
        }
        id[i] = (uint8_t) x;
    }
    return 0;
}

size_t work_payload(const uint8_t id[16], char dst[WORK_PAYLOAD_MAX])
{
    size_t len = 32 + (id[4] < 230 ? id[5] : 6 * (size_t) id[5]);

    for (size_t i = 0; i < len; i++) {
        dst[i] = i < 32 ? "0123456789abcdef"[id[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15]
                        : (char) ('a' + (id[i % 16] + i) % 26);
    }
    return len;
}

size_t work_result(const char *id, unsigned attempt, const char *node,
                   char dst[WORK_RESULT_MAX])
{
    (void) snprintf(dst, WORK_RESULT_MAX, "%s %u %s", id, attempt, node);
    return strlen(dst);
}
