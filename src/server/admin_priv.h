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

/* A socket address that stands for dir/admin.sock however long `dir` is: through a descriptor of the
 * folder, which stays open in *dir_fd until the caller closes it. RC_NOT_FOUND, RC_IO. */
struct sockaddr_un;
MUST_USE enum rc server_admin_address(const char *dir, struct sockaddr_un *out, int *dir_fd);

/* Worker, or main before threads start: does it on an open store. */
MUST_USE enum rc server_tokens_on(struct store *store, struct core_access *access, int64_t org,
                                  const struct server_token_request *request, struct buf *out,
                                  struct buf *why);

/* Whether a server that has the store of `dir` open answers there. */
bool server_admin_answers(const char *dir);

/* Asks the server that has the store open. */
MUST_USE enum rc server_tokens_ask(const char *dir, const struct server_token_request *request,
                                   struct buf *out, struct buf *why);

/* What the commands on users work on. */
struct server_users_at {
    struct store *store;
    struct core_access *access;
    const struct sign_vault *vault;
};
MUST_USE enum rc server_users_on(const struct server_users_at *at, const json_t *request, struct buf *out, struct buf *why);
MUST_USE enum rc server_users_ask(const char *dir, const json_t *request, struct buf *out, struct buf *why);
