#include "common/list.h"
#include "tests/lib/tap.h"

struct item {
    int n;
    struct wf_list_node node;
};

static void shows(const struct wf_list_node *head, const char *want, const char *what)
{
    char got[64] = "";
    size_t used = 0;

    for (struct wf_list_node *n = wf_list_first(head); n != NULL;
         n = wf_list_next(head, n)) {
        got[used++] = (char) ('0' + CONTAINER_OF(n, struct item, node)->n);
    }
    got[used] = '\0';
    is_str(got, want, what);
}

int main(void)
{
    struct wf_list_node head;
    struct item items[4];

    wf_list_init(&head);
    ok(wf_list_empty(&head) && wf_list_first(&head) == NULL, "empty");
    for (int i = 0; i < 4; i++) {
        items[i].n = i;
        wf_list_init(&items[i].node);
    }
    wf_list_push_back(&head, &items[1].node);
    wf_list_push_back(&head, &items[2].node);
    wf_list_push_front(&head, &items[0].node);
    wf_list_push_back(&head, &items[3].node);
    shows(&head, "0123", "front and back");
    wf_list_remove(&items[1].node);
    shows(&head, "023", "remove in the middle");
    wf_list_remove(&items[1].node);
    shows(&head, "023", "remove twice is harmless");
    wf_list_remove(&items[0].node);
    wf_list_remove(&items[3].node);
    shows(&head, "2", "remove at both ends");
    wf_list_push_back(&head, &items[0].node);
    shows(&head, "20", "put back");
    wf_list_remove(&items[2].node);
    wf_list_remove(&items[0].node);
    ok(wf_list_empty(&head), "empty again");
    return done();
}
