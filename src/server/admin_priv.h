/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin socket: "admin.sock" in the store's folder, spoken to in HTTP. The folder's mode (0700)
 * and the socket's (0600) are its access control.
 */
#pragma once

#include "server/tokens.h"
#include "server/users.h"
#include "sign/sign.h"
#include "store/store.h"

/* What the commands on users work on. */
struct server_users_at {
    struct store *store;
    struct access *access;
    const struct sign_vault *vault;
};
