/* SPDX-License-Identifier: Apache-2.0
 *
 * How a function says that it did not do what was asked.
 *
 * An `enum rc` is an expected failure: its cause came from outside (input, disk, network, another
 * tenant's claim). A bug in this program is never an rc: it is a MUST() that fails (base/panic.h).
 * The edge that talks to people puts the words to it; modules below hand up the code, and a text
 * through a `struct buf *why` where only they know it.
 */
#pragma once

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

enum rc {
    RC_OK = 0,
    RC_INVALID,   /* the input breaks a rule; asking again the same way is no use */
    RC_NOT_FOUND, /* there is no such thing, or not for this caller */
    RC_CONFLICT,  /* it is there already, or it changed meanwhile */
    RC_DENIED,    /* the caller may not, or a signature is wrong */
    RC_LIMIT,     /* a documented limit was reached */
    RC_BUSY,      /* not now; asking again later makes sense */
    RC_CORRUPT,   /* stored data is not what we wrote */
    RC_IO         /* the system refused: disk, socket, file */
};

/* "ok", "invalid", ...: for logs. Never NULL. */
const char *rc_name(enum rc rc);
