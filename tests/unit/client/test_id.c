#include "client/id.h"

#include "client/include/weft/job.h"
#include "common/err.h"
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
    test_names();
    return done();
}
