/* SPDX-License-Identifier: Apache-2.0
 *
 * A receiver that plays scripts on real sockets: each connection runs the next script (the last one
 * again and again), in a thread of its own. Whatever it sends is bytes, so it can misbehave.
 */
#pragma once

#include "base/base.h"
#include "tls/tls.h"

enum step_kind {
    STEP_END = 0, /* closes */
    STEP_REQUEST, /* reads one whole request */
    STEP_SEND,
    STEP_SEND_NUL, /* the text, with each '^' as a NUL */
    STEP_DRIP,    /* sends byte by byte, 1 ms between them */
    STEP_FLOOD,   /* sends the text `times` times, or until the other side closes */
    STEP_PAUSE,       /* `times` milliseconds */
    STEP_RENEGOTIATE, /* asks for a new handshake; TLS 1.2 */
    STEP_HANG,    /* until the other side closes or the receiver stops */
    STEP_RESET    /* closes with a reset */
};

struct step {
    enum step_kind kind;
    const char *text;
    int times;
};

#define END { STEP_END, NULL, 0 }
#define REQ { STEP_REQUEST, NULL, 0 }
#define SEND(text) { STEP_SEND, text, 0 }
#define DRIP(text) { STEP_DRIP, text, 0 }
#define FLOOD(text, n) { STEP_FLOOD, text, n }
#define HANG { STEP_HANG, NULL, 0 }
#define RESET { STEP_RESET, NULL, 0 }

struct receiver;
/* `scripts`: arrays that end in a STEP_END, borrowed. `tls` may be NULL (borrowed). */
struct receiver *receiver_start(const struct step *const *scripts, size_t count, SSL_CTX *tls);
uint16_t receiver_port(const struct receiver *r);
int receiver_connections(struct receiver *r);
int receiver_requests(struct receiver *r);
/* The text of the last request that was read. */
struct str receiver_last_request(struct receiver *r);
/* Waits until the other side has closed that many connections; panics after 60 s. */
void receiver_wait_closed(struct receiver *r, int count);
void receiver_stop(struct receiver *r);

/* Makes a bound socket listen, and fills its queue with a connection that nobody accepts; its descriptor. On a busy machine the
 * kernel answers a connection some time after connect() has returned, so the kernel is asked whether the queue is full. */
int receiver_fill_backlog(int fd);
