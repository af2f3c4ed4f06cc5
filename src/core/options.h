/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint's options: the plain ones as JSON in its row, the secret ones sealed beside them. A handshake that was
 * passed leaves a proof in the plain ones that is bound to the URL: whatever changes the URL, the endpoint counts as
 * unverified until the new one has been asked.
 */
#pragma once

#include "core/directory.h"
#include "json/json.h"

enum { CORE_PROOF_LEN = 64, CORE_SCHEME_SECRET_MAX = 256 };

/* The text of the proof that a handshake of that kind was passed at that URL. */
void core_handshake_proof(struct str kind, struct str url, char out[static CORE_PROOF_LEN + 1]);

/* May deliveries go to `url`, as far as handshakes are concerned? True without a handshake. */
bool core_handshake_stands(const json_t *options, struct str url);


/* Fills gap_us and disabled of a view's endpoint whose url and disabled are there. */
void core_endpoint_read_handshake(const json_t *options, struct core_endpoint *ep);

/* The row's sealed options, opened, as a new object; empty if it has none. RC_CORRUPT: they do not open, and *out is NULL.
 * Never take that for an empty object: saving it would drop all that is in them. */
MUST_USE enum rc core_options_open(const struct sign_vault *v, struct arena *a, const struct store_endpoint *row, json_t **out);
/* Seals them into the arena; an empty object leaves the row without. RC_LIMIT: more than 1 MiB. */
MUST_USE enum rc core_options_seal(const struct sign_vault *v, struct arena *a, const json_t *options, struct store_endpoint *row);
/* Gives a new row a signing key of that kind, as its only one, sealed into the arena; its id is there. */
MUST_USE enum rc core_options_make_key(const struct sign_vault *v, const struct rng *rng, enum sign_kind kind, struct arena *a, struct store_endpoint *row);
