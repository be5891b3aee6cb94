/* driver.c - replay a corpus through a fuzz target, without libFuzzer
 *
 * Usage: TARGET PATH...   a path is a file or a folder of files
 *
 * Each input is tried as it is, cut short, and with a few hundred seeded alterations, so
 * that a plain test run already searches the neighbourhood of the corpus.
 */
#include "tests/fuzz/fuzz.h"

#include "tests/lib/gen.h"
#include "tests/lib/tap.h"

#include <dirent.h>
#include <sys/stat.h>

#define INPUT_MAX   ((size_t) 1 << 20)
#define ALTERATIONS 300
#define CUTS        64

/* In a block of exactly this size, so that the address sanitizer sees a byte too many. */
static void run(const uint8_t *p, size_t len)
{
    uint8_t *exact = malloc(len != 0 ? len : 1);

    must(exact != NULL);
    memcpy(exact, p, len);
    (void) LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static void replay(const char *path)
{
    static uint8_t bytes[INPUT_MAX], altered[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    struct gen g;
    size_t len;

    must(f != NULL);
    len = fread(bytes, 1, sizeof bytes, f);
    must(!ferror(f));
    (void) fclose(f);
    run(bytes, len);
    for (size_t i = 0; i < CUTS && i < len; i++) {
        run(bytes, len * i / (len < CUTS ? len : CUTS));
    }
    gen_init(&g, len);
    for (unsigned i = 0; i < ALTERATIONS; i++) {
        memcpy(altered, bytes, len);
        run(altered, gen_mutate(&g, altered, len, sizeof altered));
    }
    gen_fini(&g);
    ok(1, "%s", strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path);
}

static void replay_folder(const char *path)
{
    struct dirent **names;
    char file[4096];
    int n = scandir(path, &names, NULL, alphasort);

    must(n >= 0);
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            must(snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name) <
                 (int) sizeof file);
            replay(file);
        }
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    struct stat st;

    run((const uint8_t *) "", 0);
    for (int i = 1; i < argc; i++) {
        must(stat(argv[i], &st) == 0);
        if (S_ISDIR(st.st_mode)) {
            replay_folder(argv[i]);
        } else {
            replay(argv[i]);
        }
    }
    ok(tap_count > 0, "there is a corpus");
    return done();
}
