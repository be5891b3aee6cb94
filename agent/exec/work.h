/* work.h - the agent's side of the framing spoken with workers
 *
 * docs/spec/worker.md is the specification.  A frame is u32 length of what follows, u8
 * type, body; integers are little-endian.  HELLO, OUTPUT, RESULT and RESULT_FILE come
 * from workers, which are not trusted: what is malformed is WEFT_EPROTO.  Pure; decoded
 * bytes are borrowed from the frame.
 */
#ifndef AGENT_EXEC_WORK_H
#define AGENT_EXEC_WORK_H

#include "common/buf.h"
#include "common/defs.h"

#define WORK_PROTOCOL        2 /* 1 is spoken with: it has no files */
#define WORK_FRAME_MAX       ((1u << 20) + (64u << 10)) /* what follows the length */
#define WORK_PAYLOAD_MAX     (1u << 20)
#define WORK_ID_MAX          64
#define WORK_INPUTS_MAX      16
#define WORK_NAME_MAX        255
#define WORK_PATH_MAX        2048
#define WORK_CONCURRENCY_MAX 1024

enum work_type {
    WORK_HELLO = 1,
    WORK_JOB = 2,
    WORK_OUTPUT = 3,
    WORK_RESULT = 4,
    WORK_CANCEL = 5,
    WORK_JOB_FILES = 6,   /* JOB with something given by path */
    WORK_RESULT_FILE = 7, /* RESULT that is a file in the worker's folder */
};

struct work_msg {
    enum work_type type;
    uint16_t protocol;    /* HELLO */
    uint16_t concurrency; /* HELLO, from 1 */
    uint32_t ref;         /* OUTPUT, RESULT, RESULT_FILE */
    uint8_t stream;       /* OUTPUT: 1 or 2 */
    int32_t code;         /* RESULT: 0, or why it failed */
    const uint8_t *p;     /* OUTPUT, RESULT; RESULT_FILE: a name without slashes */
    size_t len;
};

struct work_job {
    uint32_t ref;
    uint32_t attempt;
    uint64_t deadline_ms;
    const char *id;
    const uint8_t *files; /* from work_put_files(); NULL: a plain JOB */
    size_t files_len;
    const uint8_t *payload;
    size_t payload_len;
};

/* 0 and the whole length of the first frame, WEFT_EAGAIN for more bytes, WEFT_EPROTO. */
int work_peek(const uint8_t *p, size_t len, size_t *ret_total);

/* A frame from a worker.  0 or WEFT_EPROTO. */
int work_decode(const uint8_t *frame, size_t len, struct work_msg *ret);

/* 0, WEFT_ETOOBIG, WEFT_ENOMEM; nothing is appended on failure. */
int work_put_job(struct wf_buf *b, const struct work_job *job);
int work_put_cancel(struct wf_buf *b, uint32_t ref);

/* The part of JOB_FILES that names them: the payload's path ("": it has bytes), how many
 * inputs, and then each of them.  Errors stick in `b`: WEFT_ETOOBIG, WEFT_ENOMEM. */
int work_put_files(struct wf_buf *b, const char *payload_path, size_t n_inputs);
int work_put_input(struct wf_buf *b, const char *name, const char *path);

#endif
