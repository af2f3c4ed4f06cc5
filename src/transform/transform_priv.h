/* SPDX-License-Identifier: Apache-2.0
 *
 * What a pool and its helpers say to each other over a socket: a request, then READY once the program is
 * compiled (the run's time counts from there), then one of the others with its text. Both ends are the same
 * executable, so numbers go as they are.
 */
#pragma once

#include "transform/transform.h"

struct transform_request {
    uint32_t program_len;
    uint32_t input_len;
    uint32_t output_max;
    uint32_t cpu_ms;
    uint32_t check_only;
};

enum transform_word {
    TRANSFORM_READY = 1,
    TRANSFORM_RESULT,
    TRANSFORM_EMPTY,
    TRANSFORM_BAD_PROGRAM, /* with jq's words */
    TRANSFORM_FAILED,      /* with jq's words */
    TRANSFORM_TOO_LARGE
};

struct transform_reply {
    uint32_t word;
    uint32_t len;
};

enum {
    TRANSFORM_WORDS_MAX = 1024, /* bytes of an explanation */
    TRANSFORM_CACHED = 16,      /* compiled programs a helper keeps */
    TRANSFORM_NO_MEMORY = 12,   /* exit codes */
    TRANSFORM_NO_CAGE = 13,
    TRANSFORM_PROTOCOL = 14
};
