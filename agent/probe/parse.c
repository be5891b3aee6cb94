#include "agent/probe/parse.h"

#include "client/include/weft/error.h"

#include <string.h>

#define TEMP_MIN_MC        (-55000)
#define TEMP_MAX_MC        150000
#define LOAD_MAX           1000000u
#define CPU_MAX            65536u
#define V1_NO_LIMIT        ((uint64_t) 1 << 60)
#define KIB_MAX            (UINT64_MAX / 1024)
#define CPU_TIMES_SUMMANDS 8

struct cursor {
    const char *p;
    const char *end;
};

static struct cursor cursor_of(const char *text, size_t len)
{
    struct cursor c = {text, text + len};

    return c;
}

static int is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static int is_blank(char ch)
{
    return ch == ' ' || ch == '\t';
}

static int is_space(char ch)
{
    return is_blank(ch) || ch == '\n' || ch == '\r' || ch == '\0';
}

static void skip_blanks(struct cursor *c)
{
    while (c->p < c->end && is_blank(*c->p)) {
        c->p++;
    }
}

static int at_end(struct cursor *c)
{
    while (c->p < c->end && is_space(*c->p)) {
        c->p++;
    }
    return c->p == c->end;
}

static int take_char(struct cursor *c, char ch)
{
    if (c->p == c->end || *c->p != ch) {
        return 0;
    }
    c->p++;
    return 1;
}

static int hex_value(char ch)
{
    if (is_digit(ch)) {
        return ch - '0';
    }
    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }
    return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

static int take_base(struct cursor *c, unsigned base, uint64_t *ret_v)
{
    const char *start = c->p;
    uint64_t v = 0;

    for (; c->p < c->end; c->p++) {
        int d = hex_value(*c->p);

        if (d < 0 || (unsigned) d >= base) {
            break;
        }
        if (v > (UINT64_MAX - (unsigned) d) / base) {
            return WEFT_EINVAL;
        }
        v = v * base + (unsigned) d;
    }
    if (c->p == start) {
        return WEFT_EINVAL;
    }
    *ret_v = v;
    return 0;
}

static int take_u64(struct cursor *c, uint64_t *ret_v)
{
    skip_blanks(c);
    return take_base(c, 10, ret_v);
}

static void skip_line(struct cursor *c)
{
    const char *nl = memchr(c->p, '\n', (size_t) (c->end - c->p));

    c->p = nl != NULL ? nl + 1 : c->end;
}

/* Moves behind `key`, looking at starts of lines from here, which must be one. */
static int find_key(struct cursor *c, const char *key)
{
    size_t n = strlen(key);

    for (; c->p < c->end; skip_line(c)) {
        if ((size_t) (c->end - c->p) >= n && memcmp(c->p, key, n) == 0) {
            c->p += n;
            return 0;
        }
    }
    return WEFT_EINVAL;
}

int probe_parse_u64(const char *text, size_t len, uint64_t *ret_v)
{
    struct cursor c = cursor_of(text, len);
    uint64_t v;
    int rc;

    skip_blanks(&c);
    if (c.end - c.p > 2 && c.p[0] == '0' && c.p[1] == 'x') {
        c.p += 2;
        rc = take_base(&c, 16, &v);
    } else {
        rc = take_base(&c, 10, &v);
    }
    if (rc != 0 || !at_end(&c)) {
        return WEFT_EINVAL;
    }
    *ret_v = v;
    return 0;
}

int probe_parse_s64(const char *text, size_t len, int64_t *ret_v)
{
    struct cursor c = cursor_of(text, len);
    uint64_t v;
    int minus;

    skip_blanks(&c);
    minus = take_char(&c, '-');
    if (take_base(&c, 10, &v) != 0 || !at_end(&c) || v > INT64_MAX) {
        return WEFT_EINVAL;
    }
    *ret_v = minus ? -(int64_t) v : (int64_t) v;
    return 0;
}

int probe_parse_loadavg(const char *text, size_t len, uint32_t *ret_x100)
{
    struct cursor c = cursor_of(text, len);
    uint64_t whole;

    if (take_u64(&c, &whole) != 0 || whole > LOAD_MAX || !take_char(&c, '.')) {
        return WEFT_EINVAL;
    }
    /* The kernel always prints two digits. */
    if (c.end - c.p < 2 || !is_digit(c.p[0]) || !is_digit(c.p[1])) {
        return WEFT_EINVAL;
    }
    *ret_x100 = (uint32_t) (whole * 100) + (uint32_t) (c.p[0] - '0') * 10 +
                (uint32_t) (c.p[1] - '0');
    return 0;
}

