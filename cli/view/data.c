#include "cli/view/data.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct data_name data_name(const struct weft_dataset *d)
{
    struct data_name text;

    snprintf(text.s, sizeof(text.s), "%s@%" PRIu32, d->name, d->version);
    return text;
}

struct data_digest data_digest(const weft_digest *digest)
{
    struct data_digest text;

    weft_digest_text(digest, text.s);
    return text;
}

struct data_digest data_digest12(const weft_digest *digest)
{
    struct data_digest text = data_digest(digest);

    text.s[12] = '\0';
    return text;
}

void data_json(struct json *json, const struct weft_dataset *d)
{
    json_text(json, "name", d->name);
    json_uint(json, "version", d->version);
    json_text(json, "owner", d->owner);
    json_text(json, "labels", d->labels);
    json_uint(json, "files", d->files);
    json_uint(json, "bytes", d->bytes);
    json_uint(json, "copies", d->copies);
    json_uint(json, "age_ms", d->age_ms);
    json_text(json, "home", *d->home != '\0' ? d->home : NULL);
    json_text(json, "site", *d->site != '\0' ? d->site : NULL);
    json_uint(json, "known_ms", d->known_ms);
}

int data_is_none(const weft_digest *digest)
{
    static const weft_digest none;

    return memcmp(digest, &none, sizeof(none)) == 0;
}

void json_digest(struct json *json, const char *key, const weft_digest *digest)
{
    json_text(json, key, data_is_none(digest) ? NULL : data_digest(digest).s);
}

int data_fail(struct cli *cli, int code, const char *ref, const char *why)
{
    const char *colon = *why != '\0' ? ": " : "";

    switch (code) {
    case WEFT_ENOENT:
        return cli_fail_next(cli, code, "`weft data ls` lists the datasets", "%s%s%s",
                             ref, colon, why);
    case WEFT_EFULL:
        return cli_fail_next(cli, code,
                             "`weft data ls` and `weft data rm` make room; data_cap in "
                             "agent.conf says how much there is",
                             "%s%s%s", ref, colon, why);
    case WEFT_EEXIST:
        return cli_fail_next(cli, code, "choose another name, or a newer version",
                             "%s%s%s", ref, colon, why);
    case WEFT_ENOAGENT:
        return cli_fail_next(cli, code,
                             "`weft nodes` and `weft node show NODE` tell which agents "
                             "there are, and their labels",
                             "%s%s%s", ref, colon, why);
    case WEFT_ESTATE:
        return cli_fail_next(cli, code, "try it again when nobody writes to the files",
                             "%s%s%s", ref, colon, why);
    case WEFT_EPERM:
        return cli_fail_next(cli, code,
                             "use a context of its owner, or of an operator of that "
                             "broker: `weft ctx ls`",
                             "%s%s%s", ref, colon, why);
    default:
        return cli_fail(cli, code, "%s%s%s", ref, colon, why);
    }
}
