#include "client/profile.h"

#include "common/mem.h"
#include "common/str.h"
#include "tests/lib/tap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[] = "/tmp/weft-profile-XXXXXX";

static void make(const char *name, const char *role)
{
    char dir[PROFILE_PATH];
    struct profile p;
    struct keys keys;
    struct wf_err err;

    memset(&p, 0, sizeof p);
    keys_make(&keys);
    must(profile_begin(name, &keys, dir, &err) == 0);
    (void) wf_str_copy(p.name, sizeof p.name, name);
    (void) wf_str_copy(p.role, sizeof p.role, role);
    (void) wf_str_copy(p.as, sizeof p.as, "me");
    wf_hex(p.key, keys.pub, sizeof keys.pub);
    wf_hex(p.broker_key, keys.pub, sizeof keys.pub);
    p.endpoints.n = 2;
    (void) wf_str_copy(p.endpoints.item[0], sizeof p.endpoints.item[0],
                       "tcp://127.0.0.1:7400");
    (void) wf_str_copy(p.endpoints.item[1], sizeof p.endpoints.item[1],
                       "tcp://[::1]:7400");
    must(profile_commit(dir, &p, &err) == 0);
}

static int count(const char *name, void *arg)
{
    int *n = arg;

    ok(name[0] == 'a' + *n, "contexts come by name");
    (*n)++;
    return 0;
}

static void test_write_and_read(void)
{
    struct profile p;
    struct keys keys;
    struct wf_err err;
    uint8_t key[KEY_BYTES];
    char dir[PROFILE_PATH];
    int n = 0;

    make("b", "client");
    make("a", "operator");
    is_int(profile_load("a", &p, &err), 0, "a context is read back");
    is_str(p.role, "operator", "its role");
    is_str(p.as, "me", "its name at the broker");
    is_int(p.endpoints.n, 2, "its endpoints");
    is_str(p.endpoints.item[1], "tcp://[::1]:7400", "each");
    is_int(profile_keys(&p, &keys, &err), 0, "its key");
    is_int(profile_broker_key(&p, key, &err), 0, "the broker's key");
    ok(memcmp(key, keys.pub, sizeof key) == 0, "as bytes");
    is_int(profile_begin("a", &keys, dir, &err), WEFT_EEXIST, "a name is taken once");
    is_int(profile_each(count, &n, &err), 0, "they are listed");
    is_int(n, 2, "both");
}

static void test_selection(void)
{
    char name[WF_NAME_MAX + 1];
    struct profile p;
    struct wf_err err;

    is_int(profile_selected(name, &err), 0, "none is selected");
    is_str(name, "", "at first");
    is_int(profile_load(NULL, &p, &err), WEFT_ENOENT, "then there is no default");
    is_int(profile_select("c", &err), WEFT_ENOENT, "one that is not there");
    is_int(profile_select("b", &err), 0, "one that is");
    must(profile_load(NULL, &p, &err) == 0);
    is_str(p.name, "b", "becomes the default");
    must(setenv("WEFT_CONTEXT", "a", 1) == 0);
    must(profile_load(NULL, &p, &err) == 0);
    is_str(p.name, "a", "the environment goes first");
    must(unsetenv("WEFT_CONTEXT") == 0);
}

static void test_names(void)
{
    static const char *const bad[] = {"../a", "", ".new", "A", "a/b"};
    struct profile p;
    struct wf_err err;
    int refused = 1;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        refused &= profile_free_name(bad[i], &err) == WEFT_EINVAL &&
                   profile_remove(bad[i], &err) == WEFT_EINVAL;
    }
    ok(refused, "what is not a name never becomes a path");
    is_int(profile_load("../a", &p, &err), WEFT_EINVAL, "nor does it for reading");
}

static void test_files(void)
{
    char path[PROFILE_PATH];
    struct profile p;
    struct keys keys;
    struct wf_err err;
    struct stat st;
    int fd;

    (void) snprintf(path, sizeof path, "%s/contexts/a/key", home);
    must(stat(path, &st) == 0);
    is_int(st.st_mode & 0777, 0600, "the key is for its owner alone");
    must(profile_load("a", &p, &err) == 0);
    must(chmod(path, 0644) == 0);
    is_int(profile_keys(&p, &keys, &err), WEFT_EKEY, "else it is not used");
    (void) snprintf(path, sizeof path, "%s/contexts/a/context", home);
    fd = open(path, O_WRONLY | O_APPEND);
    must(fd >= 0 && write(fd, "colour = red\n", 13) == 13 && close(fd) == 0);
    is_int(profile_load("a", &p, &err), WEFT_ECONF, "an unknown key is an error");
    ok(strstr(err.text, "line 7") != NULL, "that names the line: %s", err.text);
}

static void test_remove(void)
{
    char name[WF_NAME_MAX + 1];
    struct profile p;
    struct wf_err err;

    is_int(profile_remove("b", &err), 0, "a context is removed");
    is_int(profile_load("b", &p, &err), WEFT_ENOENT, "and gone");
    must(profile_selected(name, &err) == 0);
    is_str(name, "", "so is its selection");
    is_int(profile_remove("b", &err), WEFT_ENOENT, "once");
    must(profile_remove("a", &err) == 0);
}

int main(void)
{
    char path[PROFILE_PATH];

    must(keys_init() == 0 && mkdtemp(home) != NULL);
    must(setenv("WEFT_HOME", home, 1) == 0 && unsetenv("WEFT_CONTEXT") == 0);
    test_write_and_read();
    test_selection();
    test_names();
    test_files();
    test_remove();
    (void) snprintf(path, sizeof path, "%s/contexts", home);
    (void) rmdir(path);
    is_int(rmdir(home), 0, "nothing is left behind");
    return done();
}
