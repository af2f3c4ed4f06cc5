/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold, whatever fails. The numbers are those of docs/internals/simulation.md; a report, a plan's shrinking
 * and a fault's fix speak of the same number.
 *
 *   1  what was accepted is delivered, or was given up with a reason, once faults have stopped; what is asked to be sent
 *      again is
 *   2  an idempotency key makes one message, whose id all of its answers name
 *   3  what a receiver gets is what was published, signed with its secret, under one id, and was not erased before
 *   4  an ordered endpoint's messages succeed in the order in which they were accepted
 *   5  windows, throttles, retry delays and Retry-After are kept, and what a broker asks for: silence while it is blocked,
 *      heartbeats
 *   6  nothing of one tenant is in what another sees
 *   7  lists have what exists, once
 *   8  what is read of an endpoint is what was written, in some order of the calls
 *   9  calls are answered in time, and nothing due is left lying
 *  10  descriptors and memory come back to where they were, and memory has a bound
 *  11  the log has no error that no fault explains, and never a flood of one event
 *  12  each life starts
 *  14  a chain's verdict follows from what its processors said
 *  15  what is kept of a chain's run is what its settings say, and neither it nor the log has what is hidden
 *  16  whoever a service outside vouches for is let in, nobody else, and sees its own
 *
 * (13, that a stop ends in time and with 0, is judged by the runner itself.) A function returns true when its rule
 * holds, or says in `out` what breaks it. Nothing is changed.
 */
#pragma once

#include "model.h"

struct check_broken {
    int invariant;
    char words[900];
};

/* As things happen. */
bool check_leak(const struct model *m, int tenant, const void *bytes, size_t len, const char *where, struct check_broken *out);
/* A message came though the broker had told the client to stop, at `since_us` (0: it had not). */
bool check_blocked(const struct model *m, int broker, int64_t since_us, int64_t now_us, struct check_broken *out);
/* The server has said nothing to a broker for two of the heartbeats that it had promised. */
bool check_heartbeats(const struct model *m, int broker, int64_t since_us, int64_t now_us, struct check_broken *out);
bool check_verdict_time(const struct model *m, const struct model_question *q, struct check_broken *out);
/* What the API has of a question's run: its text, if it is there. */
bool check_run(const struct model *m, const struct model_question *q, bool is_there, const char *text, struct check_broken *out);
bool check_entry_time(const struct model *m, const struct model_entry *e, int callers, struct check_broken *out);
bool check_answer_time(const struct model *m, const char *what, int64_t begin_us, int64_t end_us, struct check_broken *out);
/* A list of a tenant's messages that was read from `begin_us` to `end_us`, all pages. */
bool check_list(const struct model *m, int tenant, int64_t begin_us, int64_t end_us, const char (*ids)[MODEL_ID_BYTES], size_t count, struct check_broken *out);

/* At any time, over all that was seen so far. */
bool check_keys(const struct model *m, struct check_broken *out);
bool check_attempts(const struct model *m, struct check_broken *out);
bool check_order(const struct model *m, struct check_broken *out);
bool check_pace(const struct model *m, struct check_broken *out);
bool check_endpoints(const struct model *m, struct check_broken *out);
bool check_events(const struct model *m, struct check_broken *out);
bool check_memory(const struct model *m, struct check_broken *out);
bool check_filters(const struct model *m, struct check_broken *out);
bool check_entries(const struct model *m, struct check_broken *out);
bool check_lives(const struct model *m, int64_t now_us, struct check_broken *out);

/* When the states were read after the quiet phase (settled_us). */
bool check_settled(const struct model *m, struct check_broken *out);
bool check_recoveries(const struct model *m, struct check_broken *out);

/* All of the last two groups; the first that is broken. */
bool check_all(const struct model *m, int64_t now_us, struct check_broken *out);

/* True when nothing was wrong at that time, nor so shortly before that a delivery to a broker may still suffer from it. */
bool check_broker_was_well(const struct model *m, int64_t from_us, int64_t to_us);

/* True when a broker may have read so late what came to the endpoint at `to_us`, sent after `from_us`, that the time says
 * nothing: what lies unread when a connection is given up is read once the broker listens again. */
bool check_broker_read_late(const struct model *m, int endpoint, int64_t from_us, int64_t to_us);

/* True when there are more brokers than there may be connections: what is for some of them has to wait until another
 * connection is not used any more. */
bool check_brokers_are_crowded(const struct model *m);

/* Sets `out` and returns false. */
bool check_break(struct check_broken *out, int invariant, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
