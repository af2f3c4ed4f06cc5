/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose an id is, when nobody says of which application: its numbers, and no more of its row. See store/config.h for the rules.
 */
#pragma once

#include "store/config.h"

enum store_owned { STORE_OWNED_APPLICATION, STORE_OWNED_ENDPOINT, STORE_OWNED_SOURCE, STORE_OWNED_FILTER };
struct store_owner {
    int64_t num; /* of what has the id */
    int64_t app; /* its application; of an application itself; of a source the hidden one */
    int64_t org;
};
/* Of whatever organisation: ask that before anything is shown. RC_NOT_FOUND: also when it, or its application, is deleted. */
MUST_USE enum rc store_owner_find(struct store_tx *tx, enum store_owned what, struct str id, struct store_owner *out);
