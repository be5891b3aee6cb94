#include "common/io/keys.h"

#include "common/io/file.h"
#include "common/mem.h"
#include "common/str.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int keys_init(void)
{
    if (sodium_init() < 0) {
        return WEFT_EIO;
    }
    /* Signals belong to the loop. */
    (void) setenv("ZSYS_SIGHANDLER", "false", 0);
    zsys_handler_set(NULL);
    return 0;
}

void keys_make(struct keys *k)
{
    (void) crypto_box_keypair(k->pub, k->sec);
}

void keys_derive(const struct keys *k, const char *purpose, uint8_t *dst)
{
    (void) crypto_generichash(dst, KEY_BYTES, (const uint8_t *) purpose, strlen(purpose),
                              k->sec, sizeof k->sec);
}

void keys_from_seed(const uint8_t *seed, struct keys *k)
{
    (void) crypto_box_seed_keypair(k->pub, k->sec, seed);
}

void keys_random(void *dst, size_t len)
{
    randombytes_buf(dst, len);
}

void keys_wipe(void *p, size_t len)
{
    sodium_memzero(p, len);
}

void keys_text(const uint8_t *pub, char *dst)
{
    (void) zmq_z85_encode(dst, pub, KEY_BYTES);
}

void keys_fingerprint(const uint8_t *pub, char *dst)
{
    uint8_t digest[crypto_generichash_BYTES];
    char hex[17];

    (void) crypto_generichash(digest, sizeof digest, pub, KEY_BYTES, NULL, 0);
    wf_hex(hex, digest, 8);
    (void) snprintf(dst, KEY_FINGERPRINT, "%.4s-%.4s-%.4s-%.4s", hex, hex + 4, hex + 8,
                    hex + 12);
}

int keys_parse(const char *text, size_t len, uint8_t *ret_key)
{
    char z85[KEY_TEXT];
    uint8_t key[KEY_BYTES];

    if (len != KEY_TEXT - 1 || wf_str_copy_n(z85, sizeof z85, text, len) != 0 ||
        zmq_z85_decode(key, z85) == NULL) {
        return WEFT_EINVAL;
    }
    memcpy(ret_key, key, KEY_BYTES);
    return 0;
}

/* czmq writes certificates to a name of its own choice only, and not at once: let it
 * write into a fresh private folder beside the target, then put the text in place
 * ourselves. */
static int cert_text(zcert_t *cert, bool secret, const char *path, struct wf_buf *text,
                     struct wf_err *err)
{
    char dir[4096], file[4200];
    mode_t was;
    int rc;

    if (snprintf(dir, sizeof dir, "%s.XXXXXX", path) >= (int) sizeof dir ||
        mkdtemp(dir) == NULL) {
        return wf_err_set(err, WEFT_EIO, "cannot write %.128s: %s", path,
                          strerror(errno));
    }
    (void) snprintf(file, sizeof file, "%s/cert", dir);
    was = umask(077);
    rc = secret ? zcert_save_secret(cert, file) : zcert_save_public(cert, file);
    (void) umask(was);
    rc = rc != 0 ? wf_err_set(err, WEFT_EIO, "cannot write %.128s", file)
                 : file_read(file, text, err);
    (void) unlink(file);
    (void) rmdir(dir);
    return rc;
}

static int save(const struct keys *k, bool secret, const char *path, struct wf_err *err)
{
    struct wf_buf text = WF_BUF_INIT(16384);
    zcert_t *cert = zcert_new_from(k->pub, k->sec);
    int rc;

    if (cert == NULL) {
        return wf_err_set(err, WEFT_ENOMEM, "no memory for a certificate");
    }
    rc = cert_text(cert, secret, path, &text, err);
    zcert_destroy(&cert);
    if (rc == 0) {
        rc = secret ? file_write_new(path, text.p, text.len, 0600, err)
                    : file_write(path, text.p, text.len, 0644, err);
    }
    if (text.p != NULL) {
        keys_wipe(text.p, text.cap);
    }
    wf_buf_fini(&text);
    return rc;
}

int keys_save(const struct keys *k, const char *path, struct wf_err *err)
{
    return save(k, true, path, err);
}

int keys_save_public(const uint8_t *pub, const char *path, struct wf_err *err)
{
    struct keys k = {{0}, {0}};

    memcpy(k.pub, pub, KEY_BYTES);
    return save(&k, false, path, err);
}

static int check_mode(const char *path, struct wf_err *err)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        int code = errno == ENOENT ? WEFT_ENOENT : WEFT_EKEY;

        return wf_err_set(err, code, "cannot read key %.128s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return wf_err_set(err, WEFT_EKEY, "key %.128s is not a file", path);
    }
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return wf_err_set(err, WEFT_EKEY, "others may read key %.64s: chmod 600 %.64s",
                          path, path);
    }
    if (access(path, R_OK) != 0) {
        return wf_err_set(err, WEFT_EKEY, "cannot read key %.128s: %s", path,
                          strerror(errno));
    }
    return 0;
}

int keys_load(const char *path, struct keys *ret_keys, struct wf_err *err)
{
    uint8_t pub[KEY_BYTES];
    struct keys k;
    zcert_t *cert;
    int rc = check_mode(path, err);

    if (rc != 0) {
        return rc;
    }
    cert = zcert_load(path);
    if (cert == NULL) {
        return wf_err_set(err, WEFT_EKEY, "%.128s is not a key certificate", path);
    }
    memcpy(k.pub, zcert_public_key(cert), KEY_BYTES);
    memcpy(k.sec, zcert_secret_key(cert), KEY_BYTES);
    zcert_destroy(&cert);
    /* A public certificate has zeros for the secret half; a damaged one has halves that
     * do not belong together. */
    if (crypto_scalarmult_base(pub, k.sec) != 0 || memcmp(pub, k.pub, KEY_BYTES) != 0) {
        rc = wf_err_set(err, WEFT_EKEY, "%.128s holds no matching secret key", path);
    } else {
        *ret_keys = k;
    }
    keys_wipe(&k, sizeof k);
    return rc;
}
