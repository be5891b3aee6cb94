#include "cli/job/batch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/job/outcome.h"
#include "cli/job/patience.h"
#include "cli/tool/clock.h"
#include "cli/tool/intr.h"
#include "cli/tool/mem.h"
#include "cli/tool/progress.h"
#include "cli/view/job.h"

#define BATCH_BUSY_MS 250 /* when the broker does not say when to come back */
#define BATCH_TOLD    3   /* refusals with one code that are told one by one */

/*  FREE -> READY -> FLYING -> LANDED -> FREE
 *             ^        |
 *             +- busy -+      */
enum slot_state { SLOT_FREE, SLOT_READY, SLOT_FLYING, SLOT_LANDED };

struct slot {
    enum slot_state state;
    struct piece piece;
    weft_id id;
    weft_future *future;
};

struct batch {
    struct cli *cli;
    struct weft_job job;
    struct source *source;
    const struct batch_options *options;
    struct slot *slots;
    size_t used;   /* slots that are not FREE */
    size_t flying; /* slots in flight */
    size_t limit;  /* most of them: falls to what fits when the broker is busy, grows by
                      one a round of `limit` jobs */
    size_t grown;  /* jobs that landed well since it changed */
    uint64_t resume_ms;
    uint64_t done, failed, busy;
    int refusal;      /* the code of the last refusal */
    uint64_t refused; /* how many in a row had it */
    int ended;        /* the source has no more */
    int exit;         /* the worst so far */
    int told_class;   /* said that jobs are kept in memory only */
    struct progress progress;
    struct patience patience; /* with the only job */
};

static void worse(struct batch *batch, int exit)
{
    /* A failed job outranks a cancelled one; refusals of the mesh outrank both. */
    if (exit != CLI_OK && (batch->exit == CLI_OK || exit < batch->exit)) {
        batch->exit = exit;
    }
}

static void on_done(weft_future *future, void *arg)
{
    struct slot *slot = arg;

    (void) future;
    slot->state = SLOT_LANDED;
}

static void clear(struct batch *batch, struct slot *slot)
{
    weft_future_free(slot->future);
    free(slot->piece.data);
    memset(slot, 0, sizeof(*slot));
    batch->used--;
}

/* How many refusals were not told one by one. */
static void tell_refused(struct batch *batch)
{
    if (batch->refused > BATCH_TOLD) {
        progress_clear(&batch->progress);
        cli_note(batch->cli, "%" PRIu64 " more were refused with %s",
                 batch->refused - BATCH_TOLD, weft_errname(batch->refusal));
    }
    batch->refused = 0;
}

/* 1 when this refusal is to be told: all jobs of a batch may meet the same one. */
static int is_news(struct batch *batch, int code)
{
    if (code != batch->refusal) {
        tell_refused(batch);
        batch->refusal = code;
    }
    if (++batch->refused > BATCH_TOLD) {
        return 0;
    }
    progress_clear(&batch->progress);
    return 1;
}

static void refuse(struct batch *batch, struct slot *slot, int exit)
{
    batch->failed++;
    worse(batch, exit);
    clear(batch, slot);
}

static int is_busy(int code)
{
    return code == WEFT_EBUSY || code == WEFT_EFULL;
}

/* Of the only job; many have a progress bar instead. */
static void on_state(const weft_id *id, enum weft_state state, unsigned attempt,
                     const char *node, void *arg)
{
    struct batch *batch = arg;

    (void) id;
    (void) attempt;
    (void) node;
    patience_state(&batch->patience, state);
}

static int submit(struct batch *batch, const struct weft_job *job, weft_future **future)
{
    int is_watched = batch->source->kind == SOURCE_ONE && batch->options->wait;
    int rc = weft_submit_watched(batch->cli->client, job, NULL,
                                 is_watched ? on_state : NULL, batch, future);

    if (rc == 0 && is_watched) {
        patience_begin(&batch->patience, *future);
    }
    return rc;
}

/* Send what the slot holds. */
static void launch(struct batch *batch, struct slot *slot, uint64_t now)
{
    struct weft_job job = batch->job;
    int rc;

    job.id = slot->id;
    job.payload = slot->piece.data;
    job.payload_len = slot->piece.file == NULL ? slot->piece.len : 0;
    job.payload_file = slot->piece.file;
    rc = submit(batch, &job, &slot->future);
    if (rc == WEFT_EFULL) {
        /* The library's own bound: it has room again when something was accepted. */
        batch->resume_ms = now + 10;
    } else if (rc < 0) {
        refuse(batch, slot,
               is_news(batch, rc) ? outcome_unsent(batch->cli, &job, slot->piece.len, rc)
                                  : cli_exit_of(rc));
    } else {
        slot->state = SLOT_FLYING;
        batch->flying++;
        weft_future_then(slot->future, on_done, slot);
    }
}

