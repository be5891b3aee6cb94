/* link.h - links in words, everywhere the same */
#ifndef CLI_VIEW_LINK_H
#define CLI_VIEW_LINK_H

#include "cli/cli.h"
#include "cli/tool/fmt.h"

/* The members of one row, into an open object. */
void link_json(struct json *json, const struct weft_link *link);

/* 1 for a link between brokers. */
int link_is_brokers(const struct weft_link *link);

int link_is_up(const struct weft_link *link);

/* "up 2h05m", "cut off 3m10s"; "not known" when broker `self`, which tells it, cannot see
 * the end that said so; "" for a link that has no such state. */
struct fmt link_state(const struct weft_link *link, const char *self);

/* "0%"; "" where it was not measured. */
struct fmt link_loss(const struct weft_link *link);

/* "80/12": Mbit/s up and down, "-" for one of them that is not known; "" for neither. */
struct fmt link_mbits(const struct weft_link *link);

#endif
