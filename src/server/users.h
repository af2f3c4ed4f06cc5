/* SPDX-License-Identifier: Apache-2.0
 *
 * Making, listing and ending users and tenants from the command line: on the store's folder, or through the
 * socket of the server that has it open, as tokens are (server/tokens.h). A request is a JSON object of
 * texts:
 *
 *   "verb"      user-create, user-list, user-passwd, user-roles, user-delete, user-totp, user-shared-secret,
 *               tenant-create, tenant-list, tenant-token, tenant-tokens, tenant-revoke
 *   "tenant"    its name or id; "default" when absent
 *   "name"      of the user
 *   "roles"     comma-separated: admin, manager, config-manager, user, operator, viewer, or ROLE_... in full
 *   "password"  user-create (absent: no login by password), user-passwd
 *   "number"    tenant-revoke: of the token
 *   "off"       "true": user-totp and user-shared-secret take away instead of making one
 */
#pragma once

#include "base/base.h"
#include "conf/conf.h"
#include "json/json.h"

enum { SERVER_USERS_OUT_MAX = 1 << 20 };

/* Blocks. `out` gets what to print. Otherwise `why` says what is wrong: RC_INVALID, RC_NOT_FOUND, RC_CONFLICT, RC_IO. */
MUST_USE enum rc server_users(const struct conf *c, const json_t *request, struct buf *out,
                              struct buf *why);
