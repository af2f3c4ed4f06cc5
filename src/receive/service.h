/* SPDX-License-Identifier: Apache-2.0
 *
 * What `grapnel receive` does with requests: the functions that libgrapnel's receiver calls, with a
 * receive_service as their context. Called from several threads; a service does not change but for
 * its atomics.
 */
#pragma once

#include <grapnel_receiver.h>
#include <stdatomic.h>

#include "base/base.h"
#include "receive/live.h"

struct receive_service {
    struct receive_live *live; /* hooks; NULL: events of a scheme */
    struct str prefix;         /* of hooks' paths: "hooks" */
    const char *command;       /* for /bin/sh; NULL: events are printed */
    const char *history;       /* file; NULL: none */
    char **envp;
    int64_t timeout_us;
    size_t concurrency;       /* what hooks without a number of their own share */
    bool is_json;             /* printed as JSON, a line each */
    bool is_quiet;            /* nothing is printed */
    bool is_chatty;           /* refused requests are told on standard error */
    atomic_bool is_cut;       /* end running programs now */
    atomic_int_fast64_t left; /* events until `on_last`; below 1: for ever */
    void (*on_last)(void *arg);
    void *arg;
};

grapnel_event_fn receive_on_event;
grapnel_reply_fn receive_on_reply;
grapnel_judge_fn receive_on_judge;
grapnel_lane_fn receive_on_lane;
grapnel_note_fn receive_on_note;
