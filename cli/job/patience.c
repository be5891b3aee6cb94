#include "cli/job/patience.h"

#include "cli/tool/clock.h"
#include "cli/tool/fmt.h"
#include "cli/view/job.h"

#define PATIENCE_WAIT_MS   60000 /* while outcomes are awaited */
#define PATIENCE_SILENT_MS 2000  /* a job that waits longer for an agent is explained */
#define PATIENCE_BUSY_MS   250   /* when the broker does not say when to come back */

uint64_t patience_ms(const struct cli *cli, int wait)
{
    return wait && cli->timeout_ms == 0 ? PATIENCE_WAIT_MS : (uint64_t) cli_wait_ms(cli);
}

void patience_init(struct patience *patience, struct cli *cli, int wait)
{
    *patience = (struct patience){.cli = cli,
                                  .limit_ms = patience_ms(cli, wait),
                                  .tell_ms = clock_ms() + PATIENCE_SILENT_MS};
}

static void on_accepted(weft_future *future, void *patience)
{
    (void) future;
    patience_state(patience, WEFT_ACCEPTED);
}

void patience_begin(struct patience *patience, weft_future *future)
{
    weft_future_accepted(future, on_accepted, patience);
}

void patience_state(struct patience *patience, enum weft_state state)
{
    patience->waits = state == WEFT_ACCEPTED || state == WEFT_QUEUED;
    patience->end_ms = 0;
}

void patience_explain(struct patience *patience, const weft_id *id)
{
    if (patience->waits && patience->tell_ms > 0 && clock_ms() >= patience->tell_ms) {
        patience->tell_ms = 0;
        cli_note(patience->cli, "job %s waits for an agent\n  next: `weft why %s`",
                 job_id8(id).s, job_id8(id).s);
    }
}

/* The broker is full, or cannot store for the moment. */
static int may_change(weft_future *refused)
{
    int code = weft_future_error(refused);

    return weft_future_outcome(refused) == NULL &&
           (code == WEFT_EBUSY ||
            (code == WEFT_ESTORAGE && weft_future_retry_ms(refused) > 0));
}

uint64_t patience_again(struct patience *patience, weft_future *refused)
{
    uint64_t retry_ms = weft_future_retry_ms(refused), now = clock_ms();

    if (!may_change(refused)) {
        return 0;
    }
    retry_ms = retry_ms > 0 ? retry_ms : PATIENCE_BUSY_MS;
    patience->waits = 0;
    if (patience->end_ms == 0) {
        patience->end_ms = now + patience->limit_ms;
    }
    if (retry_ms > patience->end_ms || now > patience->end_ms - retry_ms) {
        return 0;
    }
    if (!patience->told) {
        patience->told = 1;
        cli_note(patience->cli, "%s: trying again for %s", weft_future_text(refused),
                 fmt_ms(patience->limit_ms).s);
    }
    return retry_ms;
}
