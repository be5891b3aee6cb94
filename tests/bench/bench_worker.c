/* The worker process of the weft-worker rows: answers with the payload. */
#include "client/include/weft/worker.h"

static int echo(weft_worker_job *job, void *arg)
{
    size_t len;
    const void *payload = weft_worker_payload(job, &len);

    (void) arg;
    return weft_worker_result(job, payload, len);
}

int main(void)
{
    struct weft_worker_options options = WEFT_WORKER_OPTIONS_INIT;

    options.concurrency = 1024;
    return weft_worker_run(&options, echo, 0) == 0 ? 0 : 1;
}
