#include "broker/store/sum.h"

#include "tests/lib/tap.h"

static uint64_t sum(unsigned table, const char *key, const char *value)
{
    return store_sum(table, wf_slice_make(key, strlen(key)),
                     wf_slice_make(value, strlen(value)));
}

/* Any change of one byte changes it, at every length. */
static int notices(void)
{
    uint8_t v[40];
    int good = 1;

    for (size_t len = 0; len <= sizeof v; len++) {
        uint64_t was;

        for (size_t i = 0; i < sizeof v; i++) {
            v[i] = (uint8_t) (i * 37);
        }
        was = store_sum(3, wf_slice_make("12345678", 8), wf_slice_make(v, len));
        for (size_t i = 0; i < len; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                v[i] ^= (uint8_t) (1u << bit);
                good &= store_sum(3, wf_slice_make("12345678", 8),
                                  wf_slice_make(v, len)) != was;
                v[i] ^= (uint8_t) (1u << bit);
            }
        }
        if (len > 0) {
            good &= store_sum(3, wf_slice_make("12345678", 8),
                              wf_slice_make(v, len - 1)) != was;
        }
    }
    return good;
}

int main(void)
{
    /* On the disks of users: it stays what it is. */
    is_int(sum(3, "12345678", "some value"), INT64_C(-3414897629007850265),
           "a sum is what it was");
    is_int(sum(1, "", ""), INT64_C(4355691423141962570), "also of nothing");
    ok(sum(3, "12345678", "v") != sum(4, "12345678", "v"), "the table counts");
    ok(sum(3, "12345678", "v") != sum(3, "12345679", "v"), "so does the key");
    ok(sum(3, "1234567", "8v") != sum(3, "12345678", "v"), "and where it ends");
    ok(notices(), "no flipped bit and no cut goes unnoticed");
    return done();
}
