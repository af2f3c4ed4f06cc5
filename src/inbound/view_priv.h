/* SPDX-License-Identifier: Apache-2.0
 *
 * A source as receiving needs it.
 */
#pragma once

#include <stdatomic.h>

#include "inbound/inbound_priv.h"

/* Immutable, counted. */
struct inbound_view {
    atomic_int refs;
    int64_t num, org, app;
    struct str id;
    const struct verify_scheme *scheme; /* the book's, or `own` */
    struct verify_scheme *own;          /* owned; NULL: a preset */
    struct inbound_secrets secrets;
    struct grapnel_key *keys[GRAPNEL_SECRETS_MAX]; /* of secrets that are public keys; owned */
    struct inbound_settings settings;
    struct store_source_token tokens[STORE_SOURCE_TOKENS_MAX];
    size_t token_count;
    bool paused;
    struct arena arena;
};
/* With one reference. RC_NOT_FOUND; RC_CORRUPT: logged. Worker. */
MUST_USE enum rc inbound_view_load(struct inbound *in, const uint8_t *hash, int64_t num,
                                   struct inbound_view **out);
struct inbound_view *inbound_view_ref(struct inbound_view *v);
void inbound_view_unref(struct inbound_view *v); /* NULL is fine */
/* Is one of its tokens with that hash valid now? */
bool inbound_view_has(const struct inbound_view *v, const uint8_t hash[static 32], int64_t now_us);
/* Are there no secrets yet, although the scheme wants one? Then only handshakes are answered. */
bool inbound_view_is_pending(const struct inbound_view *v, int64_t now_us);

/* secrets.c. The token in plain text; empty if it does not open. */
struct str inbound_token_open(struct inbound *in, struct str source_id,
                              const struct store_source_token *token, struct arena *a);