/* Before a line on stdout: the bar may stand on the same terminal. */
static void make_room(struct batch *batch)
{
    if (batch->cli->out.tty) {
        progress_clear(&batch->progress);
    }
}

static void save(struct batch *batch, const struct slot *slot,
                 const struct weft_outcome *outcome)
{
    const char *path = batch->options->out;
    char *joined = NULL;

    if (batch->options->out_dir != NULL) {
        joined = mem_printf("%s/%s", batch->options->out_dir, slot->piece.name);
        path = joined;
    }
    if (path != NULL && outcome->state == WEFT_JOB_OK) {
        make_room(batch);
        worse(batch, outcome_save(batch->cli, path, slot->future));
    }
    free(joined);
}

/* Who asked for nothing else is told, once, when jobs are accepted for less. */
static void tell_class(struct batch *batch, enum weft_class class_)
{
    if (!batch->told_class && batch->cli->err.tty && class_ == WEFT_CLASS_FAST &&
        batch->job.job_class == WEFT_CLASS_BEST) {
        batch->told_class = 1;
        progress_clear(&batch->progress);
        cli_note(batch->cli, "accepted in class fast: this broker keeps jobs in memory, "
                             "and one that stops loses them");
    }
}

static void finish(struct batch *batch, struct slot *slot)
{
    const struct weft_outcome *outcome = weft_future_outcome(slot->future);
    const char *out = batch->options->out;

    batch->done++;
    tell_class(batch, weft_future_class(slot->future));
    if (outcome != NULL) {
        make_room(batch);
        save(batch, slot, outcome);
        if (out == NULL || strcmp(out, "-") != 0) {
            outcome_line(batch->cli, outcome);
        }
        if (outcome->state != WEFT_JOB_OK) {
            batch->failed++;
            worse(batch, job_exit(outcome->state));
        }
        if (outcome->state != WEFT_JOB_OK && batch->source->kind == SOURCE_ONE) {
            outcome_report(batch->cli, outcome);
        }
    } else if (batch->cli->json) {
        struct json json;

        json_begin(&json, batch->cli->out.f, "submit");
        json_text(&json, "id", job_id(&slot->id).s);
        json_text(&json, "class", weft_class_name(weft_future_class(slot->future)));
        json_text(&json, "piece", slot->piece.name);
        json_end(&json);
    } else {
        make_room(batch);
        fprintf(batch->cli->out.f, "%s\n", job_id(&slot->id).s);
    }
    clear(batch, slot);
}

static void grow(struct batch *batch)
{
    if (batch->limit < batch->options->window && ++batch->grown >= batch->limit) {
        batch->limit++;
        batch->grown = 0;
    }
}

/* After how many milliseconds to send a refused job again; 0: not. */
static uint64_t again_ms(struct batch *batch, weft_future *refused)
{
    uint64_t retry_ms = weft_future_retry_ms(refused);

    if (batch->source->kind == SOURCE_ONE) {
        return patience_again(&batch->patience, refused);
    }
    if (!is_busy(weft_future_error(refused))) {
        return 0;
    }
    return retry_ms > 0 ? retry_ms : BATCH_BUSY_MS;
}

static void land(struct batch *batch, struct slot *slot, uint64_t now)
{
    int code = weft_future_error(slot->future);
    uint64_t retry_ms = again_ms(batch, slot->future);

    batch->flying--;
    /* An outcome that is not OK is an outcome: its code is no refusal. */
    if (code == 0 || weft_future_outcome(slot->future) != NULL) {
        grow(batch);
        finish(batch, slot);
    } else if (retry_ms > 0) {
        weft_future_free(slot->future);
        slot->future = NULL;
        slot->state = SLOT_READY;
        batch->busy++;
        batch->limit = batch->flying > 0 ? batch->flying : 1;
        batch->grown = 0;
        batch->resume_ms = now + retry_ms;
    } else {
        refuse(batch, slot,
               is_news(batch, code)
                   ? outcome_refused(batch->cli, &batch->job, slot->future)
                   : cli_exit_of(code));
    }
}

