/* wire.h - framing between weft-agent and weft-runner
 *
 * The two talk over one SOCK_STREAM socketpair (the runner's fd 0).  A frame is
 *
 *     u32 length of what follows | u8 type | body
 *
 * with every integer little-endian, a string as u32 length (its terminating zero
 * included) and bytes, and the one trailing byte field of a message without a length: it
 * reaches to the end of the frame.  A frame longer than WIRE_FRAME_MAX, a string without
 * its zero or with one inside, a list over its limit or bytes left over are WEFT_EPROTO:
 * the connection is of no use any more.
 *
 * Agent to runner: START, KILL, QUIT.  Runner to agent: HELLO once, then for each START
 * either DONE alone (it could not be started) or STARTED, OUTPUT*, DONE.  STARTED of a
 * worker carries the agent's end of the worker's socket as SCM_RIGHTS, attached to the
 * first byte of its frame.
 *
 * With `inline_bytes` a larger result of a run that ended well stays on disk, which DONE
 * tells: it is the file results/RUN (in hex) of the scratch folder, the agent's from then
 * on.  When stdout is the result, the file has what is past the first `inline_bytes`, at
 * its place: the agent got those as OUTPUT and puts them in front.
 *
 * Pure: nothing here touches a descriptor.  Decoded strings and bytes are borrowed from
 * the frame.
 */
#ifndef AGENT_RUNNER_WIRE_H
#define AGENT_RUNNER_WIRE_H

#include "common/buf.h"
#include "common/defs.h"

#include <stdbool.h>

#define WIRE_PROTOCOL    2
#define WIRE_HEAD        5 /* length and type */
#define WIRE_FRAME_MAX   (2u << 20)
#define WIRE_PAYLOAD_MAX (1u << 20) /* larger payloads travel as a file's path */
#define WIRE_OUTPUT_MAX  (64u << 10)
#define WIRE_ARGS_MAX    256
#define WIRE_BINDS_MAX   64
#define WIRE_INPUTS_MAX  16
#define WIRE_STRING_MAX  (64u << 10)
#define WIRE_STRINGS_MAX (128u << 10) /* all strings of one list together */
#define WIRE_TEXT_MAX    512
#define WIRE_RESULTS     "results" /* folder of large results in the scratch folder */

enum wire_type {
    WIRE_START = 1,
    WIRE_KILL = 2,
    WIRE_QUIT = 3,
    WIRE_HELLO = 16,
    WIRE_STARTED = 17,
    WIRE_OUTPUT = 18,
    WIRE_DONE = 19,
};

enum wire_kind {
    WIRE_EXEC = 0,   /* one process, one payload, one result */
    WIRE_WORKER = 1, /* fd 3 is a socket on which it takes jobs until end of file */
};

enum wire_sandbox {
    WIRE_SANDBOX_NONE = 0,
    WIRE_SANDBOX_AUTO = 1,     /* bwrap where it works */
    WIRE_SANDBOX_REQUIRED = 2, /* refuse to start without */
};

enum wire_flag {
    WIRE_NETWORK = 1,      /* the sandbox shares the host's network */
    WIRE_RESULT_FILE = 2,  /* the result is $WEFT_RESULT; stdout is a log */
    WIRE_PAYLOAD_FILE = 4, /* the payload is the file $WEFT_PAYLOAD; stdin is empty */
};

enum wire_stream {
    WIRE_STDOUT = 1,
    WIRE_STDERR = 2,
    WIRE_RESULT = 3, /* content of $WEFT_RESULT, after the run ended */
};

enum wire_reason {
    WIRE_R_EXIT = 0,
    WIRE_R_SIGNAL = 1,
    WIRE_R_WALL = 2,
    WIRE_R_CPU = 3,
    WIRE_R_MEMORY = 4,
    WIRE_R_OUTPUT = 5,
    WIRE_R_PROCS = 6,
    WIRE_R_KILLED = 7,
    WIRE_R_SPAWN = 8,
    WIRE_R_LOST = 9, /* its result could not be kept; or the agent's word for a runner
                      * that died */
    WIRE_R_COUNT
};

