#include "broker/price_file.h"
#include "common/mem.h"
#include "tests/lib/tap.h"

#define CLASS "class\n    name = c6\n    usd_h = 0.08\n"
#define TIERS "tiers\n    from = cloud\n    to = *\n    usd_gb = 0.09\n"

static int parse(const char *text, struct price_file *f, struct wf_err *err)
{
    return price_file_parse(text, strlen(text), f, err);
}

static void reads_lines(void)
{
    static const char text[] = "# prices\n" CLASS "\n"
                               "class\n"
                               "    usd_h = 0.031  # it may go\n"
                               "    paid = spot\n"
                               "    name = c6-spot\n"
                               "class\n"
                               "    name = *\n"
                               "    usd_h = 3600\n"
                               "    paid = spot\n"
                               "    interruptions_per_day = 0.5\n" TIERS "sites\n"
                               "    from = *\n"
                               "    to = lyon\n"
                               "    usd_gb = 0\n";
    struct price_file f;
    struct wf_err err = {0};

    is_int(parse(text, &f, &err), 0, "a file");
    is_int(f.n, 5, "of five sections");
    ok(f.lines[0].kind == WF_PRICE_NODE && strcmp(f.lines[0].from, "c6") == 0 &&
           f.lines[0].pusd == 22222222 && f.lines[0].paid == PRICE_ON_DEMAND &&
           f.lines[0].events_day == 0,
       "0.08 $ an hour are 22222222 pusd a second; on demand unless told");
    ok(f.lines[1].paid == PRICE_SPOT && f.lines[1].pusd == 8611111 &&
           f.lines[1].events_day == PRICES_EVENT,
       "spot goes once a day unless told");
    ok(strcmp(f.lines[2].from, "*") == 0 && f.lines[2].pusd == 1000000000000 &&
           f.lines[2].events_day == PRICES_EVENT / 2,
       "any class, twice in four days");
    ok(f.lines[3].kind == WF_PRICE_TIERS && strcmp(f.lines[3].from, "cloud") == 0 &&
           strcmp(f.lines[3].to, "*") == 0 && f.lines[3].pusd == 90,
       "0.09 $ a GB are 90 pusd a byte");
    ok(f.lines[4].kind == WF_PRICE_SITES && strcmp(f.lines[4].to, "lyon") == 0 &&
           f.lines[4].pusd == 0,
       "a pair of sites may be free");
    price_file_fini(&f);
    is_int(parse("", &f, &err), 0, "an empty file");
    is_int(f.n, 0, "has no lines");
    price_file_fini(&f);
}

