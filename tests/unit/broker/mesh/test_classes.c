#include "broker/core/mesh/classes.h"

#include "tests/unit/broker/bed.h"

static const struct price_line book[] = {{.kind = WF_PRICE_NODE,
                                          .from = "gpu",
                                          .to = "",
                                          .pusd = 90000,
                                          .paid = PRICE_ON_DEMAND}};

static void info(struct bed *b, uint32_t peer, const char *class_, uint64_t slots,
                 uint64_t speed_pm)
{
    const struct wf_agent_info m = {.seq = b->now_us,
                                    .slots = slots,
                                    .class_ = wf_slice_of(class_),
                                    .speed_pm = speed_pm};

    bed_say(b, peer, WF_MSG_agent_info, &m);
}

static struct wf_class_row row_at(struct wf_rows rows, unsigned i)
{
    struct wf_class_row row = {{0}};

    do {
        must(wf_rows_next(&rows, wf_desc_class_row(), &row));
    } while (i-- > 0);
    return row;
}

static void counts(void)
{
    struct broker_event ev = {
        .kind = BROKER_PRICES, .prices = book, .nprices = ARRAY_LEN(book)};
    struct wf_buf buf = WF_BUF_INIT(65536);
    char text[WF_TEXT_MAX + 1];
    struct wf_rows rows;
    uint32_t peer[3];
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    bed_step(&b, &ev);
    classes_now(b.c, &buf, &rows);
    ok(rows.count == 0 && strcmp(classes_text(rows, text), "") == 0, "no agents");
    peer[0] = bed_agent(&b, 1, "a1", 1);
    peer[1] = bed_agent(&b, 2, "a2", 1);
    peer[2] = bed_agent(&b, 3, "a3", 1);
    info(&b, peer[0], "gpu", 1, 4000);
    info(&b, peer[1], "", 8, 1000);
    info(&b, peer[2], "gpu", 3, 2000);
    wf_buf_clear(&buf);
    classes_now(b.c, &buf, &rows);
    is_int(rows.count, 2, "a row for each class");
    is_int(row_at(rows, 0).slots, 4, "with all of its slots");
    is_int(row_at(rows, 0).speed_pm, 2500, "their speed in the mean");
    is_int(row_at(rows, 0).price_pusd, 90000, "and its price by the book");
    is_str(classes_text(rows, text), "gpu=4@90000 =8@0", "as text");
    bed_down(&b, peer[1]);
    wf_buf_clear(&buf);
    classes_now(b.c, &buf, &rows);
    is_str(classes_text(rows, text), "gpu=4@90000", "who is gone takes no work");
    wf_buf_fini(&buf);
    bed_fini(&b);
}

static void is_bounded(void)
{
    struct wf_buf buf = WF_BUF_INIT(65536);
    char text[WF_TEXT_MAX + 1];
    struct wf_rows rows = {0};
    struct bed b;

    bed_init(&b);
    bed_start(&b);
    for (uint8_t i = 0; i < CLASSES_MAX + 4; i++) {
        char name[16];

        (void) snprintf(name, sizeof name, "class-%u", i);
        info(&b, bed_agent(&b, (uint8_t) (10 + i), name, 1), name, 1, 1000);
    }
    classes_now(b.c, &buf, &rows);
    is_int(rows.count, CLASSES_MAX, "so many classes are told");
    must(strlen(classes_text(rows, text)) <= WF_TEXT_MAX);
    ok(text[strlen(text) - 1] == '0', "whole ones alone: %s", text);
    bed_fini(&b);

    wf_buf_clear(&buf);
    rows = (struct wf_rows){0};
    must(wf_rows_add(&buf, &rows, wf_desc_class_row(),
                     &(struct wf_class_row){.name = wf_slice_of("a b=1@2"),
                                            .slots = UINT64_MAX}) == 0);
    must(wf_rows_add(&buf, &rows, wf_desc_class_row(),
                     &(struct wf_class_row){.name = wf_slice_of("plain"), .slots = 2}) ==
         0);
    is_str(classes_text(rows, text), "plain=2@0", "a name that is none is left out");
    wf_buf_fini(&buf);
}

int main(void)
{
    counts();
    is_bounded();
    return done();
}
