/* The state folder: key first, identity after it, both private, and gone on demand. */
#include "common/io/file.h"
#include "common/io/identity.h"
#include "tests/lib/tap.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static const char *in_dir(const char *file)
{
    static char path[128];

    (void) snprintf(path, sizeof path, "%s/%s", dir, file);
    return path;
}

static mode_t mode_of(const char *file)
{
    struct stat st;

    must(stat(in_dir(file), &st) == 0);
    return st.st_mode & 07777;
}

static void put(const char *file, const char *text)
{
    must(file_write(in_dir(file), text, strlen(text), 0600, NULL) == 0);
}

static void keys(void)
{
    struct keys a, b;
    int fresh = -1;

    is_int(identity_key(dir, &a, &fresh, NULL), 0, "draw a key");
    is_int(fresh, 1, "it is new");
    is_int(mode_of("key"), 0600, "only its owner reads it");
    is_int(identity_key(dir, &b, &fresh, NULL), 0, "ask again");
    is_int(fresh, 0, "it is the old one");
    ok(memcmp(&a, &b, sizeof a) == 0, "the same pair");
}

static void save_and_load(void)
{
    struct identity id = {
        .name = "cam-17", .site = "lyon", .tier = "edge", .broker = "hq", .token = "ab"};
    struct identity got;
    struct wf_err err;

    is_int(identity_load(dir, &got, &err), WEFT_ENOENT, "a key alone is no identity");
    ok(strstr(err.text, "not enrolled") != NULL, "and it says so");
    memset(id.broker_key, 'a', sizeof id.broker_key - 1);
    id.endpoints.n = 2;
    (void) strcpy(id.endpoints.item[0], "tcp://192.0.2.1:7400");
    (void) strcpy(id.endpoints.item[1], "tcp://[2001:db8::1]:7400");
    is_int(identity_save(dir, &id, NULL), 0, "save");
    is_int(mode_of("identity"), 0600, "private too");
    is_int(identity_load(dir, &got, &err), 0, "load");
    is_str(got.name, "cam-17", "name");
    is_str(got.site, "lyon", "site");
    is_str(got.tier, "edge", "tier");
    is_str(got.broker, "hq", "broker");
    is_str(got.token, "ab", "token");
    is_str(got.broker_key, id.broker_key, "broker's key");
    is_int(got.endpoints.n, 2, "addresses");
    is_str(got.endpoints.item[1], id.endpoints.item[1], "the second address");
}

static void trouble(void)
{
    struct identity got;
    struct wf_err err;

    must(chmod(in_dir("key"), 0644) == 0);
    is_int(identity_load(dir, &got, &err), WEFT_EKEY, "a key that others may read");
    ok(strstr(err.text, "chmod 600") != NULL, "with what to do");
    must(unlink(in_dir("key")) == 0);
    is_int(identity_load(dir, &got, &err), WEFT_EKEY, "an identity without a key");
    put("key", "nonsense");
    is_int(identity_load(dir, &got, &err), WEFT_EKEY, "a key file that is none");
    put("identity", "name = x\nbroker_key = short\n");
    is_int(identity_load(dir, &got, &err), WEFT_ECONF, "a damaged identity");
    ok(strstr(err.text, "line 2") != NULL, "with its line");
}

static void removal(void)
{
    is_int(identity_remove(dir, NULL), 0, "remove");
    ok(access(in_dir("key"), F_OK) != 0 && access(in_dir("identity"), F_OK) != 0,
       "both are gone");
    is_int(identity_remove(dir, NULL), WEFT_ENOENT, "there is nothing left to remove");
}

int main(void)
{
    (void) snprintf(dir, sizeof dir, "/tmp/weft-test-XXXXXX");
    must(mkdtemp(dir) != NULL);
    must(keys_init() == 0);
    keys();
    save_and_load();
    trouble();
    removal();
    must(rmdir(dir) == 0);
    return done();
}