/* Take pieces into free slots. */
static int refill(struct batch *batch)
{
    int starved = 0;

    for (size_t i = 0; i < batch->options->window && !batch->ended && !starved; i++) {
        struct slot *slot = &batch->slots[i];
        int exit = CLI_OK, rc;

        if (slot->state != SLOT_FREE) {
            continue;
        }
        rc = source_next(batch->source, batch->cli, &slot->piece, &exit);
        if (rc == 1) {
            slot->id = batch->job.id;
            if (batch->source->kind != SOURCE_ONE ||
                memcmp(&slot->id, &(weft_id){{0}}, sizeof(slot->id)) == 0) {
                weft_id_random(&slot->id);
            }
            slot->state = SLOT_READY;
            batch->used++;
        }
        worse(batch, exit);
        starved = rc == 0;
        batch->ended = rc < 0;
    }
    return starved;
}

/* Returns how many slots became free. */
static size_t work(struct batch *batch, uint64_t now)
{
    size_t before = batch->used;

    for (size_t i = 0; i < batch->options->window; i++) {
        struct slot *slot = &batch->slots[i];

        if (slot->state == SLOT_LANDED) {
            land(batch, slot, now);
        }
        if (slot->state == SLOT_READY && now >= batch->resume_ms &&
            batch->flying < batch->limit) {
            launch(batch, slot, now);
        }
    }
    return before - batch->used;
}

static void draw(struct batch *batch, uint64_t now)
{
    char note[64] = "";

    if (batch->used > 0) {
        patience_explain(&batch->patience, &batch->slots[0].id);
    }
    if (now < batch->resume_ms && batch->busy > 0) {
        snprintf(note, sizeof(note), "broker busy");
    } else if (batch->failed > 0) {
        snprintf(note, sizeof(note), "%" PRIu64 " failed", batch->failed);
    }
    progress_update(&batch->progress, batch->done, batch->source->total, note, now);
}

/* Sleep until something is to do; slots that became free are filled at once. */
static void turn(struct batch *batch, int starved, size_t freed, uint64_t now)
{
    int ms = freed > 0 && !starved && !batch->ended ? 0 : INTR_POLL_MS;

    if (now < batch->resume_ms && batch->resume_ms - now < (uint64_t) ms) {
        ms = (int) (batch->resume_ms - now);
    }
    if (cli_turn(batch->cli, ms, starved ? source_fd(batch->source) : -1) &&
        source_fill(batch->source, batch->cli) != CLI_OK) {
        worse(batch, CLI_ERROR);
        batch->ended = 1;
    }
}

/* Ctrl-C: say what goes on without us. */
static int interrupted(struct batch *batch)
{
    progress_clear(&batch->progress);
    cli_note(batch->cli,
             "interrupted: %" PRIu64 " done, %zu still in the mesh or on the "
             "way there\n  next: `weft jobs` shows them, `weft job cancel ID` ends one",
             batch->done, batch->used);
    return CLI_INTERRUPTED;
}

/* 1 when the broker has not been there for longer than the caller's patience. */
static int stuck(struct batch *batch, uint64_t *since, uint64_t now)
{
    uint64_t patience = patience_ms(batch->cli, batch->options->wait);
    char why[200] = "";

    if (weft_connected(batch->cli->client, why, sizeof(why)) || batch->used == 0) {
        *since = now;
        return 0;
    }
    if (now - *since < patience) {
        return 0;
    }
    progress_clear(&batch->progress);
    worse(batch, cli_fail(batch->cli, WEFT_EUNREACH, "%s", why));
    return 1;
}

int batch_run(struct cli *cli, const struct weft_job *job, struct source *source,
              const struct batch_options *options)
{
    struct batch batch = {.cli = cli, .job = *job, .source = source, .options = options};
    uint64_t now = clock_ms(), seen = now;
    int rc = -1;

    batch.slots = mem_calloc(options->window, sizeof(*batch.slots));
    batch.job.detached = !options->wait;
    /* Of the only job patience tells, which then offers it again itself. */
    batch.job.offer_ms = source->kind == SOURCE_ONE ? 0 : patience_ms(cli, options->wait);
    batch.limit = options->window;
    patience_init(&batch.patience, cli, options->wait);
    intr_install();
    progress_start(&batch.progress, &cli->err, cli->quiet || source->kind == SOURCE_ONE,
                   now);
    while (rc < 0) {
        int starved = refill(&batch);
        size_t freed;

        now = clock_ms();
        freed = work(&batch, now);
        draw(&batch, now);
        if (batch.ended && batch.used == 0) {
            rc = batch.exit;
        } else if (intr_count() > 0) {
            rc = interrupted(&batch);
        } else if (stuck(&batch, &seen, now)) {
            rc = batch.exit;
        } else {
            turn(&batch, starved, freed, now);
        }
    }
    progress_clear(&batch.progress);
    tell_refused(&batch);
    for (size_t i = 0; i < options->window; i++) {
        weft_future_free(batch.slots[i].future);
        free(batch.slots[i].piece.data);
    }
    free(batch.slots);
    return rc;
}
