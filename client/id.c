#include "client/id.h"

#include "client/include/weft/info.h"
#include "common/io/keys.h"
#include "proto/words.h"

#include <string.h>
#include <sys/random.h>

_Static_assert(sizeof(struct wf_id) == sizeof(weft_id), "one layout of ids");
_Static_assert(WEFT_STAND_OTHER == (int) WF_STANDS, "one list of what stands still");
_Static_assert(WEFT_ID_TEXT == WF_ID_TEXT, "one text of ids");

void id_pool_take(struct id_pool *pool, struct wf_id *ret_id)
{
    if (pool->left == 0) {
        /* One call for all; libsodium would make one for every 16 ids. */
        if (getrandom(pool->bytes, sizeof pool->bytes, 0) != sizeof pool->bytes) {
            keys_random(pool->bytes, sizeof pool->bytes);
        }
        pool->left = sizeof pool->bytes / WF_ID_SIZE;
    }
    pool->left--;
    memcpy(ret_id->b, pool->bytes + pool->left * WF_ID_SIZE, WF_ID_SIZE);
}

void weft_id_random(weft_id *ret_id)
{
    keys_random(ret_id->bytes, sizeof ret_id->bytes);
}

void weft_id_text(const weft_id *id, char text[WEFT_ID_TEXT])
{
    struct wf_id x;

    memcpy(x.b, id->bytes, sizeof x.b);
    wf_id_text(&x, text);
}

int weft_id_parse(const char *text, weft_id *ret_id)
{
    struct wf_id x;
    int rc = text != NULL ? wf_id_parse(text, &x) : WEFT_EINVAL;

    if (rc == 0) {
        memcpy(ret_id->bytes, x.b, sizeof x.b);
    }
    return rc;
}

const char *weft_state_name(enum weft_state state)
{
    return wf_job_state_name((uint64_t) state);
}

const char *weft_stand_name(enum weft_stand stand)
{
    return (unsigned) stand < WEFT_STAND_OTHER ? wf_stand_name((uint64_t) stand)
                                               : "other";
}

const char *weft_disconnect_name(enum weft_disconnect disconnect)
{
    return wf_disconnect_name((uint64_t) disconnect);
}

const char *weft_class_name(enum weft_class job_class)
{
    return wf_class_name((uint64_t) job_class);
}

const char *weft_goal_name(enum weft_goal goal)
{
    return wf_goal_name((uint64_t) goal);
}
