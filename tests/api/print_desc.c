/* print_desc.c - print each message, field, kind and limit as the program knows them, for
 * scripts/gen-spec to compare with what it read */
#include "proto/msg.h"

#include <inttypes.h>
#include <stdio.h>

static void print(const struct wf_desc *d)
{
    static const char *const kinds[] = {"U", "S", "D", "ID", "KEY", "DIG", "L"};

    for (unsigned i = 0; i < d->nfields; i++) {
        const struct wf_field *f = &d->fields[i];

        (void) printf("%s %u %s %s %" PRIu64 " %s\n", d->name, d->number, f->name,
                      kinds[f->kind], f->max, f->rec != NULL ? f->rec()->name : "-");
    }
}

int main(void)
{
    for (size_t i = 0; wf_desc_at(i) != NULL; i++) {
        print(wf_desc_at(i));
    }
    return 0;
}
