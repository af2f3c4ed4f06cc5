/* SPDX-License-Identifier: Apache-2.0
 *
 * Users, on an open store.
 */
#pragma once

#include "server/admin_priv.h"

MUST_USE enum rc server_users_on(const struct server_users_at *at, const json_t *request, struct buf *out, struct buf *why);
