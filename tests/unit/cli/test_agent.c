#include "cli/data/agent.h"

#include "tests/lib/tap.h"

#include <string.h>

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_lines(void)
{
    struct agent_files files = {NULL, 0, 0};

    is_int(agent_line(&files, HEX " 12345 sub/a file"), 0, "digest, size and path");
    is_int(agent_line(&files, HEX " 0 b"), 0, "an empty file");
    is_int(files.n, 2, "two files");
    is_str(files.v[0].path, "sub/a file", "a path may have blanks");
    is_int(files.v[0].size, 12345, "the size");
    is_int(files.v[0].digest.bytes[1], 0x11, "the digest");
    agent_files_fini(&files);
    is_int(files.n, 0, "they are given back");
}

static void test_wrong(void)
{
    static const char *const lines[] = {"",
                                        "hello",
                                        HEX,
                                        HEX " 12",
                                        HEX " 12 ",
                                        HEX " x a",
                                        HEX " -1 a",
                                        HEX " 123456789012345678901234 a",
                                        "0" HEX " 1 a",
                                        "zz" HEX " 1 a"};
    struct agent_files files = {NULL, 0, 0};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        is_int(agent_line(&files, lines[i]), -1, "not such a line");
    }
    is_int(files.n, 0, "nothing is taken of them");
    agent_files_fini(&files);
}

int main(void)
{
    test_lines();
    test_wrong();
    return done();
}
