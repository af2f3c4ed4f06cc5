/* SPDX-License-Identifier: Apache-2.0
 *
 * What verifying some providers' webhooks needs of the outside: certificates of AWS SNS and sets of keys that change,
 * both fetched through the address guard and remembered. A remote may be used by any number of threads, which block for
 * up to 10 s; at most two fetch at a time, others fail at once (grapnel_verify() then says key_fetch_failed, which is
 * answered with 503).
 */
#pragma once

#include "fetch/fetch.h"
#include "verify/verify.h"

struct verify_remote;

/* `fetch` is copied; what it points to, and the clock, must live as long. NULL: nothing can be fetched. */
struct verify_remote *verify_remote_new(const struct fetch_options *fetch, const struct clock *clock);
void verify_remote_free(struct verify_remote *c); /* NULL is fine */

/* A grapnel_certificate_fn; ctx is the remote. Asks Amazon's own hosts only. */
bool verify_remote_certificate(void *ctx, struct grapnel_bytes url, char *pem, size_t cap, size_t *len);
/* The same for a provider's set of keys, at the address the scheme names. Kept for five minutes, and for as long as a
 * day where it cannot be fetched again. */
bool verify_remote_key_set(void *ctx, struct grapnel_bytes url, char *json, size_t cap, size_t *len);
/* Confirms a subscription of AWS SNS whose signature was checked: a GET of Amazon's own host. */
bool verify_remote_confirm(struct verify_remote *c, struct arena *a, struct str body);
