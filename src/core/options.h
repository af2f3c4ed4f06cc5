/* SPDX-License-Identifier: Apache-2.0
 *
 * What an endpoint's options say about signing and about handshakes, read in one place: options
 * (plain JSON) hold "scheme", "includeIdentifiers" and "handshake"; the sealed ones hold
 * "schemeSecret". A handshake that was passed leaves a proof in the options that is bound to the URL:
 * whatever changes the URL, the endpoint counts as unverified until the new one has been asked.
 */
#pragma once

#include "core/directory.h"
#include "json/json.h"

enum { CORE_PROOF_LEN = 64, CORE_SCHEME_SECRET_MAX = 256 };

/* The text of the proof that a handshake of that kind was passed at that URL. */
void core_handshake_proof(struct str kind, struct str url, char out[static CORE_PROOF_LEN + 1]);

/* May deliveries go to `url`, as far as handshakes are concerned? True without a handshake. */
bool core_handshake_stands(const json_t *options, struct str url);

/* The secret's copy in the arena, which is wiped when the arena ends. */
struct str core_keep_secret(struct arena *a, struct str secret);

/* Fills scheme, scheme_key, includes_identifiers, ckan, gap_us and disabled of a view's endpoint whose url,
 * options_sealed and disabled are there. `current` (may be NULL) is its signing key, whose text form
 * is the scheme's key when there is no secret of its own. */
void core_endpoint_read_scheme(struct arena *a, const json_t *options,
                               const struct sign_key *current, struct core_endpoint *ep);
