/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request does, for the audit log: see api_act_enter().
 */
#pragma once

#include "api/api.h"
#include "store/audit.h"

/* Who asks. */
void api_act_is(struct http_request *req, const struct access_identity *who);
/* An object of the path was found: it is what the act is about, or what that belongs to. Texts are borrowed until the act
 * ends. */
void api_act_found(const char *kind, struct str id, struct str name, int64_t app);
/* Does the request's operation leave a row of the audit log whatever it changes? */
bool api_act_counts(const struct http_request *req);
