#include "broker/core/mesh/gossip/keys.h"

#include "common/err.h"
#include "proto/words.h"

#include <string.h>

int keys_above(const struct wf_key_fact *a, const struct wf_key *by_a,
               const struct wf_key_fact *b, const struct wf_key *by_b)
{
    int a_revoked = a->state == WF_KEY_REVOKED, b_revoked = b->state == WF_KEY_REVOKED;

    if (a_revoked != b_revoked) {
        return a_revoked;
    }
    if (a->version != b->version) {
        return a->version > b->version;
    }
    return memcmp(by_a->b, by_b->b, sizeof by_a->b) > 0;
}

int keys_read(struct wf_slice body, struct wf_key_fact *ret_fact)
{
    struct wf_msg m;

    if (wf_msg_read(body, WF_MSG_key_fact, &m) != 0) {
        return WEFT_EPROTO;
    }
    *ret_fact = m.u.key_fact;
    return 0;
}

const struct fact *keys_word(const struct facts *s, const struct wf_key *key,
                             struct wf_key_fact *ret_word)
{
    const struct fact *best = NULL;
    struct wf_key_fact word = {0}, k;

    for (const struct fact *f = facts_about(s, key, NULL); f != NULL;
         f = facts_about(s, key, f)) {
        if (f->body_len == 0 || keys_read(wf_slice_make(f->body, f->body_len), &k) != 0) {
            continue;
        }
        if (best == NULL || keys_above(&k, &f->of->key, &word, &best->of->key)) {
            best = f;
            word = k;
        }
    }
    if (best != NULL && ret_word != NULL) {
        *ret_word = word;
    }
    return best;
}
