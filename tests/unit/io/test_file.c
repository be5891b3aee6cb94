#include "common/io/file.h"
#include "tests/lib/tap.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/weft-file-XXXXXX";
static char path[128];

static const char *in(const char *name)
{
    (void) snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void test_write_and_read(void)
{
    struct wf_err err = {0, ""};
    struct wf_buf b = WF_BUF_INIT(100000);
    struct wf_buf small = WF_BUF_INIT(10);
    static uint8_t bytes[50000];
    struct stat st;

    memset(bytes, 'x', sizeof bytes);
    is_int(file_read(in("none"), &b, &err), WEFT_ENOENT, "no such file");
    ok(strstr(err.text, "/none: No such file") != NULL, "%s", err.text);
    is_int(file_write(in("f"), bytes, sizeof bytes, 0640, &err), 0, "written");
    ok(stat(in("f"), &st) == 0 && (st.st_mode & 0777) == 0640, "with its mode");
    is_int(file_read(in("f"), &b, &err), 0, "read");
    ok(b.len == sizeof bytes && memcmp(b.p, bytes, b.len) == 0, "the same");
    is_int(file_read(in("f"), &small, &err), WEFT_ETOOBIG, "the limit holds");
    is_int(file_write(in("f"), "new", 3, 0600, &err), 0, "replaced");
    wf_buf_clear(&b);
    is_int(file_read(in("f"), &b, &err), 0, "read again");
    ok(b.len == 3 && memcmp(b.p, "new", 3) == 0, "the new content");
    is_int(file_write_new(in("f"), "x", 1, 0600, &err), WEFT_EEXIST, "there is one");
    is_int(file_write_new(in("g"), "", 0, 0600, &err), 0, "a new one, empty");
    wf_buf_clear(&b);
    is_int(file_read(in("g"), &b, &err), 0, "read");
    is_int(b.len, 0, "empty");
    is_int(file_write("/nonexistent/f", "x", 1, 0600, &err), WEFT_EIO, "no such folder");
    is_int(file_read(dir, &b, &err), WEFT_EIO, "a folder is no file");
    wf_buf_fini(&b);
    wf_buf_fini(&small);
    must(unlink(in("f")) == 0 && unlink(in("g")) == 0);
}

static void test_mkdirs(void)
{
    struct wf_err err = {0, ""};
    struct stat st;

    is_int(file_mkdirs(in("a/b//c/"), 0700, &err), 0, "made");
    ok(stat(in("a/b/c"), &st) == 0 && (st.st_mode & 0777) == 0700, "with its mode");
    is_int(file_mkdirs(in("a/b"), 0755, &err), 0, "there already");
    ok(stat(in("a/b"), &st) == 0 && (st.st_mode & 0777) == 0700, "and left as it is");
    must(file_write(in("a/file"), "", 0, 0600, &err) == 0);
    is_int(file_mkdirs(in("a/file/d"), 0700, &err), WEFT_EIO, "through a file");
    ok(strstr(err.text, "a/file: Not a directory") != NULL, "%s", err.text);
    is_int(file_mkdirs("", 0700, &err), WEFT_EINVAL, "no name");
    must(unlink(in("a/file")) == 0 && rmdir(in("a/b/c")) == 0 && rmdir(in("a/b")) == 0 &&
         rmdir(in("a")) == 0);
}

static void test_lock(void)
{
    struct wf_err err = {0, ""};
    char pid[32];
    int first, second;

    is_int(file_lock(dir, &first, &err), 0, "locked");
    is_int(file_lock(dir, &second, &err), WEFT_EBUSY, "a second start is told");
    (void) snprintf(pid, sizeof pid, "in use by process %ld", (long) getpid());
    ok(strstr(err.text, pid) != NULL, "by whom: %s", err.text);
    file_unlock(first);
    is_int(file_lock(dir, &second, &err), 0, "free again");
    file_unlock(second);
    is_int(file_lock("/nonexistent", &first, &err), WEFT_EIO, "no such folder");
    must(unlink(in("lock")) == 0);
}

int main(void)
{
    must(mkdtemp(dir) != NULL);
    test_write_and_read();
    test_mkdirs();
    test_lock();
    is_int(rmdir(dir), 0, "nothing is left behind");
    return done();
}
