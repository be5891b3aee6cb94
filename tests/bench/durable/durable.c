#include "tests/bench/durable/durable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void stamps_start(struct stamps *s, struct bench_run *r)
{
    *s = (struct stamps){.window = r->window};
    s->sent_ns = calloc(r->window, sizeof(*s->sent_ns));
    if (s->sent_ns == NULL) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    load_start(&r->load, r->window, r->seconds);
}

void stamps_sent(struct stamps *s)
{
    s->sent_ns[s->nsent++ % s->window] = load_now();
}

int stamps_done(struct stamps *s, struct load *l, uint64_t now_ns)
{
    return load_done(l, s->sent_ns[s->ndone++ % s->window], now_ns);
}

void durable_fill(uint8_t payload[DURABLE_PAYLOAD])
{
    static uint64_t state = 88172645463325252u;

    /* Xorshift: eight bytes a step, and none of them a zero byte for long. */
    for (size_t i = 0; i < DURABLE_PAYLOAD; i += sizeof(state)) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(payload + i, &state, sizeof(state));
    }
}
