/* submit.c - run one job and print its result
 *
 *     submit CAPABILITY [PAYLOAD]
 *
 * Uses the selected context (`weft ctx add`).
 */
#include <weft/weft.h>

#include <stdio.h>
#include <string.h>

static int fail(const char *what, int code, const char *text)
{
    fprintf(stderr, "submit: %s: %s (%s)\n  next: %s\n", what, text, weft_errname(code),
            weft_errhint(code));
    return 1;
}

static int run(weft_client *client, const char *capability, const char *payload)
{
    struct weft_job job = WEFT_JOB_INIT;
    const struct weft_outcome *outcome;
    weft_future *future;
    int code;

    job.capability = capability;
    job.payload = payload;
    job.payload_len = strlen(payload);
    code = weft_submit(client, &job, &future);
    if (code != 0) {
        return fail("submit", code, weft_strerror(code));
    }
    code = weft_future_wait(future, WEFT_UNTIL_DONE, 60000);
    if (code != 0) {
        code = fail("wait", code, weft_future_text(future));
        weft_future_free(future);
        return code;
    }
    outcome = weft_future_outcome(future);
    fprintf(stderr, "%s on %s after %.1f ms\n", weft_state_name(outcome->state),
            outcome->node, (double) (outcome->wait_us + outcome->run_us) / 1000);
    fwrite(outcome->data, 1, outcome->len, stdout);
    if (outcome->state != WEFT_JOB_OK) {
        fprintf(stderr, "submit: %s\n", outcome->reason);
    }
    code = outcome->state == WEFT_JOB_OK ? 0 : 20;
    weft_future_free(future);
    return code;
}

int main(int argc, char **argv)
{
    weft_client *client;
    char why[256];
    int code;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: submit CAPABILITY [PAYLOAD]\n");
        return 2;
    }
    code = weft_open(NULL, &client, why, sizeof why);
    if (code != 0) {
        return fail("open", code, why);
    }
    code = run(client, argv[1], argc == 3 ? argv[2] : "");
    weft_close(client);
    return code;
}
