/* SPDX-License-Identifier: Apache-2.0
 *
 * Names to addresses, without blocking: c-ares on the loop. A resolver belongs to its loop's
 * thread. Answers say nothing about what may be connected to: the caller asks the policy about each
 * address right before it connects.
 *
 * Literal addresses, "localhost" (and names under it) and the fixed names need no DNS; a name in
 * /etc/hosts is not asked for. All others are looked up as they are written: no search domains. The
 * two families are asked for apart, and one that is silent or broken does not hold up the other.
 * Answers are kept for their TTL, at least 1 s and at most 60 s, 4096 names at most; lookups of one
 * name at one time are one query. Failures are not kept.
 */
#pragma once

#include "fetch/address_priv.h"
#include "fetch/fetch.h"

struct fetch_resolver;
struct resolve_entry;

/* One lookup, embedded in who waits for it; zeroed = not waiting. */
struct fetch_lookup {
    /* `found` lives for the call only; NULL: it failed, `why` says how. */
    void (*done)(void *arg, const struct fetch_addresses *found, const char *why);
    void *arg;
    struct resolve_entry *_entry;
    struct fetch_lookup *_next;
};

/* `fixed`: as fetch_options.resolve, borrowed, or NULL. `servers`: "ip:port,..." instead of the
 * system's, borrowed, or NULL. The system's are read again when
 * /etc/resolv.conf has changed. */
struct fetch_resolver *fetch_resolver_new(struct loop *loop, const char *fixed,
                                          const char *servers);
/* Lookups under way end without done(). Not from a done(). */
void fetch_resolver_free(struct fetch_resolver *r);

/* done() may run before this returns. */
void fetch_resolve(struct fetch_resolver *r, struct str name, struct fetch_lookup *lookup);
/* done() will not run. Fine when not waiting. */
void fetch_resolve_cancel(struct fetch_lookup *lookup);
