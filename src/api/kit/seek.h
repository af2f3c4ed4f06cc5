/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs that are not known here, and may be in another cell (store/cell.h): whoever reads one says so here, and the
 * router's http_elsewhere does the rest. Where there are no cells, or the request comes from one, none of this changes anything.
 */
#pragma once

#include "access/access.h"
#include "http/router.h"

/* The refusal in req->reply stands only if nobody else knows the proof. */
void api_seek_proof(struct http_request *req, struct access_proof proof);
/* Before a proof that this server does not know costs anything, or counts as a failure: true: it is looked for elsewhere
 * first. The handler returns, and is run again should nobody know it. A worker. */
bool api_seeks_proof(struct http_request *req, struct access_proof proof);
/* The same for somebody with a name, or with a number, of whom this server knows nothing. */
bool api_seeks_user(struct http_request *req, struct str tenant, struct str name);
bool api_seeks_user_number(struct http_request *req, int64_t number);
/* On the loop: true: the proof is known to be elsewhere. The request is passed on, and no longer the caller's. */
bool api_is_elsewhere(struct http_request *req, struct access_proof proof);
