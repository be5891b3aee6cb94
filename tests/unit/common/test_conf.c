#include "common/conf.h"
#include "common/mem.h"
#include "common/rng.h"
#include "tests/lib/tap.h"

struct cap {
    char name[16];
    uint64_t wall_ms;
    int scratch; /* no option: must start as 0 */
};

struct conf {
    char listen[32];
    char title[8];
    uint64_t jobs;
    uint64_t memory;
    uint64_t lease_ms;
    int verbose;
    struct wf_conf_list labels;
    size_t ncaps;
    struct cap caps[2];
};

static const struct wf_conf_option cap_opts[] = {
    {"name", WF_CONF_STR, WF_CONF_AT(struct cap, name), "1", NULL, NULL, "Its name."},
    {"wall", WF_CONF_DURATION, WF_CONF_AT(struct cap, wall_ms), "1s", "1h", "5m",
     "Limit."},
};

static const struct wf_conf_option opts[] = {
    {"listen", WF_CONF_STR, WF_CONF_AT(struct conf, listen), "1", NULL, "tcp://*:7400",
     "Address to listen on."},
    {"title", WF_CONF_STR, WF_CONF_AT(struct conf, title), NULL, "5", NULL, "Shown."},
    {"jobs", WF_CONF_U64, WF_CONF_AT(struct conf, jobs), "1", "1000", NULL, "How many."},
    {"memory", WF_CONF_SIZE, WF_CONF_AT(struct conf, memory), NULL, "1G", "64M", "Cap."},
    {"lease", WF_CONF_DURATION, WF_CONF_AT(struct conf, lease_ms), "1s", NULL, "30s",
     NULL},
    {"verbose", WF_CONF_BOOL, WF_CONF_AT(struct conf, verbose), NULL, NULL, "no",
     "Say all."},
    {"label", WF_CONF_LIST, WF_CONF_AT(struct conf, labels), NULL, "3", NULL, "A label."},
};

static const struct wf_conf_section sections[] = {
    {"capability", cap_opts, ARRAY_LEN(cap_opts), offsetof(struct conf, caps),
     sizeof(struct cap), 2, offsetof(struct conf, ncaps)},
};

static const struct wf_conf_schema schema = {opts, ARRAY_LEN(opts), sections,
                                             ARRAY_LEN(sections)};

static struct conf conf;
static struct wf_err err;

static int parse(const char *text)
{
    memset(&conf, 0x55, sizeof conf);
    memset(&err, 0, sizeof err);
    return wf_conf_parse(&schema, text, strlen(text), &conf, &err);
}

static void refuses(const char *text, const char *want)
{
    int rc = parse(text);

    is_str(rc == WEFT_ECONF && err.code == rc ? err.text : "accepted", want, want);
}

static void test_defaults(void)
{
    is_int(parse("jobs = 7"), 0, "the least text");
    is_str(conf.listen, "tcp://*:7400", "string");
    is_str(conf.title, "", "none");
    ok(conf.jobs == 7 && conf.memory == 64u << 20 && conf.lease_ms == 30000, "numbers");
    ok(conf.verbose == 0 && conf.labels.n == 0 && conf.ncaps == 0, "the rest");
}

