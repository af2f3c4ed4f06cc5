/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line's end of the admin socket.
 */
#pragma once

#include "server/admin_priv.h"

struct sockaddr_un;

/* A socket address that stands for dir/admin.sock however long `dir` is: through a descriptor of the
 * folder, which stays open in *dir_fd until the caller closes it. RC_NOT_FOUND, RC_IO. */
MUST_USE enum rc server_admin_address(const char *dir, struct sockaddr_un *out, int *dir_fd);
/* Whether a server that has the store of `dir` open answers there. */
bool server_admin_answers(const char *dir);
/* Asks the server that has the store open. */
MUST_USE enum rc server_tokens_ask(const char *dir, const struct server_token_request *request,
                                   struct buf *out, struct buf *why);
MUST_USE enum rc server_users_ask(const char *dir, const json_t *request, struct buf *out, struct buf *why);
MUST_USE enum rc server_cells_ask(const char *dir, struct buf *out, struct buf *why);
MUST_USE enum rc server_console_ask(const char *dir, struct buf *out, struct buf *why);
