/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of JSON for every run, appended to a file; at its limit the file becomes FILE.1 and a new one
 * begins. Any thread, any process: the file itself is locked.
 */
#pragma once

#include "base/base.h"
#include "receive/run.h"

enum { RECEIVE_HISTORY_MAX = 64 << 20, RECEIVE_HISTORY_OUTPUT_MAX = 4096 };

struct receive_record {
    struct str hook, id, type, peer;
    int64_t received_us, begun_us;
    const struct receive_ran *ran;
    struct str output; /* cut */
};

/* RC_IO: it was not written. */
MUST_USE enum rc receive_history_add(const char *file, const struct receive_record *record);
