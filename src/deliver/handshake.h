/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking a receiver whether it wants to be one, before anything else is sent to it:
 *
 *   preservica    POST <url>?challengeCode=<random>; answered 200 with {"challengeCode": the same,
 *                 "challengeResponse": lower-case hex of HMAC-SHA256(secret, challengeCode)}
 *   cloudevents   OPTIONS with WebHook-Request-Origin and -Rate; answered 2xx with WebHook-Allowed-Origin
 *                 ("*" or ours) and perhaps WebHook-Allowed-Rate (deliveries a minute, or "*")
 *   websub        GET <url>?hub.mode=subscribe&hub.topic=..&hub.challenge=<random>; answered 2xx with the
 *                 challenge as its whole body
 *   ping          a POST of {"type":"grapnel.ping",...}, signed when there is a key; answered 2xx
 *
 * What is sent is ours alone: challenges are 32 random bytes in hex, and no answer of ours reveals
 * what was computed from them. The same address policy as for deliveries holds, redirects are not
 * followed, and time, bytes and the number of handshakes (at once, and per application) are limited.
 */
#pragma once

#include "base/base.h"
#include "fetch/fetch.h"
#include "sign/sign.h"

enum deliver_handshake_kind {
    DELIVER_HANDSHAKE_PRESERVICA,
    DELIVER_HANDSHAKE_CLOUDEVENTS,
    DELIVER_HANDSHAKE_WEBSUB,
    DELIVER_HANDSHAKE_PING
};
/* "preservica", ...; and back. RC_NOT_FOUND. */
const char *deliver_handshake_name(enum deliver_handshake_kind kind);
MUST_USE enum rc deliver_handshake_find(struct str name, enum deliver_handshake_kind *out);

enum {
    DELIVER_HANDSHAKE_ANSWER_MAX = 4096, /* bytes of an answer's body; more is a refusal */
    DELIVER_HANDSHAKE_RATE_MAX = 1000000
};

struct deliver_handshaker;

struct deliver_handshaker_options {
    struct fetch_options fetch; /* what deliveries go through; strings borrowed, references taken */
    const struct clock *clock;
    const struct rng *rng;
    const char *user_agent; /* borrowed */
    int64_t timeout_us;     /* from the start to the last byte of the answer */
    int at_once;            /* handshakes that run at a time: each holds a worker */
    int per_minute;         /* per application */
};
struct deliver_handshaker *deliver_handshaker_new(const struct deliver_handshaker_options *o);
void deliver_handshaker_free(struct deliver_handshaker *h); /* NULL is fine; when none runs */

struct deliver_handshake {
    enum deliver_handshake_kind kind;
    int64_t app; /* whose limit it counts against */
    struct str url;
    struct str secret;          /* preservica */
    struct str origin;          /* cloudevents: what we call ourselves, a host name */
    int64_t rate;               /* cloudevents: deliveries a minute asked for; 0: not said */
    struct str topic;           /* websub */
    const struct sign_key *key; /* ping: signed with; NULL: unsigned */
    /* out */
    int64_t allowed_per_minute; /* cloudevents; 0: any rate */
};

/* Worker. RC_OK: the receiver agreed. Otherwise `why` has the reason in words that hold neither secrets nor
 * addresses: RC_INVALID: the URL; RC_DENIED: it did not agree or could not be asked; RC_BUSY: a limit. */
MUST_USE enum rc deliver_handshake_run(struct deliver_handshaker *h, struct deliver_handshake *s,
                                       struct buf *why);
