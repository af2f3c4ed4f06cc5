/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that came to sources, as rows of their own or of their message.
 */
#pragma once

#include "store/files/files_priv.h"
#include "store/request_priv.h"

MUST_USE enum rc store_apply_record(struct store_files *s, struct store_record *r);
#define STORE_REQUEST_COLUMNS \
    "request_stretch, source, received, status, method, url, peer, request_headers, body_bytes, request_type, dedupe_id"
#define STORE_REQUEST_VALUES "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
/* The values of STORE_REQUEST_COLUMNS, from the parameter `first` on. */
void store_request_bind(struct store_segment *seg, struct db_stmt *s, int first,
                        const struct store_request *r);
/* A row of its own. `p`: what made its messages; NULL: it has none. */
MUST_USE enum rc store_request_insert(struct store_segment *seg, const struct store_request *r,
                                      const struct store_publish *p);
