#include "common/io/conf_file.h"
#include "common/io/file.h"
#include "tests/lib/tap.h"

#include <unistd.h>

struct conf {
    uint64_t port;
};

static const struct wf_conf_option opts[] = {
    {"port", WF_CONF_U64, WF_CONF_AT(struct conf, port), "1", "65535", "7400", "Port."},
};

int main(void)
{
    static const struct wf_conf_schema schema = {opts, 1, NULL, 0};
    char path[] = "/tmp/weft-conf-XXXXXX";
    struct wf_err err = {0, ""};
    struct conf c;
    static char big[(1 << 20) + 1];
    int fd = mkstemp(path);

    must(fd >= 0);
    close(fd);
    is_int(conf_file_load(path, &schema, &c, &err), 0, "an empty file");
    is_int(c.port, 7400, "leaves the defaults");
    must(file_write(path, "port = 99\n", 10, 0600, &err) == 0);
    is_int(conf_file_load(path, &schema, &c, &err), 0, "a file");
    is_int(c.port, 99, "is read");
    must(file_write(path, "\nprot = 99\n", 11, 0600, &err) == 0);
    is_int(conf_file_load(path, &schema, &c, &err), WEFT_ECONF, "a mistake");
    ok(strncmp(err.text, path, strlen(path)) == 0 && strstr(err.text, "2") != NULL,
       "is told with file and line: %s", err.text);
    memset(big, '#', sizeof big);
    must(file_write(path, big, sizeof big, 0600, &err) == 0);
    is_int(conf_file_load(path, &schema, &c, &err), WEFT_ECONF, "too large");
    must(unlink(path) == 0);
    is_int(conf_file_load(path, &schema, &c, &err), WEFT_ENOENT, "no such file");
    ok(strstr(err.text, path) != NULL, "%s", err.text);
    return done();
}
