#include "client/id.h"

#include "client/include/weft/admin.h"
#include "common/err.h"
#include "common/io/keys.h"
#include "common/str.h"
#include "tests/lib/tap.h"

static void test_pool(void)
{
    enum { N = 1000 };
    static struct id_pool pool;
    static struct wf_id id[N];
    int distinct = 1;

    for (int i = 0; i < N; i++) {
        id_pool_take(&pool, &id[i]);
        distinct &= !wf_id_is_zero(&id[i]);
        for (int k = 0; k < i; k++) {
            distinct &= !wf_id_eq(&id[i], &id[k]);
        }
    }
    ok(distinct, "ids differ, also over refills of the pool");
}

static void test_text(void)
{
    weft_id id, back;
    char text[WEFT_ID_TEXT];

    weft_id_random(&id);
    weft_id_text(&id, text);
    is_int(strlen(text), 32, "an id is 32 digits");
    is_int(weft_id_parse(text, &back), 0, "which are read back");
    ok(memcmp(&id, &back, sizeof id) == 0, "to the same id");
    text[31] = '\0';
    is_int(weft_id_parse(text, &back), WEFT_EINVAL, "31 digits are none");
    is_int(weft_id_parse("0123456789abcdef0123456789abcdeg", &back), WEFT_EINVAL,
           "nor is what is not hex");
    is_int(weft_id_parse(NULL, &back), WEFT_EINVAL, "nor nothing");
}

static void test_fingerprint(void)
{
    uint8_t pub[KEY_BYTES];
    char hex[2 * KEY_BYTES + 1], text[WEFT_FINGERPRINT_TEXT] = "as before";
    char logged[KEY_FINGERPRINT];

    keys_random(pub, sizeof pub);
    keys_fingerprint(pub, logged);
    wf_hex(hex, pub, sizeof pub);
    hex[63] = '\0';
    is_int(weft_fingerprint(hex, text), WEFT_EINVAL, "63 digits are no key");
    is_int(weft_fingerprint(NULL, text), WEFT_EINVAL, "nor is nothing");
    is_str(text, "as before", "and have no fingerprint");
    wf_hex(hex, pub, sizeof pub);
    is_int(weft_fingerprint(hex, text), 0, "64 are one");
    is_str(text, logged, "with the fingerprint that logs show");
}

static void test_names(void)
{
    is_str(weft_state_name(WEFT_JOB_OK), "OK", "states have names");
    is_str(weft_state_name((enum weft_state) 99), "?", "others have none");
    is_str(weft_class_name(WEFT_CLASS_FAST), "fast", "classes too");
}

int main(void)
{
    test_pool();
    test_text();
    test_fingerprint();
    test_names();
    return done();
}
