/* name.h - the grammar of names, capabilities and labels
 *
 * name        [a-z0-9] then [a-z0-9._-], at most 63 bytes
 * capability  name, or name@version with a version of 1 to 4294967295 without leading 0
 * label       key=value; key is a name, value has no control characters, '=' or ','
 * Pure and thread-safe.
 */
#ifndef PROTO_NAME_H
#define PROTO_NAME_H

#include "proto/msg.h"

int wf_name_ok(struct wf_slice s);

/* Split "resize@2" into name and version (0 when it has none).  WEFT_EINVAL. */
int wf_capability_parse(const char *text, char ret_name[WF_CAP_NAME_MAX + 1],
                        uint32_t *ret_version);

int wf_label_ok(struct wf_slice s);

/* A file's path in a dataset: relative, no empty, "." or ".." part, no control
 * characters. */
int wf_path_ok(struct wf_slice s);

/* "NAME[@VERSION][/PATH]" in its parts, which borrow; version 0: the newest. WEFT_EINVAL.
 */
struct wf_data_ref {
    struct wf_slice name, path;
    uint32_t version;
};

int wf_data_ref_parse(struct wf_slice text, struct wf_data_ref *ret_ref);

/* May bytes with this residency ("eu+ch"; empty: anywhere) be where the label says `at`
 * ("eu"; empty: it says nothing)? */
int wf_residency_ok(struct wf_slice residency, struct wf_slice at);

/* tcp://HOST:PORT with a port of 1-65535, or of 0-65535 and '*' when `listening`. */
int wf_endpoint_ok(const char *text, int listening);

#endif
