/* imports.h - lists of files of datasets that are at home at other brokers
 *
 *     named_find() --> here already
 *                  --> at another broker --asked, page by page--> here, as a copy
 *                                                 \-- refused, or no answer --> failed
 *
 * Who names a dataset of another broker (a submit, a query, a stage) waits here until its
 * list has come; then what he said is dealt with as if it came now.  The copy is a
 * dataset of the name NAME.<8hex> (names.h) with its home's key, kept like any other,
 * also over a restart, since jobs refer to it.  It counts only when its list is what the
 * home signed for.  Its bytes are asked of its home as long as nobody here has them.  All
 * questions go from broker to broker, the way that the map shows.
 * docs/spec/5-mesh.md, 5.7.
 *
 * Bounded: so many at a time, copies, who waits, and bytes of what they said.
 */
#ifndef BROKER_CORE_MESH_DATA_IMPORTS_H
#define BROKER_CORE_MESH_DATA_IMPORTS_H

#include "common/buf.h"
#include "proto/effects.h"
#include "proto/msg.h"

#define IMPORTS_MAX 16u
#define COPIES_MAX  1024u
#define IMPORT_HOPS 8u

struct core;
struct dataset;
struct principal;
struct session;
struct turn;

struct import {
    int used;
    struct wf_key home, reader;
    struct wf_digest listing;
    char name[WF_DATASET_MAX + 1]; /* as its home calls it */
    uint32_t version;
    uint64_t files;    /* that it has, as its home says */
    struct dataset *d; /* owned */
    uint64_t due_us;   /* the page that was asked for, or that it failed, is forgotten */
    uint64_t req;      /* of that page; 0: it was displaced */
    int code;          /* it failed */
    char text[WF_TEXT_MAX + 1];
    struct wf_buf waiting; /* peer, length, encoded message */
    unsigned nwaiting;
};

struct imports {
    struct import v[IMPORTS_MAX];
    uint64_t look_us; /* nothing is due before: imports_step() is part of each step */
    unsigned copies;
    char denied[WF_TEXT_MAX + 1]; /* why, of the last that may not be read */
};

static inline int key_is_set(const struct wf_key *k)
{
    static const struct wf_key none;

    return !wf_key_eq(k, &none);
}

void imports_init(struct imports *t);
void imports_fini(struct core *c);

/* The dataset that the session of this turn means.  0; 1: it is on its way, and this turn
 * will be had again; the code of a refusal (below 0), and its text. */
int import_get(struct turn *t, struct wf_slice name, uint32_t version,
               struct dataset **ret_dataset, const char **ret_text);

/* When it may be asked for again after that refusal; 0: that does not help. */
uint64_t import_again_ms(const struct core *c, int code);

/* Room for the files of one more, besides those that are on their way, once so many of
 * those that are here are gone. */
int import_has_room(const struct core *c, uint64_t files, uint64_t gone);

/* The neighbour through whom a broker is reached; NULL: nobody leads there now. */
struct session *import_way(struct core *c, const struct wf_key *home);

/* A page or a refusal of the list that import number `n` is about. */
void import_page(struct core *c, uint64_t n, const struct wf_dataset_info *m,
                 struct wf_effects *out);
void import_refused(struct core *c, uint64_t n, const struct wf_error *m,
                    struct wf_effects *out);

/* Another question took the place of that one: it fails at the end of this step, since
 * this step may be the one of who waits. */
void import_displaced(struct core *c, uint64_t n, uint64_t req);

/* A neighbour's query for a dataset of a broker that it names: answered, or passed on.
 * 0: it names none. */
int import_serve(struct turn *t);

void imports_step(struct core *c, struct wf_effects *out);
uint64_t imports_due_us(const struct core *c);

#endif
