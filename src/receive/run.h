/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a program: bytes on its standard input, a time limit for it and all that it started, its
 * output cut. Blocks; any thread that may.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"

enum { RECEIVE_OUTPUT_MAX = 1 << 20 }; /* bytes kept; the rest is read and dropped */

struct receive_run {
    const char *program; /* looked for in PATH */
    char **argv;
    char **envp;
    const char *directory; /* NULL: ours */
    bool has_input; /* else it reads nothing, whatever it asks for */
    struct str input;
    int64_t timeout_us; /* 0: none */
    /* To the output's end, even when the program has ended and others of its making still write; else it goes
     * where ours goes. */
    bool keeps_output;
    const atomic_bool *is_cut; /* the program is ended once true; may be NULL */
};

struct receive_ran {
    enum {
        RECEIVE_EXITED,    /* `code` is its own */
        RECEIVE_SIGNALLED, /* `code` is the signal */
        RECEIVE_TIMED_OUT,
        RECEIVE_CUT,
        RECEIVE_NOT_STARTED /* `code` is an errno */
    } how;
    int code;
    int64_t took_us;
};

/* `output` (may be NULL unless keeps_output) gets both of its streams. */
struct receive_ran receive_run(const struct receive_run *run, struct buf *output);
/* In words: "exit code 1", "killed after 10 s", ... */
void receive_ran_say(const struct receive_ran *ran, struct buf *out);

static inline bool receive_ran_well(const struct receive_ran *ran)
{
    return ran->how == RECEIVE_EXITED && ran->code == 0;
}

/* Appends as a JSON string; past the limit nothing, and the text's end shows it. */
static inline void receive_say_json(struct buf *out, struct str text)
{
    if (buf_add_json(out, text) != RC_OK)
        buf_say(out, "\"\"");
}
