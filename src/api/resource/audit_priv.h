/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by api/resource/audit.c (rows, and which) and api/resource/audit_export.c (files of them).
 */
#pragma once

#include "api/kit/kit_priv.h"
#include "store/audit.h"

#define API_AUDIT_QUERY "object_id app_id who operation action since until text"

/* What the query asks for. False: answered. c->tx must be open. */
bool api_audit_filter(struct api_ctx *c, struct store_audit_filter *f);
/* A row as JSON. */
void api_audit_write(struct api_out *o, const struct store_audit *row);
/* GET /api/v1/audit/export */
void api_audit_export(struct api_ctx *c);
