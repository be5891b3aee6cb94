#include "broker/core/peers/sessions.h"

#include "common/err.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

static void opens(void)
{
    struct sessions s;
    struct session *a, *b = NULL;

    must(session_table_init(&s, 2, 1) == 0);
    is_int(session_open(&s, 10, 5000, &a), 0, "a session opens");
    ok(session_get(&s, 10) == a && a->state == SESSION_NEW, "and is new");
    is_int(session_open(&s, 10, 5000, &b), WEFT_EEXIST, "a handle serves one");
    is_int(session_open(&s, 11, 4000, &b), 0, "another");
    is_int(session_open(&s, 12, 1, &a), WEFT_EFULL, "as many as there may be");
    ok(session_get(&s, 12) == NULL, "the refused one left nothing");
    ok(wf_heap_min(&s.leases) == &b->lease, "silence is looked at in order");
    session_close(&s, b);
    ok(session_get(&s, 11) == NULL, "one closes");
    is_int(session_open(&s, 12, 1, &b), 0, "and makes room");
    b->follows_events = 1;
    s.followers++;
    session_close(&s, b);
    is_int(s.followers, 0, "a follower that leaves is counted off");
    session_table_fini(&s);
}

static void is_heard(void)
{
    struct sessions s;
    struct session *a;

    must(session_table_init(&s, 2, 1) == 0);
    must(session_open(&s, 1, 1000, &a) == 0);
    session_heard(&s, a, 500, 1000);
    is_int(a->heard_us, 500, "when it was heard");
    is_int(a->lease.key, 1500, "puts the check off");
    session_heard(&s, a, 510, 1000);
    is_int(a->lease.key, 1500, "but not on every message");
    is_int(a->heard_us, 510, "which still count");
    wf_heap_update(&s.leases, &a->lease, 9000);
    session_heard(&s, a, 600, 1000);
    is_int(a->lease.key, 1600, "and back again after a silence");
    session_table_fini(&s);
}

static void survives_oom(void)
{
    int opened = 0;

    for (long n = 0; n < 12; n++) {
        struct sessions s;
        struct session *a;

        wf_mem_fail_after(n);
        if (session_table_init(&s, 4, 1) == 0) {
            opened = session_open(&s, 1, 1, &a) == 0;
            ok(opened == (session_get(&s, 1) != NULL), "all or nothing, %ld", n);
        }
        wf_mem_fail_after(-1);
        session_table_fini(&s);
    }
    ok(opened, "in the end there was enough");
}

int main(void)
{
    opens();
    is_heard();
    survives_oom();
    return done();
}
