#include "common/io/file.h"
#include "common/io/keys.h"
#include "tests/lib/tap.h"

#include <czmq.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/weft-keys-XXXXXX";
static char path[64], pub_path[64];

static void test_text(void)
{
    struct keys a, b;
    uint8_t key[KEY_BYTES], seed[32] = "a seed of thirty-two bytes.....";
    char text[KEY_TEXT], print[KEY_FINGERPRINT];

    keys_make(&a);
    keys_make(&b);
    ok(memcmp(&a, &b, sizeof a) != 0, "pairs differ");
    keys_text(a.pub, text);
    is_int(strlen(text), 40, "a key is 40 characters");
    is_int(keys_parse(text, 40, key), 0, "which are read back");
    ok(memcmp(key, a.pub, KEY_BYTES) == 0, "as they were");
    is_int(keys_parse(text, 39, key), WEFT_EINVAL, "too short");
    text[3] = '~';
    is_int(keys_parse(text, 40, key), WEFT_EINVAL, "not Z85");
    keys_from_seed(seed, &a);
    keys_from_seed(seed, &b);
    ok(memcmp(&a, &b, sizeof a) == 0, "a seed always gives the same pair");
    keys_fingerprint(a.pub, print);
    is_int(strlen(print), 19, "a fingerprint is 19 characters");
    ok(print[4] == '-' && print[9] == '-' && print[14] == '-', "in groups: %s", print);
    keys_random(key, sizeof key);
    ok(memcmp(key, b.pub, KEY_BYTES) != 0, "random bytes are");
    keys_wipe(&a, sizeof a);
    ok(a.sec[0] == 0 && a.sec[31] == 0, "wiped");
}

static void test_files(void)
{
    struct wf_err err = {0, ""};
    struct keys a, b, c;
    struct stat st;
    zcert_t *cert;
    mode_t mask = umask(022);

    keys_make(&a);
    is_int(keys_load(path, &b, &err), WEFT_ENOENT, "no file yet");
    is_int(keys_save(&a, path, &err), 0, "saved");
    ok(umask(mask) == 022, "the umask is left alone");
    ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "for the owner's eyes only");
    is_int(keys_load(path, &b, &err), 0, "loaded");
    ok(memcmp(&a, &b, sizeof a) == 0, "the same");
    keys_make(&c);
    is_int(keys_save(&c, path, &err), WEFT_EEXIST, "keys are never overwritten");
    cert = zcert_load(path);
    ok(cert != NULL && memcmp(zcert_public_key(cert), a.pub, KEY_BYTES) == 0,
       "czmq reads it");
    zcert_destroy(&cert);
    is_int(keys_save_public(a.pub, pub_path, &err), 0, "the public half");
    is_int(keys_save_public(a.pub, pub_path, &err), 0, "which may be replaced");
    ok(stat(pub_path, &st) == 0 && (st.st_mode & 0777) == 0644, "for everybody");
    must(chmod(pub_path, 0600) == 0);
    is_int(keys_load(pub_path, &b, &err), WEFT_EKEY, "it is not a pair");
}

static void test_loose_permissions(void)
{
    static const mode_t loose[] = {0640, 0604, 0660, 0620, 0610};
    struct wf_err err = {0, ""};
    struct keys k;

    for (size_t i = 0; i < sizeof loose / sizeof loose[0]; i++) {
        must(chmod(path, loose[i]) == 0);
        is_int(keys_load(path, &k, &err), WEFT_EKEY, "loose permissions");
        ok(strstr(err.text, "chmod 600 /tmp/weft-keys-") != NULL, "%s", err.text);
    }
    must(chmod(path, 0400) == 0);
    is_int(keys_load(path, &k, &err), 0, "read-only is fine");
}

static void test_damaged(void)
{
    static const char *const texts[] = {"", "rubbish", "curve\n    public-key = \"x\"\n"};
    struct wf_err err = {0, ""};
    struct keys k;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        must(file_write(path, texts[i], strlen(texts[i]), 0600, &err) == 0);
        is_int(keys_load(path, &k, &err), WEFT_EKEY, "damaged");
    }
    is_int(keys_load(dir, &k, &err), WEFT_EKEY, "a folder");
    is_int(keys_save(&k, "/nonexistent/key", &err), WEFT_EIO, "no such folder");
}

int main(void)
{
    must(keys_init() == 0);
    must(keys_init() == 0);
    must(mkdtemp(dir) != NULL);
    (void) snprintf(path, sizeof path, "%s/node.key", dir);
    (void) snprintf(pub_path, sizeof pub_path, "%s/node.pub", dir);
    test_text();
    test_files();
    test_loose_permissions();
    test_damaged();
    (void) unlink(path);
    (void) unlink(pub_path);
    is_int(rmdir(dir), 0, "nothing is left behind");
    return done();
}
