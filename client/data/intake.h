/* intake.h - a blob on its way in: between pull and where it goes
 *
 * One for each digest that is being got, with a sink of the disk's thread; or with a
 * user's function that takes the chunks in order, of which those that came early wait in
 * memory: pull is told of them late when they are too many.  Whoever wants it is told of
 * each chunk and of the end.
 */
#ifndef CLIENT_DATA_INTAKE_H
#define CLIENT_DATA_INTAKE_H

#include "client/data/sink.h"
#include "client/data/transfer.h"

struct intake;

struct intake_cbs {
    /* So many bytes more are there: `came` over a link, or found. */
    void (*on_bytes)(struct transfer *t, uint64_t bytes, int came);

    /* It is over; the intake is gone after it.  0: `mem` (NULL: a file, or a function
     * took it) is taken over by setting it NULL. */
    void (*on_end)(struct transfer *t, size_t tag, int code, const char *text,
                   uint64_t moved, const char *from, uint8_t **mem);
};

struct intake_want {
    struct wf_digest digest;
    uint64_t size;
    struct wf_id job; /* whose result it is; zero: none */
    const char *path; /* to this file, by way of a part that ends with `part_end`; */
    const char *part_end;
    int keep;             /* unless another one is there: WEFT_EEXIST; */
    weft_write_fn *write; /* or to this function; or to memory */
    void *arg;
    size_t tag;
};

/* WEFT_EEXIST: another one gets this blob: ask again when that ended.  WEFT_EFULL,
 * WEFT_ENOMEM, WEFT_ECONFLICT (it has another size). */
int intake_new(struct transfer *t, const struct intake_cbs *cbs,
               const struct intake_want *w, struct intake **ret_intake);

/* It is not wanted any more; no end is told. */
void intake_drop(struct intake *in);

/* What pull says of it.  WEFT_ENOENT. */
int intake_progress(const struct intake *in, struct wf_pull_progress *ret_progress);

/* Effects and ends of pull. */
void intake_effect(struct data *d, uint64_t now_us, const struct wf_effects *fx,
                   const struct wf_effect *x);
void intake_ended(struct data *d, const struct wf_pull_end *end);

#endif
