/* SPDX-License-Identifier: Apache-2.0
 *
 * What a pool and its helpers say to each other over a socket: a request, then READY once the program is
 * compiled (the run's time counts from there), then one of the others with its text. Both ends are the same
 * executable, so numbers go as they are.
 */
#pragma once

#include "filter/transform.h"

struct filter_transform_request {
    uint32_t program_len;
    uint32_t input_len;
    uint32_t output_max;
    uint32_t cpu_ms;
    uint32_t check_only;
};

enum filter_transform_word {
    FILTER_TRANSFORM_READY = 1,
    FILTER_TRANSFORM_RESULT,
    FILTER_TRANSFORM_EMPTY,
    FILTER_TRANSFORM_BAD_PROGRAM, /* with jq's words */
    FILTER_TRANSFORM_FAILED,      /* with jq's words */
    FILTER_TRANSFORM_TOO_LARGE
};

struct filter_transform_reply {
    uint32_t word;
    uint32_t len;
};

enum {
    FILTER_TRANSFORM_WORDS_MAX = 1024, /* bytes of an explanation */
    FILTER_TRANSFORM_CACHED = 16,      /* compiled programs a helper keeps */
    FILTER_TRANSFORM_NO_MEMORY = 12,   /* exit codes */
    FILTER_TRANSFORM_NO_CAGE = 13,
    FILTER_TRANSFORM_PROTOCOL = 14
};