/* How the tree of a run is ended, best first. */
enum wire_isolation {
    WIRE_ISO_PIDNS = 0,
    WIRE_ISO_SUBREAPER = 1,
};

/* 0 means no limit, but for grace_ms and files (runner's default). */
struct wire_limits {
    uint64_t wall_ms;
    uint64_t cpu_ms; /* of each process; whole seconds, rounded up */
    uint64_t mem_bytes;
    uint64_t file_bytes; /* size of one file */
    uint64_t out_bytes;  /* of the result: more ends the run */
    uint64_t err_bytes;  /* of each log stream: the rest is cut */
    uint32_t procs;
    uint32_t files; /* open descriptors */
    uint32_t grace_ms;
    uint64_t inline_bytes; /* larger results are files; 0: none is */
};

struct wire_list {
    uint32_t n;
    const char *v[WIRE_ARGS_MAX + 1]; /* NULL-terminated */
};

struct wire_start {
    uint64_t run;
    uint8_t kind;
    uint8_t sandbox;
    uint32_t flags;
    struct wire_limits limits;
    struct wire_list argv;
    struct wire_list env;     /* NAME=value, on top of the fixed set */
    struct wire_list binds;   /* absolute paths the sandbox shows read-only */
    struct wire_list inputs;  /* NAME=PATH, shown as inputs/NAME */
    const char *payload_path; /* "" when the payload is inline */
    const uint8_t *payload;
    size_t payload_len;
};

struct wire_kill {
    uint64_t run;
    uint32_t grace_ms;
};

struct wire_hello {
    uint16_t protocol;
    uint8_t bwrap;     /* sandboxing works */
    uint8_t isolation; /* enum wire_isolation */
    uint8_t cgroup;    /* 0 none, 1 kill only, 2 also memory and pids */
    uint32_t max_runs;
    uint32_t pid;
    const char *text; /* one line for people */
};

struct wire_started {
    uint64_t run;
    uint32_t pid;   /* root of the run's tree */
    uint8_t has_fd; /* a descriptor came with this frame */
};

struct wire_output {
    uint64_t run;
    uint8_t stream;
    const uint8_t *p;
    size_t len;
};

struct wire_done {
    uint64_t run;
    uint8_t reason; /* enum wire_reason */
    int32_t code;   /* exit status, or -1 */
    int32_t signal; /* 0 or what ended the handler */
    uint64_t user_us;
    uint64_t sys_us;
    uint64_t wall_us;
    uint64_t maxrss_bytes;
    uint64_t out_bytes; /* seen, what was cut included */
    uint64_t err_bytes;
    uint64_t out_cut;
    uint64_t err_cut;
    uint8_t has_file;    /* the result is a file ... */
    uint64_t file_bytes; /* ... of this size */
    const char *text;    /* why it could not be started, or "" */
};

struct wire_msg {
    enum wire_type type;
    union {
        struct wire_start start;
        struct wire_kill kill;
        struct wire_hello hello;
        struct wire_started started;
        struct wire_output output;
        struct wire_done done;
    } u;
};

/* Length of the whole first frame in *ret_total.  0 when it is all there, WEFT_EAGAIN
 * when more bytes are needed, WEFT_EPROTO when it can never be a frame. */
int wire_peek(const uint8_t *p, size_t len, size_t *ret_total);

/* Decode one whole frame.  0 or WEFT_EPROTO. */
int wire_decode(const uint8_t *frame, size_t len, struct wire_msg *ret);

/* Append one frame.  0, WEFT_ENOMEM, WEFT_ETOOBIG (a limit above, or the buffer's own:
 * nothing is appended then). */
int wire_encode(struct wf_buf *b, const struct wire_msg *m);

/* Copy a START but for its run and payload: *ret borrows from `text`, an empty buffer of
 * the caller's.  0, WEFT_ENOMEM, WEFT_ETOOBIG. */
int wire_keep(struct wire_msg *ret, struct wf_buf *text, const struct wire_start *spec);

/* Append to a list; WEFT_EFULL when it has no room. */
int wire_list_add(struct wire_list *l, const char *s);

const char *wire_reason_name(unsigned reason);

#endif
