/* door.h - the agent's own door for this machine: a socket in its state folder
 *
 *     STATE/door, 0600: who may read the state folder's key may come in
 *
 * A caller sends one line and gets lines, the last of which begins with `end`:
 *
 *     add PATH            file DIGEST SIZE PATH ...  fail CODE PATH: why ...
 *     add-in-place PATH   the same; the files stay where they are
 *     ls                  blob DIGEST SIZE HAVE FLAGS ...   (p: pinned, i: in place)
 *     scrub               scrub BYTES DAMAGED FOUND RECODED ...
 *     stats               stat NAME VALUE ...
 *     notice MS           (this machine is taken away after so long)
 *
 *     end CODE TEXT       CODE: OK, or the name of an error
 *
 * PATH is absolute and has no line feeds.  A caller that does not read is cut; what it
 * asked for goes on.
 */
#ifndef AGENT_DATA_DOOR_H
#define AGENT_DATA_DOOR_H

#include "agent/core/node.h"
#include "agent/data/data.h"

#define DOOR_NAME    "door"
#define DOOR_CALLERS 8
#define DOOR_LINE    4200 /* bytes of a line, at most */

struct door;

struct door_cbs {
    void (*on_notice)(void *arg, uint64_t left_ms);
    /* What came and went over lanes since the start; only asked where there is data. */
    void (*moved)(void *arg, struct node_data_counts *ret_counts);
};

/* `data` is borrowed; NULL: this machine keeps none, and whoever asks for it is told so.
 * WEFT_EIO, WEFT_ENOMEM, WEFT_ECONF: the path is too long. */
int door_new(struct wf_loop *loop, const char *state, struct data *data,
             const struct door_cbs *cbs, void *arg, struct door **ret_door,
             struct wf_err *err);

/* The same; what goes wrong is logged, and NULL: jobs run without it. */
struct door *door_open(struct wf_loop *loop, const char *state, struct data *data,
                       const struct door_cbs *cbs, void *arg, const struct log_sink *log);

/* After the desk is gone; also removes the socket.  NULL is allowed. */
void door_free(struct door *d);

#endif
