/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp and amqps URLs: amqp://user:password@host:5672/vhost. Without a path, or with "/", the virtual
 * host is "/"; its name is percent-encoded, also a slash in it. Without a user it is guest's.
 * Pure.
 */
#pragma once

#include "base/base.h"

struct broker_url {
    bool tls;
    bool has_credentials;
    struct str user, password; /* decoded */
    struct str host;
    uint16_t port;
    struct str vhost;          /* decoded */
    struct str shown;          /* the URL without credentials */
};

bool broker_url_is(struct str text); /* starts as one */
/* Strings in the arena. RC_INVALID: `why` (may be NULL) says what is wrong. */
MUST_USE enum rc broker_url_parse(struct str text, struct arena *a, struct broker_url *out, struct buf *why);
