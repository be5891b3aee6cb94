/* Configuration text against a schema with an option of every kind. */
#include "tests/fuzz/fuzz.h"

#include "common/check.h"
#include "common/conf.h"

#include <string.h>

struct cap {
    char name[16];
    uint64_t wall_ms;
    struct wf_conf_list argv;
};

struct conf {
    char listen[32];
    uint64_t jobs, memory, lease_ms;
    int verbose;
    struct wf_conf_list labels;
    size_t ncaps;
    struct cap caps[3];
};

static const struct wf_conf_option cap_opts[] = {
    {"name", WF_CONF_STR, WF_CONF_AT(struct cap, name), "1", NULL, NULL, "Its name."},
    {"wall", WF_CONF_DURATION, WF_CONF_AT(struct cap, wall_ms), "1s", "1h", "5m",
     "Limit."},
    {"argv", WF_CONF_LIST, WF_CONF_AT(struct cap, argv), NULL, NULL, NULL, "Words."},
};

static const struct wf_conf_option opts[] = {
    {"listen", WF_CONF_STR, WF_CONF_AT(struct conf, listen), NULL, NULL, "tcp://*:7400",
     "Address to listen on."},
    {"jobs", WF_CONF_U64, WF_CONF_AT(struct conf, jobs), "1", "1000", "10", "How many."},
    {"memory", WF_CONF_SIZE, WF_CONF_AT(struct conf, memory), NULL, "1G", "64M", "Cap."},
    {"lease", WF_CONF_DURATION, WF_CONF_AT(struct conf, lease_ms), NULL, NULL, "30s",
     "Silence."},
    {"verbose", WF_CONF_BOOL, WF_CONF_AT(struct conf, verbose), NULL, NULL, "no",
     "Say all."},
    {"label", WF_CONF_LIST, WF_CONF_AT(struct conf, labels), NULL, "3", NULL, "A label."},
};

static const struct wf_conf_section sections[] = {
    {"capability", cap_opts, ARRAY_LEN(cap_opts), offsetof(struct conf, caps),
     sizeof(struct cap), 3, offsetof(struct conf, ncaps)},
};

static const struct wf_conf_schema schema = {opts, ARRAY_LEN(opts), sections,
                                             ARRAY_LEN(sections)};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static struct conf conf;
    struct wf_err err = {0};
    int rc = wf_conf_parse(&schema, (const char *) p, len, &conf, &err);

    if (rc != 0) {
        WF_CHECK(rc == WEFT_ECONF && err.text[0] != '\0');
        WF_CHECK(memchr(err.text, '\0', sizeof err.text) != NULL);
        WF_CHECK(strpbrk(err.text, "\r\n\t\x1b") == NULL);
        return 0;
    }
    WF_CHECK(memchr(conf.listen, '\0', sizeof conf.listen) != NULL);
    WF_CHECK(conf.jobs >= 1 && conf.jobs <= 1000 && conf.memory <= 1u << 30);
    WF_CHECK((conf.verbose == 0 || conf.verbose == 1) && conf.labels.n <= 3);
    WF_CHECK(conf.ncaps <= 3);
    for (size_t i = 0; i < conf.ncaps; i++) {
        const struct cap *c = &conf.caps[i];

        WF_CHECK(memchr(c->name, '\0', sizeof c->name) != NULL && c->name[0] != '\0');
        WF_CHECK(c->wall_ms >= 1000 && c->wall_ms <= 3600000);
        WF_CHECK(c->argv.n <= WF_CONF_LIST_MAX);
    }
    return 0;
}
