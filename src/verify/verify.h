/* SPDX-License-Identifier: Apache-2.0
 *
 * How other people's webhooks are verified: the schemes the server knows (libgrapnel's presets and
 * those in the operator's folder), and libgrapnel's engine behind them. Schemes never change once
 * read; any thread may use one.
 */
#pragma once

#include <grapnel.h>

#include "base/base.h"

struct verify_scheme {
    struct str name;  /* of a preset; empty: somebody's own */
    struct str title; /* for people */
    struct str text;
    const char *origin; /* "built in", the file, or "" */
    const struct grapnel_scheme *engine;
    bool is_slow;  /* pairs of keys or fetched certificates: verify on a worker */
    bool is_sns;   /* wants a certificate function, and its subscriptions confirmed */
    bool fetches_keys; /* the provider's, over the network */
    bool is_token; /* the request carries the secret itself */
    bool needs_secret;
};

/* RC_INVALID: `why` has the line and the reason. verify_scheme_free()d by the caller. */
MUST_USE enum rc verify_scheme_read(struct str text, struct verify_scheme **out, struct buf *why);
/* The same, but events are told apart by these fields (grapnel_scheme_dedupe()). RC_INVALID: also if they are wrong. */
MUST_USE enum rc verify_scheme_read_with(struct str text, struct str identity,
                                         struct verify_scheme **out, struct buf *why);
/* The value of the index-th line of that name, those of handshakes included; ptr NULL: there are not so many. */
struct str verify_scheme_line(const struct verify_scheme *s, struct str name, size_t index);
/* NULL, or what is wrong with such fields. */
const char *verify_identity_fault(struct str identity);
void verify_scheme_free(struct verify_scheme *s); /* NULL is fine */

/* --- all presets ---------------------------------------------------------------------------------- */

struct verify_book;

enum { VERIFY_FOLDER_MAX = 1000, VERIFY_NAME_MAX = 64 };

/* `folder` (NULL or empty: none) holds NAME.scheme files, a scheme each. RC_INVALID: one of them is
 * wrong; `why` has file, line and reason. RC_IO: the folder cannot be read. Blocks. */
MUST_USE enum rc verify_book_open(const char *folder, struct verify_book **out, struct buf *why);
void verify_book_free(struct verify_book *book); /* NULL is fine */
/* In order of name. */
size_t verify_book_count(const struct verify_book *book);
const struct verify_scheme *verify_book_at(const struct verify_book *book, size_t index);
/* By a preset's name, or by one of the other names the Svix API has for it ("open-ai"); NULL: there is none. */
const struct verify_scheme *verify_book_find(const struct verify_book *book, struct str name);

static inline struct grapnel_bytes verify_bytes(struct str s)
{
    return (struct grapnel_bytes){ s.ptr, s.len };
}
static inline struct str verify_str(struct grapnel_bytes b)
{
    return str_of(b.ptr, b.len);
}