static void tells_the_line(void)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"class\n    nam = c6\n", "line 2: unknown key `nam`; did you mean `name`?"},
        {"node\n    name = c6\n", "line 1: unknown section `node`"},
        {"class = c6\n", "line 1: `class` is a section"},
        {"    name = c6\n", "line 1: indented, but in no section"},
        {"class\n    name = C6!\n", "line 2: `name` cannot be `C6!`"},
        {"class\n    name = c6\n\nclass\n", "line 1: section `class` must give `usd_h`"},
        {"class\n    usd_h = 1\n", "line 1: section `class` must give `name`"},
        {"class\n    usd_h = cheap\n", "line 2: `usd_h` cannot be `cheap`"},
        {"class\n    usd_h = 0.0000000000001\n", "line 2: `usd_h` cannot be"},
        {"class\n    usd_h = 0.000000000001\n", "line 2: `usd_h` cannot be"},
        {"class\n    usd_h = 3600001\n", "line 2: `usd_h` cannot be"},
        {"class\n    usd_h = -1\n", "line 2: `usd_h` cannot be"},
        {"class\n    usd_h =\n", "line 2: `usd_h` needs a value"},
        {"class\n    interruptions_per_day\n",
         "line 2: `interruptions_per_day` needs a value"},
        {"class\n    usd_h = 1\n    usd_h = 2\n", "line 3: `usd_h` is given twice"},
        {"class\n    paid = rented\n", "line 2: `paid` cannot be `rented`"},
        {"class\n    interruptions_per_day = daily\n",
         "line 2: `interruptions_per_day` cannot be `daily`"},
        {"class\n    interruptions_per_day = 86401\n",
         "line 2: `interruptions_per_day` cannot be"},
        {CLASS CLASS, "line 4: the same `class` as in line 1 is priced again"},
        {TIERS CLASS TIERS, "line 8: the same `tiers` as in line 1 is priced again"},
        {"tiers\n    from = moon\n", "line 2: `from` cannot be `moon`"},
        {"tiers\n    from = none\n", "line 2: `from` cannot be `none`"},
        {"tiers\n    from = edge\n    to = Edge\n", "line 3: `to` cannot be `Edge`"},
        {"tiers\n    from = edge\n    usd_gb = 1\n",
         "line 1: section `tiers` must give `to`"},
        {"tiers\n    usd_h = 1\n", "line 2: unknown key `usd_h`; did you mean `usd_gb`?"},
        {"sites\n    from = ly on\n", "line 2: `from` cannot be `ly on`"},
        {"sites\n    usd_gb = 0.0004\n", "line 2: `usd_gb` cannot be"},
        {"sites\n    usd_gb = 1000001\n", "line 2: `usd_gb` cannot be"},
        {"class\n\tname = c6\n", "line 2: a tab"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct price_file f = {0};
        struct wf_err err = {0};
        int rc = parse(bad[i].text, &f, &err);

        if (!ok(rc == WEFT_ECONF && strstr(err.text, bad[i].says) == err.text &&
                    f.lines == NULL,
                "%s", bad[i].says)) {
            printf("# %d %s\n", rc, err.text);
        }
        price_file_fini(&f);
    }
}

static void is_bounded(void)
{
    struct wf_buf text = WF_BUF_INIT((size_t) 1 << 20);
    struct price_file f = {0};
    struct wf_err err = {0};

    for (unsigned i = 0; i <= PRICE_LINES_MAX; i++) {
        must(wf_buf_printf(&text, "class\n    name = c%u\n    usd_h = 1\n", i) == 0);
    }
    ok(price_file_parse((char *) text.p, text.len, &f, &err) == WEFT_ECONF &&
           strstr(err.text, "line 6145: more than 2048 sections") != NULL,
       "so many sections and no more");
    wf_buf_clear(&text);
    for (unsigned i = 0; i <= PRICES_SITES_MAX; i++) {
        must(wf_buf_printf(&text, "sites\n    from = s%u\n    to = *\n    usd_gb = 1\n",
                           i) == 0);
    }
    ok(price_file_parse((char *) text.p, text.len, &f, &err) == WEFT_ECONF &&
           strcmp(err.text, "lines for more than 256 sites") == 0,
       "so many sites and no more");
    wf_buf_fini(&text);
}

static void lacks_memory(void)
{
    for (long n = 0;; n++) {
        struct price_file f = {0};
        struct wf_err err = {0};
        int rc;

        wf_mem_fail_after(n);
        rc = parse(CLASS TIERS, &f, &err);
        wf_mem_fail_after(-1);
        ok(rc == 0 ? f.n == 2 : rc == WEFT_ENOMEM && f.lines == NULL,
           "a file or none, after %ld allocations", n);
        price_file_fini(&f);
        if (rc == 0) {
            break;
        }
    }
}

static void helps(void)
{
    struct wf_buf out = WF_BUF_INIT(16384);

    must(price_file_help(&out) == 0 && wf_buf_put(&out, "", 1) == 0);
    ok(strstr((char *) out.p, "each section `class`") != NULL &&
           strstr((char *) out.p, "interruptions_per_day") != NULL &&
           strstr((char *) out.p, "each section `sites`") != NULL,
       "each section is explained");
    wf_buf_fini(&out);
}

int main(void)
{
    reads_lines();
    tells_the_line();
    is_bounded();
    lacks_memory();
    helps();
    return done();
}
