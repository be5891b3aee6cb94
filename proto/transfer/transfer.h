/* transfer.h - what the two sides of a transfer share with those who carry it out
 *
 * Lanes are numbers.  WF_LANE_BROKER is this program's lane to the broker's bulk socket,
 * for pull and give alike; pull numbers the direct lanes that it has opened from 1 on,
 * below WF_PULL_LANES; the owner numbers those that others opened to it from
 * WF_LANE_GIVE on.  The owner says `lane` first on every lane that it dials.
 */
#ifndef PROTO_TRANSFER_TRANSFER_H
#define PROTO_TRANSFER_TRANSFER_H

#include "proto/blob.h"
#include "proto/effects.h"

#define WF_LANE_BROKER 0u
#define WF_PULL_LANES  64u
#define WF_LANE_GIVE   (1u << 16)

/* What one ticket may have outstanding, in bytes of chunks: 7-data.md, 7.5. */
#define WF_TICKET_BYTES (8u << 20)

/* Bytes of WF_EFFECT_LANE_OPEN. */
struct wf_lane_to {
    struct wf_key key;                  /* of the holder; zero: the broker's bulk lane */
    char endpoint[WF_ENDPOINT_MAX + 1]; /* empty: the broker's bulk lane */
};

/* First bytes of WF_EFFECT_BLOB_BEGIN, _LEAVES, _WRITE and _END; answer with it. */
struct wf_blob_ref {
    struct wf_digest digest;
    uint64_t size;
    uint64_t id; /* of this fetch: an answer to an older one is ignored */
};

/* Bytes of WF_EFFECT_BLOB_READ. */
struct wf_blob_read {
    uint64_t tag; /* to be answered with */
    struct wf_digest digest;
    uint64_t size;
    unsigned kind;         /* enum wf_want_kind */
    uint64_t first, count; /* CHUNKS: count is 1; LEAVES: at most WF_LEAVES_PIECE */
    int zstd;              /* CHUNKS: may be compressed, when that makes it smaller */
    char region[WF_LABEL_MAX + 1]; /* residency label of who gets it */
};

/* Take the struct out of an effect; the last one returns what follows the ref, `ret_len`
 * bytes, borrowed as those of the effect. */
void wf_lane_to_of(const struct wf_effects *e, const struct wf_effect *x,
                   struct wf_lane_to *ret_to);
void wf_blob_read_of(const struct wf_effects *e, const struct wf_effect *x,
                     struct wf_blob_read *ret_read);
const uint8_t *wf_blob_ref_of(const struct wf_effects *e, const struct wf_effect *x,
                              struct wf_blob_ref *ret_ref, size_t *ret_len);

/* The chunk of a WF_EFFECT_BLOB_WRITE, once: owned, and not borrowed any more by who asks
 * wf_blob_ref_of() for it. */
uint8_t *wf_blob_take(struct wf_effects *e, struct wf_effect *x);

/* Encode a message for a lane: WF_EFFECT_LANE_SEND. */
void wf_lane_send(struct wf_effects *out, uint32_t lane, enum wf_type type,
                  const void *body);

/* Append an effect about a blob with `len` bytes after its ref (may be none). */
void wf_blob_effect(struct wf_effects *out, enum wf_effect_kind kind, uint32_t peer,
                    uint64_t arg, const struct wf_blob_ref *ref, const void *p,
                    size_t len);

/* Append WF_EFFECT_BLOB_WRITE.  The chunk is taken on success: without memory `out` says
 * so, as always, and it is still the caller's. */
void wf_blob_write(struct wf_effects *out, unsigned coding, uint64_t chunk,
                   const struct wf_blob_ref *ref, uint8_t **bytes, size_t len);

#endif