static void test_full(void)
{
    is_int(parse("# weft\n"
                 "listen = \"ipc:///run/x\"\n"
                 "title = five5\n"
                 "jobs = 1000\n"
                 "label = a=1\n"
                 "label = b\n"
                 "\n"
                 "capability\n"
                 "    name = wordcount\n"
                 "    wall = 1h\n"
                 "capability      # another\n"
                 "    name = sum\n"
                 "verbose = yes\n"
                 "memory = 1G\n"
                 "lease = 2m\n"
                 "label = c\n"),
           0, "all of it");
    is_str(conf.listen, "ipc:///run/x", "string");
    is_str(conf.title, "five5", "string of the greatest length");
    ok(conf.jobs == 1000 && conf.memory == 1u << 30 && conf.lease_ms == 120000 &&
           conf.verbose == 1,
       "numbers");
    is_int(conf.labels.n, 3, "list");
    is_str(conf.labels.item[0], "a=1", "its first");
    is_str(conf.labels.item[2], "c", "its last, after sections");
    is_int(conf.ncaps, 2, "sections");
    is_str(conf.caps[0].name, "wordcount", "first");
    is_int(conf.caps[0].wall_ms, 3600000, "its limit");
    is_str(conf.caps[1].name, "sum", "second");
    is_int(conf.caps[1].wall_ms, 300000, "its default");
    is_int(conf.caps[1].scratch, 0, "what is no option is zeroed");
}

static void test_keys(void)
{
    refuses("jobs = 1\nlistn = x\n",
            "line 2: unknown key `listn`; did you mean `listen`?");
    refuses("zzz = x\n", "line 1: unknown key `zzz`");
    refuses("a&b/c = x\n", "line 1: unknown key `a&b/c`");
    refuses("capabilty\n",
            "line 1: unknown section `capabilty`; did you mean `capability`?");
    refuses("capability\n    nam = x\n",
            "line 2: unknown key `nam`; did you mean `name`?");
    refuses("capability\n    listen = x\n", "line 2: unknown key `listen`");
    refuses("jobs = 1\njobs = 1\n", "line 2: `jobs` is given twice");
    refuses("capability\n    name = a\n    name = b\n", "line 3: `name` is given twice");
    refuses("jobs\n", "line 1: `jobs` needs a value: jobs = ...");
    refuses("", "`jobs` must be given");
    refuses("\ncapability\njobs = 1\n", "line 2: section `capability` must give `name`");
    refuses("jobs = 1\ncapability", "line 2: section `capability` must give `name`");
    refuses("capability = x\n", "line 1: `capability` is a section: its options follow, "
                                "each on a line indented by 4 spaces");
    refuses("capability\n    name=a\ncapability\n    name=b\ncapability\n    name=c\n",
            "line 5: more than 2 sections `capability`");
    refuses("    name = a\n", "line 1: indented, but in no section");
    refuses("capability\n    name = a\njobs = 1\n    wall = 1s\n",
            "line 4: indented, but in no section");
    refuses("jobs = 1\n\tx\n", "line 2: a tab (use spaces) at column 1");
}

static void test_values(void)
{
    refuses("jobs = 0\n",
            "line 1: `jobs` cannot be `0`: give a whole number, from 1 to 1000");
    refuses("jobs = 1001\n",
            "line 1: `jobs` cannot be `1001`: give a whole number, from 1 to 1000");
    refuses("jobs = many\n",
            "line 1: `jobs` cannot be `many`: give a whole number, from 1 to 1000");
    refuses("jobs =\n",
            "line 1: `jobs` cannot be ``: give a whole number, from 1 to 1000");
    refuses("memory = 2G\n",
            "line 1: `memory` cannot be `2G`: give a size such as 64K or 4M, "
            "from 0 to 1G");
    refuses("lease = 5\n",
            "line 1: `lease` cannot be `5`: give a duration such as 250ms, 5s "
            "or 2h, at least 1s");
    refuses("verbose = maybe\n", "line 1: `verbose` cannot be `maybe`: give yes or no");
    refuses("title = sixsix\n",
            "line 1: `title` cannot be `sixsix`: give text of 0 to 5 bytes");
    refuses("listen =\n", "line 1: `listen` cannot be ``: give text of 1 to 31 bytes");
    refuses("listen = 0123456789012345678901234567890123456789\n",
            "line 1: `listen` cannot be `0123456789012345678901234567890123456789`: give "
            "text "
            "of 1 to 31 bytes");
    refuses("label =\n", "line 1: `label` cannot be ``: give text of 1 to 255 bytes");
    refuses("label = a\nlabel = b\nlabel = c\nlabel = d\n",
            "line 4: `label` is given more than 3 times");
    refuses("title = \"\xc2\x9b\"'\n", "line 1: text after the closing quote");
    refuses("verbose = \xe2\x80\xae\n",
            "line 1: `verbose` cannot be `\\xe2\\x80\\xae`: give yes or no");
}

