/* link_file.h - the neighbours of a broker, as its state folder names them
 *
 *     STATE/links/NAME   name, key and addresses of the neighbour NAME (ZPL)
 *
 * Written once our key is enrolled there; whoever removes a file ends the link at the
 * next start.
 */
#ifndef BROKER_LINK_FILE_H
#define BROKER_LINK_FILE_H

#include "broker/config.h"
#include "common/io/keys.h"

#define LINK_HEX (2 * KEY_BYTES + 1)

struct link_file {
    char broker[WF_NAME_MAX + 1];
    char broker_key[LINK_HEX];
    uint8_t key[KEY_BYTES]; /* the same, raw; not in the file */
    struct wf_conf_list endpoints;
};

/* Call `fn` with each of them, by name; those that cannot be read are said through `bad`.
 * 0 also where there is no folder; WEFT_EIO. */
int link_files_each(const char *state, void (*fn)(void *arg, const struct link_file *f),
                    void (*bad)(void *arg, const struct wf_err *err), void *arg,
                    struct wf_err *err);

/* Enrol this broker's key with the token in that file (NULL or "-": standard input), made
 * by an operator of the neighbour, and keep the neighbour's address.  Says what it does
 * on standard output.  Errors of enrol_run(), WEFT_ETOKEN, WEFT_ETOKENROLE, WEFT_EIO. */
int link_enrol(const struct config *cfg, const char *token_file, struct wf_err *err);

#endif
