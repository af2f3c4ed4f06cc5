/* SPDX-License-Identifier: Apache-2.0
 *
 * Transforms: jq programs (jq 1.6, libjq) that people outside give us, run where they can do no harm.
 * Not in this process: a small pool of helpers (this executable, started again as `grapnel __transform`)
 * has no environment, no files, no descriptors but its socket, a bound on memory and processor time, and a
 * system call filter that leaves it reading, writing and memory. A helper that takes too long is killed and
 * replaced. docs/guide/transforms.md says what programs see and give.
 */
#pragma once

#include "base/base.h"

enum {
    TRANSFORM_PROGRAM_MAX = 16384, /* bytes of a program */
    TRANSFORM_INPUT_MAX = 64 * 1024 * 1024,
    TRANSFORM_PROCESSES_MAX = 64
};

struct transform_options {
    size_t processes;       /* helpers at most; started when first needed */
    size_t memory_max;      /* bytes a helper may have beyond what it starts with */
    int64_t wait_us;        /* how long a run may wait for a free helper */
    const char *executable; /* NULL: this one */
};
struct transform_pool;
struct transform_pool *transform_pool_new(const struct transform_options *o);
/* When nobody runs anything any more. NULL is fine. */
void transform_pool_free(struct transform_pool *p);

struct transform_limits {
    int64_t time_us; /* a run, compiling not counted; wall clock */
    int64_t compile_us;
    size_t output_max; /* bytes */
    uint64_t owner;    /* whose run it is: no owner has more than half of the helpers at a time (but one) */
};
/* 100 ms, 2 s, 1 MiB. */
extern const struct transform_limits transform_limits_default;

/* Worker; blocks. Runs the program on one JSON text and appends its one result, compact JSON.
 * RC_NOT_FOUND: the program gave no result (`empty`). RC_INVALID: it does not compile, failed, or gave more
 * than one result. RC_LIMIT: a limit on time, memory, size or output. RC_BUSY: no helper was free. RC_IO:
 * no helper can be started. `why` (may be NULL) says it in words, jq's where it has any. */
MUST_USE enum rc transform_run(struct transform_pool *p, struct str program,
                                      struct str input,
                                      const struct transform_limits *limits, struct buf *out,
                                      struct buf *why);
/* Worker; blocks. Does it compile? RC_INVALID, RC_LIMIT, RC_BUSY, RC_IO as above. */
MUST_USE enum rc transform_check(struct transform_pool *p, struct str program,
                                        const struct transform_limits *limits,
                                        struct buf *why);

/* What the hidden verb __transform runs: serves requests on descriptor 0 until it is closed. Returns the
 * exit code. `memory`: as text, from the command line. */
#define TRANSFORM_VERB "__transform"
int transform_serve(const char *memory);
