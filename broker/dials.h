/* dials.h - connections to neighbours that this broker dials
 *
 * Each has a number, from 0; the core decides when to connect and what to say.
 */
#ifndef BROKER_DIALS_H
#define BROKER_DIALS_H

#include "broker/core/event.h"
#include "broker/link_file.h"
#include "common/io/log.h"
#include "common/io/loop.h"

struct dials;
struct uplink;

struct dials_cbs {
    void (*on_event)(void *arg, struct broker_event *ev); /* BROKER_DIAL, BROKER_DIAL_* */
    void (*on_frame)(void *arg, uint32_t peer, const uint8_t *bytes, size_t len);
};

/* 0, WEFT_ENOMEM.  `keys` are copied for each connection. */
int dials_new(struct wf_loop *loop, void *zmq, const struct keys *keys,
              const struct log_sink *log, const struct dials_cbs *cbs, void *arg,
              struct dials **ret_dials);
void dials_free(struct dials *d);

/* Take up the neighbours that the state folder names and that are not known yet: each is
 * an event. */
void dials_read(struct dials *d, const char *state);

void dials_connect(struct dials *d, uint32_t peer, unsigned endpoint);
void dials_disconnect(struct dials *d, uint32_t peer);
void dials_send(struct dials *d, uint32_t peer, const uint8_t *p, size_t len);
void dials_flush(struct dials *d);

/* The connection to a neighbour, and its name; borrowed.  Of numbers that were told. */
const struct uplink *dials_uplink(const struct dials *d, uint32_t peer);
const char *dials_name(const struct dials *d, uint32_t peer);

/* Where the neighbour was dialled last, and its key, 32 bytes; both borrowed.  0,
 * WEFT_ENOENT. */
int dials_where(const struct dials *d, uint32_t peer, const char **ret_endpoint,
                const uint8_t **ret_key);

#endif
