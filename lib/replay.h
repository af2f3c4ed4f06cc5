/* SPDX-License-Identifier: Apache-2.0
 *
 * Which events came before. A fixed number of fixed-size entries, the oldest overwritten first; with
 * a file beside it, so that a restart does not forget. Private. Any thread.
 */
#pragma once

#include "bytes.h"

enum { GN_REPLAY_KEY_BYTES = 32, GN_REPLAY_KEYS = 2 };

struct gn_replay_keys {
    unsigned count; /* 0: this event cannot be recognised */
    unsigned char key[GN_REPLAY_KEYS][GN_REPLAY_KEY_BYTES];
};

enum gn_replay_answer {
    GN_REPLAY_NEW,  /* now claimed: gn_replay_settle() it */
    GN_REPLAY_BUSY, /* claimed by somebody, not settled yet */
    GN_REPLAY_KNOWN
};

struct gn_replay;

/* By what the provider says identifies the event; never by what it looks like. */
void gn_replay_keys(const struct grapnel_verdict *verdict, struct gn_replay_keys *out);

/* `max` entries; `fd` is the folder of the file "seen", or -1. NULL: memory or the file failed. */
struct gn_replay *gn_replay_new(size_t max, int64_t window_us, int folder_fd, int64_t now_us);
void gn_replay_free(struct gn_replay *r); /* NULL is fine */
enum gn_replay_answer gn_replay_claim(struct gn_replay *r, const struct gn_replay_keys *keys,
                                      int64_t now_us);
/* Accepted: remembered. Not: forgotten, and the next one is new. */
void gn_replay_settle(struct gn_replay *r, const struct gn_replay_keys *keys, bool accepted,
                      int64_t now_us);
/* Writes the keys of an event that has run to the file. */
void gn_replay_keep(struct gn_replay *r, const struct gn_replay_keys *keys, int64_t now_us);
