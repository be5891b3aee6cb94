/* shelf.h - what this client gives: sources by their digest, and the reads of give
 *
 * While a put is staged its sources stand here.  Reads are done by the disk's thread,
 * each on memory of its own, and verified: a file that changed ends its put.
 */
#ifndef CLIENT_DATA_SHELF_H
#define CLIENT_DATA_SHELF_H

#include "client/data/source.h"
#include "client/data/transfer.h"

/* What a source's `owner` must begin with. */
struct giver {
    struct transfer t;
    const char *residency; /* borrowed; "" */
};

/* The source is ready.  WEFT_ENOMEM, WEFT_EFULL. */
int shelf_add(struct data *d, struct giver *g, struct source *s);
void shelf_remove(struct data *d, struct source *s);

/* WF_EFFECT_BLOB_READ. */
void shelf_read(struct data *d, uint64_t now_us, const struct wf_blob_read *r);

#endif