int probe_parse_cpu_times(const char *text, size_t len, struct probe_cpu_times *ret)
{
    struct cursor c = cursor_of(text, len);
    uint64_t total = 0;
    uint64_t idle = 0;
    int n;

    if (find_key(&c, "cpu ") != 0) {
        return WEFT_EINVAL;
    }
    /* user nice system idle iowait irq softirq steal; guest time is within user. */
    for (n = 0; n < CPU_TIMES_SUMMANDS; n++) {
        uint64_t v;

        if (take_u64(&c, &v) != 0) {
            break;
        }
        total = wf_add_sat(total, v);
        if (n == 3 || n == 4) {
            idle = wf_add_sat(idle, v);
        }
    }
    if (n < 4 || total == UINT64_MAX) {
        return WEFT_EINVAL;
    }
    ret->total = total;
    ret->busy = total - idle;
    return 0;
}

int probe_cpu_busy(const struct probe_cpu_times *was, const struct probe_cpu_times *now,
                   uint32_t *ret_permille)
{
    uint64_t span;
    uint64_t busy;

    if (now->total <= was->total) {
        return WEFT_EINVAL;
    }
    span = now->total - was->total;
    /* iowait may shrink between two readings, which makes busy outgrow the span. */
    busy = now->busy > was->busy ? wf_min_u64(now->busy - was->busy, span) : 0;
    if (span > UINT64_MAX / 1000) {
        return WEFT_EINVAL;
    }
    *ret_permille = (uint32_t) (busy * 1000 / span);
    return 0;
}

static int meminfo_kib(const char *text, size_t len, const char *key, uint64_t *ret_bytes)
{
    uint64_t kib;

    if (probe_parse_stat_u64(text, len, key, &kib) != 0 || kib > KIB_MAX) {
        return WEFT_EINVAL;
    }
    *ret_bytes = kib * 1024;
    return 0;
}

int probe_parse_meminfo(const char *text, size_t len, struct probe_mem *ret)
{
    uint64_t total;
    uint64_t available;

    if (meminfo_kib(text, len, "MemTotal:", &total) != 0 || total == 0) {
        return WEFT_EINVAL;
    }
    if (meminfo_kib(text, len, "MemAvailable:", &available) != 0 &&
        meminfo_kib(text, len, "MemFree:", &available) != 0) {
        return WEFT_EINVAL;
    }
    ret->total_bytes = total;
    ret->available_bytes = wf_min_u64(available, total);
    return 0;
}

int probe_parse_uptime(const char *text, size_t len, uint64_t *ret_s)
{
    struct cursor c = cursor_of(text, len);
    uint64_t s;

    if (take_u64(&c, &s) != 0 || !take_char(&c, '.')) {
        return WEFT_EINVAL;
    }
    *ret_s = s;
    return 0;
}

int probe_parse_stat_u64(const char *text, size_t len, const char *key, uint64_t *ret_v)
{
    struct cursor c = cursor_of(text, len);

    for (; find_key(&c, key) == 0; skip_line(&c)) {
        /* "inactive_file" must not match "inactive_file_x 1". */
        if (c.p < c.end && is_blank(*c.p)) {
            return take_u64(&c, ret_v);
        }
    }
    return WEFT_EINVAL;
}

int probe_parse_field(const char *text, size_t len, const char *key, char *ret,
                      size_t cap)
{
    struct cursor c = cursor_of(text, len);

    for (; find_key(&c, key) == 0; skip_line(&c)) {
        skip_blanks(&c);
        if (take_char(&c, ':')) {
            return probe_parse_line(c.p, (size_t) (c.end - c.p), ret, cap);
        }
    }
    return WEFT_EINVAL;
}

int probe_parse_line(const char *text, size_t len, char *ret, size_t cap)
{
    size_t n = 0;
    int gap = 0;
    size_t i;

    for (i = 0; i < len && text[i] != '\n' && text[i] != '\0'; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            gap = n != 0;
            continue;
        }
        if (cap < 2 || n + (size_t) gap > cap - 2) {
            break;
        }
        if (gap) {
            ret[n++] = ' ';
            gap = 0;
        }
        ret[n++] = text[i];
    }
    if (n == 0) {
        return WEFT_EINVAL;
    }
    ret[n] = '\0';
    return 0;
}

