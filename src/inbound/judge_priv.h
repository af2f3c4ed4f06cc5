/* SPDX-License-Identifier: Apache-2.0
 *
 * What came, and what the engine says of it.
 */
#pragma once

#include "inbound/view_priv.h"

/* What came, as the engine and the store see it. Texts are borrowed from the request. */
struct inbound_request {
    struct grapnel_request engine;
    struct grapnel_header *headers;
    struct grapnel_verdict verdict;
    int64_t at_us;
    struct str token; /* of the URL */
};
void inbound_request_fill(struct inbound *in, const struct inbound_view *v, struct arena *a,
                          const struct inbound_trial *from, struct inbound_request *out);
/* What the engine is told beside the request. */
struct inbound_config {
    struct grapnel_config engine;
    struct grapnel_bytes secrets[GRAPNEL_SECRETS_MAX];
    const struct grapnel_key *keys[GRAPNEL_SECRETS_MAX];
    int64_t expires_us[GRAPNEL_SECRETS_MAX]; /* of each secret; 0: a current one */
    struct grapnel_window window;
};
/* Secrets that are valid at r->at_us. Points into itself and the view. */
void inbound_config_fill(struct inbound *in, const struct inbound_view *v, const struct inbound_request *r, struct inbound_config *out);
/* Fills r->verdict. `explain` may be NULL. On a worker when the scheme is slow or fetches. */
void inbound_judge(struct inbound *in, const struct inbound_view *v, struct inbound_request *r,
                   char *explain, size_t cap);
bool inbound_is_slow(const struct inbound_view *v);
/* The provider's type as the name of an event type, or the source's own. */
struct str inbound_event_type(const struct inbound_view *v, struct str type, struct arena *a);
