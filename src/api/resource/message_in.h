/* SPDX-License-Identifier: Apache-2.0
 *
 * From the bytes of a MessageIn to a message, in one pass and without copying: the hot path. The
 * payload stays as it was sent, byte for byte.
 */
#pragma once

#include "api/kit/schema.h"
#include "store/config.h"
#include "store/flow.h"

enum {
    API_CHANNELS_MAX = 10,
    API_TAGS_MAX = 5,
    API_KEEP_DAYS = 90,
    API_DELIVER_AHEAD_DAYS = 366,
    API_UNKNOWN_MAX = 400 /* bytes of `unknown` */
};

struct api_message_in {
    struct store_message message; /* id, times but deliver_at_us, org and app are left to the caller; strings are in the text or the arena */
    struct str channels[API_CHANNELS_MAX];
    size_t channel_count;
    int64_t keep_us;              /* the payload, from when it is due */
    struct str application;       /* ApplicationIn as JSON text; ptr NULL: none */
    struct str unknown;           /* names of members that were let pass, "body.a, body.b"; empty: none */
};

/* RC_INVALID: *fault says what is wrong; `where` ("body", "body.messages.3") begins its place. `now_us`: wall clock. */
MUST_USE enum rc api_message_parse(struct str text, const char *where, int64_t now_us, struct arena *a, struct api_message_in *out, struct api_fault *fault);