int probe_parse_cpulist(const char *text, size_t len, uint32_t *ret_n)
{
    struct cursor c = cursor_of(text, len);
    uint64_t n = 0;

    do {
        uint64_t from;
        uint64_t to;

        if (take_u64(&c, &from) != 0) {
            return WEFT_EINVAL;
        }
        to = from;
        if (take_char(&c, '-') && take_base(&c, 10, &to) != 0) {
            return WEFT_EINVAL;
        }
        if (to < from || to >= CPU_MAX) {
            return WEFT_EINVAL;
        }
        n += to - from + 1;
    } while (take_char(&c, ','));
    if (!at_end(&c) || n > CPU_MAX) {
        return WEFT_EINVAL;
    }
    *ret_n = (uint32_t) n;
    return 0;
}

int probe_cpu_quota(uint64_t quota_us, uint64_t period_us, uint32_t *ret_milli)
{
    uint64_t milli;

    if (period_us == 0 || quota_us == 0 || quota_us > UINT64_MAX / 1000) {
        return WEFT_EINVAL;
    }
    milli = quota_us * 1000 / period_us;
    if (milli > (uint64_t) CPU_MAX * 1000) {
        return WEFT_EINVAL;
    }
    *ret_milli = milli != 0 ? (uint32_t) milli : 1;
    return 0;
}

int probe_parse_cpu_max(const char *text, size_t len, uint32_t *ret_milli)
{
    struct cursor c = cursor_of(text, len);
    uint64_t quota;
    uint64_t period;

    if (len >= 3 && memcmp(text, "max", 3) == 0) {
        *ret_milli = 0;
        return 0;
    }
    if (take_u64(&c, &quota) != 0 || take_u64(&c, &period) != 0 || !at_end(&c)) {
        return WEFT_EINVAL;
    }
    return probe_cpu_quota(quota, period, ret_milli);
}

int probe_parse_mem_max(const char *text, size_t len, uint64_t *ret_bytes)
{
    uint64_t v;

    if (len >= 3 && memcmp(text, "max", 3) == 0) {
        *ret_bytes = UINT64_MAX;
        return 0;
    }
    if (probe_parse_u64(text, len, &v) != 0) {
        return WEFT_EINVAL;
    }
    /* Version 1 says "no limit" with the highest page-aligned number. */
    *ret_bytes = v >= V1_NO_LIMIT ? UINT64_MAX : v;
    return 0;
}

/* Is `name` in the comma-separated list of len bytes?  "" matches the empty list only. */
static int list_has(const char *list, size_t len, const char *name)
{
    size_t n = strlen(name);
    size_t from = 0;
    size_t i;

    for (i = 0; i <= len; i++) {
        if (i == len || list[i] == ',') {
            if (i - from == n && memcmp(list + from, name, n) == 0) {
                return 1;
            }
            from = i + 1;
        }
    }
    return 0;
}

static int copy_cgroup_path(const char *path, size_t len, char *ret, size_t cap)
{
    size_t i;

    if (len == 0 || path[0] != '/' || len >= cap) {
        return WEFT_EINVAL;
    }
    for (i = 0; i < len; i++) {
        int dots = len - i >= 3 && memcmp(path + i, "/..", 3) == 0;

        if (path[i] == '\0' || (dots && (len - i == 3 || path[i + 3] == '/'))) {
            return WEFT_EINVAL;
        }
    }
    while (len > 0 && path[len - 1] == '/') {
        len--;
    }
    memcpy(ret, path, len);
    ret[len] = '\0';
    return 0;
}

int probe_parse_cgroup(const char *text, size_t len, const char *controller, char *ret,
                       size_t cap)
{
    struct cursor c = cursor_of(text, len);

    for (; c.p < c.end; skip_line(&c)) {
        const char *nl = memchr(c.p, '\n', (size_t) (c.end - c.p));
        const char *stop = nl != NULL ? nl : c.end;
        const char *list = memchr(c.p, ':', (size_t) (stop - c.p));
        const char *path =
            list != NULL ? memchr(list + 1, ':', (size_t) (stop - list - 1)) : NULL;

        if (path != NULL && list_has(list + 1, (size_t) (path - list - 1), controller)) {
            return copy_cgroup_path(path + 1, (size_t) (stop - path - 1), ret, cap);
        }
    }
    return WEFT_EINVAL;
}

int probe_parse_temp(const char *text, size_t len, int32_t *ret_mc)
{
    int64_t v;

    if (probe_parse_s64(text, len, &v) != 0 || v < TEMP_MIN_MC || v > TEMP_MAX_MC) {
        return WEFT_EINVAL;
    }
    *ret_mc = (int32_t) v;
    return 0;
}

int probe_parse_percent(const char *text, size_t len, uint32_t *ret_percent)
{
    uint64_t v;

    if (probe_parse_u64(text, len, &v) != 0 || v > 100) {
        return WEFT_EINVAL;
    }
    *ret_percent = (uint32_t) v;
    return 0;
}