static void test_set(void)
{
    must(parse("jobs = 1\nlabel = a\n") == 0);
    is_int(wf_conf_set(opts, ARRAY_LEN(opts), &conf, "jobs", "9", &err), 0, "set one");
    is_int(conf.jobs, 9, "it is set");
    is_int(wf_conf_set(opts, ARRAY_LEN(opts), &conf, "label", "b", &err), 0,
           "add to a list");
    ok(conf.labels.n == 2 && strcmp(conf.labels.item[1], "b") == 0, "it is added");
    is_int(wf_conf_set(opts, ARRAY_LEN(opts), &conf, "jobs", "x", &err), WEFT_ECONF,
           "bad");
    is_str(err.text, "`jobs` cannot be `x`: give a whole number, from 1 to 1000", "why");
    is_int(conf.jobs, 9, "the old value stays");
    is_int(wf_conf_set(opts, ARRAY_LEN(opts), &conf, "job", "1", NULL), WEFT_ECONF,
           "nobody need read why");
}

static void test_help(void)
{
    struct wf_buf out = WF_BUF_INIT(4096);

    must(wf_conf_help(opts, ARRAY_LEN(opts), &out) == 0 && wf_buf_put(&out, "", 1) == 0);
    is_str((const char *) out.p,
           "  listen\n      Address to listen on.\n"
           "      Takes text of 1 to 31 bytes; default tcp://*:7400.\n"
           "  title\n      Shown.\n      Takes text of 0 to 5 bytes.\n"
           "  jobs\n      How many.\n"
           "      Takes a whole number, from 1 to 1000; must be given.\n"
           "  memory\n      Cap.\n"
           "      Takes a size such as 64K or 4M, from 0 to 1G; default 64M.\n"
           "  verbose\n      Say all.\n      Takes yes or no; default no.\n"
           "  label\n      A label.\n"
           "      Takes text of 1 to 255 bytes; may be given again.\n",
           "help comes from the table");
    wf_buf_fini(&out);
    wf_mem_fail_after(0);
    is_int(wf_conf_help(opts, ARRAY_LEN(opts), &out), WEFT_ENOMEM, "out of memory");
    wf_mem_fail_after(-1);
    wf_buf_fini(&out);
}

/* Whatever the text, the struct stays within its bounds. */
static void test_noise(void)
{
    static const char *const pieces[] = {
        "capability", "\n",      "    ", "name", " = ",  "jobs",   "1",       "label",
        "\"",         "title",   "wall", "5s",   "\r\n", "# x",    "\n",      "=",
        "yes",        "verbose", "\xff", "\t",   "é",    "\n    ", "9999999", "'"};
    struct wf_rng r = {23};
    int good = 1;

    for (int i = 0; i < 100000; i++) {
        char text[512];
        size_t len = 0;

        for (uint64_t n = wf_rng_below(&r, 40); n > 0; n--) {
            const char *piece = pieces[wf_rng_below(&r, ARRAY_LEN(pieces))];

            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        (void) wf_conf_parse(&schema, text, len, &conf, &err);
        good = good && conf.ncaps <= 2 && conf.labels.n <= 3 &&
               memchr(conf.listen, '\0', sizeof conf.listen) != NULL &&
               memchr(conf.title, '\0', sizeof conf.title) != NULL && conf.jobs <= 1000;
    }
    ok(good, "noise is read without harm");
}

int main(void)
{
    test_defaults();
    test_full();
    test_keys();
    test_values();
    test_set();
    test_help();
    test_noise();
    return done();
}
