#include "cli/tool/suggest.h"
#include "tests/lib/tap.h"

static const char *near(const char *typed)
{
    static const char *const words[] = {"submit", "status", "nodes", "node show", "run"};
    struct suggest suggest;

    suggest_start(&suggest, typed);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        suggest_try(&suggest, words[i]);
    }
    return suggest.best != NULL ? suggest.best : "";
}

int main(void)
{
    char huge[200];

    is_int(suggest_distance("", ""), 0, "nothing from nothing");
    is_int(suggest_distance("abc", ""), 3, "deletions");
    is_int(suggest_distance("kitten", "sitting"), 3, "changes and an insertion");
    is_int(suggest_distance("sumbit", "submit"), 1, "a swap is one");
    is_str(near("sumbit"), "submit", "a swap");
    is_str(near("statsu"), "status", "a swap at the end");
    is_str(near("stat"), "status", "the start of a word");
    is_str(near("node shwo"), "node show", "words of two");
    is_str(near("rnu"), "run", "a short one");
    is_str(near("x"), "", "nothing is near");
    is_str(near("quux"), "", "nor here");
    memset(huge, 'a', sizeof(huge));
    huge[sizeof(huge) - 1] = '\0';
    is_str(near(huge), "", "a huge word is compared with nothing");
    return done();
}
