/* SPDX-License-Identifier: Apache-2.0
 *
 * What an OpenID provider says of itself (OpenID Connect Discovery 1.0). Pure.
 */
#pragma once

#include "base/base.h"

/* The addresses; all are https, or http on this machine where the issuer is, too. */
struct login_provider {
    struct str authorize, token, keys;
    struct str end;    /* empty: none */
    bool posts_secret; /* the client's secret goes into the body, not into a header */
};
/* Is it an address that may be told secrets? `what` is for `why`. */
MUST_USE enum rc login_provider_check_url(const char *what, struct str text, bool is_local, struct buf *why);
/* https, or plain http to this machine: for tests and tries. */
bool login_provider_is_local(struct str url);
/* RC_INVALID: `why`. */
MUST_USE enum rc login_provider_read(struct str json, struct str issuer, struct arena *a, struct login_provider *out, struct buf *why);
