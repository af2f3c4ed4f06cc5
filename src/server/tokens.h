/* SPDX-License-Identifier: Apache-2.0
 *
 * Making, listing and ending the organisation's API tokens from the command line: on the store
 * folder itself, or, while a server has it open, through that server's socket in the same folder.
 * Who may write to the folder may do this; no token is needed for the first token.
 */
#pragma once

#include "access/access.h"
#include "base/base.h"
#include "conf/conf.h"

enum server_token_verb { SERVER_TOKEN_CREATE, SERVER_TOKEN_LIST, SERVER_TOKEN_REVOKE };

struct server_token_request {
    enum server_token_verb verb;
    struct str name;     /* create: what the list shows, at most 256 bytes */
    int64_t lifetime_us; /* create: 0 for one that does not expire */
    bool read_only;      /* create */
    int64_t num;         /* revoke: as the list shows it */
};

enum { SERVER_TOKEN_NAME_MAX = 256 };

/* Blocks. `out` gets what to print: the token, the list, or nothing. RC_NOT_FOUND: no such token;
 * RC_IO, RC_CORRUPT: `why` says what is wrong with the store or the socket. */
MUST_USE enum rc server_tokens(const struct conf *c, const struct server_token_request *request,
                               struct buf *out, struct buf *why);
