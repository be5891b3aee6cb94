#include "cli/tool/text.h"
#include "tests/lib/tap.h"

static void is_clean(const char *raw, const char *want, const char *what)
{
    char *clean = text_clean(raw);

    is_str(clean, want, what);
    free(clean);
}

static void is_short(const char *text, size_t columns, const char *want, const char *what)
{
    char copy[64];

    snprintf(copy, sizeof(copy), "%s", text);
    text_shorten(copy, columns);
    is_str(copy, want, what);
}

int main(void)
{
    is_int(text_char("a", 1), 1, "ASCII");
    is_int(text_char("\xc3\xa9", 2), 2, "two bytes");
    is_int(text_char("\xe2\x82\xac", 3), 3, "three");
    is_int(text_char("\xf0\x9f\x98\x80", 4), 4, "four");
    is_int(text_char("\xe2\x82", 2), 0, "cut short");
    is_int(text_char("\xc0\x80", 2), 0, "overlong of two");
    is_int(text_char("\xe0\x80\x80", 3), 0, "overlong of three");
    is_int(text_char("\xed\xa0\x80", 3), 0, "a surrogate");
    is_int(text_char("\xf4\x90\x80\x80", 4), 0, "beyond the last");
    is_int(text_char("", 0), 0, "nothing");
    ok(text_is_utf8("h\xc3\xa9", 3) && !text_is_utf8("h\0", 2) &&
           !text_is_utf8("\xff", 1),
       "text has no zero byte and no stray byte");

    is_int(text_width("├─ a"), 4, "a character is a column");
    is_int(text_width("\033[1;31mred\033[0m"), 3, "a colour is none");
    is_int(text_fit("abc\ndef", 10), 3, "a line ends at its newline");
    is_int(text_fit("éé", 1), 2, "bytes of one column");
    is_int(text_fit("\033[31mab", 1), 6, "colours fit always");
    is_int(text_fit("abc", 0), 0, "no room");

    is_clean("a\033[2Jb\nc\td\x7f", "a?[2Jb c d?", "controls are taken out");
    is_clean("\xc2\x9b"
             "2J",
             "??2J", "also those of eight bits");
    is_clean("h\xc3\xa9\xff", "h\xc3\xa9?", "letters stay");

    is_short("abcdef", 6, "abcdef", "what fits stays");
    is_short("abcdef", 4, "abc~", "what does not is marked");
    is_short("ééé", 2, "é~", "columns, not bytes");
    return done();
}
