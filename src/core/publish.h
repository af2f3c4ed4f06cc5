/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing: decides a message's destinations from an application's view, makes it durable in one
 * store job, and hands the deliveries over. The hot path: memory only, never blocks.
 *
 * A publish is one allocation with everything it needs, owned by whoever made it until it is
 * submitted, by this module from then on. done() runs on the loop the submitter names, after the
 * commit (or the refusal) and before the deliveries are handed over, so that the answer is not kept waiting.
 */
#pragma once

#include "core/directory.h"
#include "store/flow.h"

struct core_publisher;

struct core_publisher_options {
    struct store *store;
    struct core_directory *directory;
    const struct clock *clock;
    struct loop **loops; /* for publishing from workers; used in turn */
    size_t loop_count;
    /* The new deliveries, on a loop thread. Takes its own references. */
    void (*hand_over)(void *ctx, struct store_message *message, const int64_t *endpoints, size_t count);
    void *hand_over_ctx;
};
struct core_publisher *core_publisher_new(const struct core_publisher_options *o);
void core_publisher_free(struct core_publisher *p); /* NULL is fine */

struct core_publish {
    struct store_publish store;     /* message, destinations, key; after done(): result, first, job.rc */
    struct core_publisher *_publisher;
    void (*done)(struct core_publish *p);
    void *arg;                      /* the submitter's */
    bool is_own;                    /* the server's own message: not counted as accepted */
    struct store_publish **_also;   /* owned; each the first part of a core_publish */
    int64_t _endpoints[];
};

/* Copies `message` (id and times set by the caller) and matches it against the view; a reference to
 * the view is not kept. `channels`: the message's, as strings. */
struct core_publish *core_publish_new(struct core_publisher *publisher, const struct core_app *app, const struct store_message *message, const struct str *channels, size_t channel_count);
/* To one endpoint, whatever its filters say (none if it is disabled). */
struct core_publish *core_publish_new_to(struct core_publisher *publisher, const struct core_app *app, const struct store_message *message, int64_t endpoint);
/* Commits `other` with p, all or none, and only if p is new. p owns it from now on; its done() is never called. */
void core_publish_also(struct core_publish *p, struct core_publish *other);
/* From now on those given to core_publish_also() keep their keys and event ids, and get results: all of the
 * batch is new, or nothing of it is written. done() of the first speaks for all. */
static inline void core_publish_as_batch(struct core_publish *p)
{
    p->store.rule = STORE_RULE_BATCH;
}
/* From now on p and those given to core_publish_also() that lead are the events of one request: each is new or known
 * by itself, with those that follow it, and what is new is committed together. done() of the first speaks for all. */
static inline void core_publish_as_items(struct core_publish *p)
{
    p->store.rule = STORE_RULE_ITEMS;
}
static inline void core_publish_leads(struct core_publish *p)
{
    p->store.leads = true;
}
/* In done(): how many of the events were new? */
size_t core_publish_new_count(const struct core_publish *p);
/* Only one that was not submitted. NULL is fine. */
void core_publish_free(struct core_publish *p);

/* On a loop thread, done() comes on that loop. RC_BUSY, RC_LIMIT: refused, p is still the caller's. */
MUST_USE enum rc core_publish_submit(struct core_publish *p, struct loop *loop);
/* Several that are queued together, in order; all or none is taken. Their done() come in the same wake-up as a rule. */
MUST_USE enum rc core_publish_submit_all(struct core_publish **list, size_t count, struct loop *loop);

/* Worker: submits and waits for the commit; the deliveries are handed over on one of the loops.
 * Returns the store's verdict (RC_CONFLICT: event id taken; RC_BUSY, RC_LIMIT, RC_IO) and gives p up in any case. */
MUST_USE enum rc core_publish_wait(struct core_publish *p);
