/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking a receiver whether it wants to be one, before anything else is sent to it:
 *
 *   cloudevents   OPTIONS with WebHook-Request-Origin and -Rate; answered 2xx with WebHook-Allowed-Origin
 *                 ("*" or ours) and perhaps WebHook-Allowed-Rate (deliveries a minute, or "*")
 *   websub        GET <url>?hub.mode=subscribe&hub.topic=..&hub.challenge=<random>; answered 2xx with the
 *                 challenge as its whole body
 *   ping          a POST of {"type":"grapnel.ping",...}, signed when there is a key; answered 2xx
 *
 * Dialects have kinds of their own; whoever puts the server together lists all that there are.
 *
 * What is sent is ours alone: challenges are 32 random bytes in hex, and no answer of ours reveals
 * what was computed from them. The same address policy as for deliveries holds, redirects are not
 * followed, and time, bytes and the number of handshakes (at once, and per application) are limited.
 */
#pragma once

#include "base/base.h"
#include "fetch/fetch.h"
#include "sign/sign.h"

struct deliver_handshake;
struct fetch_call;

enum { DELIVER_HANDSHAKE_CHALLENGE_LEN = 64 };

/* What a receiver is asked. */
struct deliver_handshake_ask {
    char challenge[DELIVER_HANDSHAKE_CHALLENGE_LEN + 1];
    int64_t now_us; /* wall clock */
    const char *user_agent;
    enum http_method method;
    struct buf url; /* the receiver's, with what the kind adds to its query */
    struct buf headers;
    struct buf body;
};

/* A kind of handshake: a constant. */
struct deliver_handshake_kind {
    const char *name;
    bool proves_secret; /* the receiver shows that it knows the secret: there has to be one, and another asks anew */
    /* Fills method, url, headers and body; the rest is there. RC_LIMIT: too long. */
    enum rc (*ask)(const struct deliver_handshake *s, struct deliver_handshake_ask *ask);
    /* Is an answer of 2xx, whole, a yes? RC_DENIED: `why` says why not. */
    enum rc (*judge)(struct deliver_handshake *s, const struct deliver_handshake_ask *ask, const struct fetch_call *c, struct buf *why);
};
extern const struct deliver_handshake_kind deliver_handshake_cloudevents, deliver_handshake_websub, deliver_handshake_ping;

/* `kinds`: NULL at the end; or NULL. NULL: there is none of that name. */
const struct deliver_handshake_kind *deliver_handshake_find(const struct deliver_handshake_kind *const *kinds, struct str name);

/* For kinds: the URL without its fragment, ready for one more parameter; and a refusal, RC_DENIED. */
MUST_USE enum rc deliver_handshake_add_to_query(struct str url, struct buf *out);
MUST_USE enum rc deliver_handshake_no(struct buf *why, const char *words);

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
    const struct deliver_handshake_kind *kind;
    int64_t app; /* whose limit a minute it counts against */
    int64_t org; /* whose share of those that run: no organisation has more than two thirds, rounded up */
    struct str url;
    struct str secret;          /* of kinds that prove one */
    struct str origin;          /* cloudevents: what we call ourselves, a host name */
    int64_t rate;               /* cloudevents: deliveries a minute asked for; 0: not said */
    struct str topic;           /* websub */
    const struct sign_key *key; /* ping: signed with; NULL: unsigned */
    /* out */
    int64_t allowed_per_minute; /* cloudevents; 0: any rate */
};

/* Worker. RC_OK: the receiver agreed. Otherwise `why` has the reason in words that hold neither secrets nor
 * addresses: RC_INVALID: the URL; RC_DENIED: it did not agree or could not be asked; RC_BUSY: too many run
 * now; RC_LIMIT: too many of this application's in a minute. */
MUST_USE enum rc deliver_handshake_run(struct deliver_handshaker *h, struct deliver_handshake *s,
                                       struct buf *why);
