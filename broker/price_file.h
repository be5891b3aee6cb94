/* price_file.h - the file of prices: what a node class costs, and a byte between places
 *
 *     class
 *         name = c6-spot
 *         usd_h = 0.031                 # a slot for an hour
 *         paid = spot
 *         interruptions_per_day = 0.5
 *     tiers
 *         from = cloud
 *         to = *
 *         usd_gb = 0.09                 # 10^9 bytes
 *     sites
 *         from = lyon
 *         to = paris
 *         usd_gb = 0.01
 *
 * ZPL, see common/zpl.h.  Every mistake is an error that names the line, so that a file
 * is taken whole or not at all.
 */
#ifndef BROKER_PRICE_FILE_H
#define BROKER_PRICE_FILE_H

#include "broker/core/place/pricing.h"
#include "common/buf.h"
#include "common/err.h"

struct price_file {
    struct price_line *lines; /* owned */
    size_t n;
};

/* Read text: WEFT_ECONF with text that names the line, WEFT_ENOMEM. */
int price_file_parse(const char *text, size_t len, struct price_file *ret_file,
                     struct wf_err *err);

/* Read a file.  Also WEFT_ENOENT, WEFT_EIO; texts begin with the path. */
int price_file_load(const char *path, struct price_file *ret_file, struct wf_err *err);

void price_file_fini(struct price_file *f);

/* The options of the sections as text, for --help. */
int price_file_help(struct wf_buf *out);

#endif
