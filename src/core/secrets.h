/* SPDX-License-Identifier: Apache-2.0
 *
 * An endpoint's secrets at rest: what the store keeps is made and read by these only.
 */
#pragma once

#include "base/base.h"
#include "sign/sign.h"

/* Context "endpoint:<id>", of the key's whole text form. Appends to out. RC_LIMIT. */
MUST_USE enum rc core_seal_key(const struct sign_vault *v, struct str endpoint_id, const struct sign_key *key, struct buf *out);
/* RC_CORRUPT. Wipe *out when done. */
MUST_USE enum rc core_open_key(const struct sign_vault *v, struct str endpoint_id, struct str sealed, struct sign_key *out);
/* A JSON object under the context "headers:<id>" (configured headers) or "options:<id>" (secret options).
 * open: into the arena, wiped with it. RC_CORRUPT. */
enum core_secret { CORE_SECRET_HEADERS, CORE_SECRET_OPTIONS };
MUST_USE enum rc core_seal_json(const struct sign_vault *v, enum core_secret what, struct str endpoint_id, struct str json, struct buf *out);
MUST_USE enum rc core_open_json(const struct sign_vault *v, enum core_secret what, struct str endpoint_id, struct str sealed, struct arena *a, struct str *out);
