/* limits.h - the largest of everything that crosses the wire, with the reason
 *
 * A decoder refuses what is larger; a sender checks before it encodes.  Raising a limit
 * is compatible, lowering one is not (docs/spec/1-wire.md).
 */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

#define WF_PROTO_MIN 1u /* oldest protocol version spoken */
#define WF_PROTO_MAX 1u /* newest */

#define WF_NAME_MAX     63u         /* a DNS label */
#define WF_CAP_NAME_MAX 63u         /* without `@version` */
#define WF_LABEL_MAX    127u        /* "key=value" or "key>=value" */
#define WF_TEXT_MAX     255u        /* one line for a person */
#define WF_ENDPOINT_MAX 127u        /* tcp://host:port */
#define WF_KEY_SIZE     32u         /* CURVE public key, raw */
#define WF_ID_SIZE      16u         /* job id */
#define WF_PAYLOAD_MAX  (1u << 20)  /* hard limit; brokers set a lower one */
#define WF_INLINE_DEF   (64u << 10) /* default of that lower one */
#define WF_OUTPUT_CHUNK (16u << 10) /* one piece of streamed output */

#define WF_DIGEST_SIZE 32u         /* BLAKE2b-256 */
#define WF_DATASET_MAX WF_NAME_MAX /* name of a dataset */
#define WF_PATH_MAX    255u        /* of a file in a dataset */
#define WF_REF_MAX     383u        /* "DATASET@VERSION/PATH" */
#define WF_PIECE_MAX   (64u << 10) /* of a chunk, on the bulk lane */

#define WF_FACT_MAX  (16u << 10) /* what a broker says at a time */
#define WF_HOLDS_MAX 2048u       /* bytes of the filter of a site's blobs */
#define WF_SIGN_SIZE 64u         /* Ed25519 */
#define WF_FACTS_MAX 60u         /* in one message, each as long as may be */

#define WF_INPUTS_MAX    16u   /* inputs that a submit may name */
#define WF_DATASET_PAGE  1024u /* files in one message */
#define WF_HOLD_ROWS_MAX 1024u /* changes in one report */
#define WF_NODES_ALL     63u   /* copies of a stage: wherever it may be */
#define WF_HOLDERS_MAX   16u   /* told about in one located */
#define WF_AT_MAX        1024u

#define WF_CAPS_MAX    64u   /* capabilities of one agent */
#define WF_LABELS_MAX  32u   /* labels of one node; needs of one job */
#define WF_ACCELS_MAX  16u   /* accelerators of one node */
#define WF_METRICS_MAX 16u   /* telemetry values in one report */
#define WF_RUNS_MAX    8192u /* attempts held by one agent */
#define WF_STRAYS_MAX  64u   /* attempts asked about in one seek */
#define WF_PAGE_MAX    256u  /* rows of one reply page */
#define WF_TRIES_MAX   16u   /* attempts told about in one job_info */
#define WF_HOPS_MAX    8u    /* brokers that a job passes through */
#define WF_PREFERS_MAX 8u    /* soft preferences of one job */
#define WF_NEARS_MAX   4u    /* affinities of one job */
#define WF_SCORED_MAX  24u   /* candidates told about in one why_info */

/* One ZeroMQ frame: two header bytes, then messages.  A batch is cut at the target; a
 * single message may be longer, up to the hard limit that MAXMSGSIZE enforces. */
#define WF_FRAME_MAGIC   0x77u /* 'w' */
#define WF_FRAME_VERSION 0x01u
#define WF_FRAME_TARGET  (64u << 10)
#define WF_FRAME_MAX     (WF_PAYLOAD_MAX + (64u << 10))

#endif
