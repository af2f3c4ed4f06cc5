/* SPDX-License-Identifier: Apache-2.0
 *
 * A compilation under way: where it stands in the document, and how it fails.
 */
#pragma once

#include "filter/language.h"
#include "filter/program_priv.h"

struct filter_compiling {
    struct filter_program *program;
    struct arena *arena; /* the program's */
    struct filter_fault *fault;
    struct buf where;
    int depth;
    size_t operator_count;
};
/* Returns rc; the fault says where the compiler stands. `reason` is copied. */
enum rc filter_fail(struct filter_compiling *c, enum rc rc, const char *reason);
