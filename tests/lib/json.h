/* json.h - a message as one line of JSON: the array that is on the wire
 *
 * [number, field, ...] in wire order: integers as numbers, text as strings (other than
 * printable ASCII as \u00XX, a byte each), bytes, ids and keys as strings of hex, a list
 * as an array of rows, a row as an array of fields.  For test vectors.
 */
#ifndef TESTS_LIB_JSON_H
#define TESTS_LIB_JSON_H

#include "proto/msg.h"

/* Append.  Aborts when out of memory. */
void json_message(struct wf_buf *out, const struct wf_desc *d, const void *body);

#endif
