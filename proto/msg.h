/* msg.h - messages as structs, and their bytes
 *
 * Structs and field tables are made from messages.def; one encoder, one decoder and one
 * dumper walk the tables.  Decoding borrows: text, bytes and lists point into the frame
 * and live as long as it does.  The decoder never allocates, never recurses and bounds
 * everything (docs/spec/1-wire.md).  Not thread-safe per object; no global state.
 */
#ifndef PROTO_MSG_H
#define PROTO_MSG_H

#include "common/buf.h"
#include "common/cursor.h"
#include "proto/limits.h"

struct wf_id {
    uint8_t b[WF_ID_SIZE];
};

struct wf_key {
    uint8_t b[WF_KEY_SIZE];
};

struct wf_digest {
    uint8_t b[WF_DIGEST_SIZE];
};

/* Borrowed bytes or text, without a terminating zero. */
struct wf_slice {
    const uint8_t *p;
    uint32_t len;
};

/* Borrowed encoded rows: read with wf_rows_next(), made with wf_rows_add(). */
struct wf_rows {
    const uint8_t *p;
    uint32_t len;   /* bytes */
    uint32_t count; /* rows */
};

#define U(name, max)           uint64_t name;
#define S(name, max)           struct wf_slice name;
#define D(name, max)           struct wf_slice name;
#define ID(name)               struct wf_id name;
#define KEY(name)              struct wf_key name;
#define DIG(name)              struct wf_digest name;
#define L(name, rec, max)      struct wf_rows name;
#define REC(name)              struct wf_##name {
#define MSG(name, number, doc) struct wf_##name {
#define END(name)                                                                        \
    }                                                                                    \
    ;
#include "proto/messages.def"
#undef MSG
#undef REC
#undef END

enum wf_type {
#define REC(name)
#define END(name)
#undef U
#undef S
#undef D
#undef ID
#undef KEY
#undef DIG
#undef L
#define U(name, max)
#define S(name, max)
#define D(name, max)
#define ID(name)
#define KEY(name)
#define DIG(name)
#define L(name, rec, max)
#define MSG(name, number, doc) WF_MSG_##name = number,
#include "proto/messages.def"
#undef MSG
#undef REC
#undef END
};

struct wf_msg {
    enum wf_type type;
    union {
#define REC(name)
#define END(name)
#define MSG(name, number, doc) struct wf_##name name;
#include "proto/messages.def"
#undef MSG
#undef REC
#undef END
#undef U
#undef S
#undef D
#undef ID
#undef KEY
#undef DIG
#undef L
    } u;
};

enum wf_kind {
    WF_KIND_U,
    WF_KIND_S,
    WF_KIND_D,
    WF_KIND_ID,
    WF_KIND_KEY,
    WF_KIND_DIG,
    WF_KIND_L
};

struct wf_desc;

struct wf_field {
    const char *name;
    enum wf_kind kind;
    uint16_t offset;                    /* in the struct */
    uint64_t max;                       /* value, bytes or rows */
    const struct wf_desc *(*rec)(void); /* row type of a list */
};

struct wf_desc {
    const char *name;
    unsigned number; /* 0 for a row */
    unsigned nfields;
    size_t size; /* of the struct */
    const struct wf_field *fields;
    const char *doc;
};

/* The description of a message by its number, or NULL; of the i-th message, or NULL past
 * the end (for documentation and dictionaries). */
const struct wf_desc *wf_desc_of(unsigned number);
const struct wf_desc *wf_desc_at(size_t i);

/* Row types, for wf_rows_add() and wf_rows_next(). */
#define REC(name) const struct wf_desc *wf_desc_##name(void);
#define END(name)
#define MSG(name, number, doc)
#define U(name, max)
#define S(name, max)
#define D(name, max)
#define ID(name)
#define KEY(name)
#define DIG(name)
#define L(name, rec, max)
#include "proto/messages.def"
#undef MSG
#undef REC
#undef END
#undef U
#undef S
#undef D
#undef ID
#undef KEY
#undef DIG
#undef L

/* Append one message.  `body` is the struct of that type.  WEFT_ETOOBIG when a field is
 * over its limit or the buffer is full, WEFT_ENOMEM; then `out` is as before.  A buffer
 * that failed earlier fails again. */
int wf_msg_encode(struct wf_buf *out, enum wf_type type, const void *body);

/* Take one message off the cursor.  0; WEFT_EPROTO: malformed, stop reading the frame;
 * WEFT_ESUPPORT: well-formed but of an unknown type, skipped.  `ret_msg` holds nothing of
 * use unless 0. */
int wf_msg_decode(struct wf_cursor *c, struct wf_msg *ret_msg);

/* The message that `bytes` begin with: 0; WEFT_EPROTO: it is malformed, or none of that
 * type.  It borrows from `bytes`. */
int wf_msg_read(struct wf_slice bytes, enum wf_type type, struct wf_msg *ret_msg);

/* Append one row to `store` and count it in `rows`, which borrows from `store`: a store
 * for each list, both empty at first, and left alone until the message is encoded. */
int wf_rows_add(struct wf_buf *store, struct wf_rows *rows, const struct wf_desc *rec,
                const void *row);

/* Take the next row: 1 and `ret_row` filled, or 0 at the end.  The rows were checked when
 * the message was decoded. */
int wf_rows_next(struct wf_rows *rows, const struct wf_desc *rec, void *ret_row);

/* One readable line: "submit job=0f.. capability=\"echo\" payload=12B".  Bytes are shown
 * by their length, text is escaped.  Always terminates `dst`. */
void wf_msg_dump(char *dst, size_t cap, enum wf_type type, const void *body);

/* -- slices and ids ------------------------------------------------------------------ */

struct wf_slice wf_slice_of(const char *s);
struct wf_slice wf_slice_make(const void *p, size_t len);
int wf_slice_eq(struct wf_slice a, struct wf_slice b);
int wf_slice_is(struct wf_slice a, const char *s);

/* Copy text into `dst`, cut at its capacity, always terminated; returns dst. */
char *wf_slice_str(struct wf_slice a, char *dst, size_t cap);

int wf_id_eq(const struct wf_id *a, const struct wf_id *b);
int wf_id_is_zero(const struct wf_id *a);
int wf_key_eq(const struct wf_key *a, const struct wf_key *b);
int wf_digest_eq(const struct wf_digest *a, const struct wf_digest *b);
int wf_digest_is_zero(const struct wf_digest *a);

#define WF_ID_TEXT (2 * WF_ID_SIZE + 1)

/* 32 hex digits into dst[WF_ID_TEXT]; returns dst. */
char *wf_id_text(const struct wf_id *id, char *dst);

/* WEFT_EINVAL unless `s` is exactly 32 hex digits. */
int wf_id_parse(const char *s, struct wf_id *ret_id);

#define WF_DIGEST_TEXT (2 * WF_DIGEST_SIZE + 1)

/* The same for a digest: 64 hex digits. */
char *wf_digest_text(const struct wf_digest *d, char *dst);
int wf_digest_parse(const char *s, struct wf_digest *ret_digest);

#endif
