/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may do what. A bearer token is either opaque ("gk_" and 40 base-62 digits; only its SHA-256 is
 * kept) or, when a JWT secret is configured, an HS256/384/512 JWT whose `sub` is an "org_..." or
 * "app_..." id (the latter with an `org` claim). What a token stands for is an immutable, counted
 * identity. Identities are cached in memory, bounded, shared by all threads; revoking takes effect
 * on this node before the revoking call returns.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"
#include "store/store.h"
#include "store/token.h"

/* What an application's token may do. Tokens of an organisation may do everything. */
enum core_capability {
    CORE_MAY_VIEW = 1,
    CORE_MAY_VIEW_SECRET = 2,
    CORE_MAY_MANAGE_SECRET = 4,
    CORE_MAY_TRANSFORM = 8,
    CORE_MAY_ATTEMPT = 16,
    CORE_MAY_MANAGE_ENDPOINT = 32,
    CORE_MAY_ALL = 63
};
/* Of "ViewBase" and the like; 0: unknown. */
unsigned core_capability_find(struct str name);

enum {
    CORE_TOKEN_TEXT = 43,        /* length of an opaque token */
    CORE_TOKEN_MAX = 4096,       /* longer bearer tokens are refused unread */
    CORE_SESSION_MAX = 64,
    CORE_FLAGS_MAX = 25
};

struct core_identity {
    atomic_int _refs;
    int64_t token;            /* number of its row; 0: a JWT */
    int64_t org, app;         /* numbers; app 0: the whole organisation */
    struct str org_id, app_id;
    bool read_only;
    unsigned capabilities;    /* enum core_capability */
    struct str feature_flags; /* JSON array text; ptr NULL: not filtered by flags */
    struct str session;       /* empty: none */
    int64_t expires_us;       /* wall clock; 0: never */
    uint8_t hash[32];         /* of the token */
};

struct core_access;

struct core_access_options {
    struct store *store;
    const struct clock *clock;
    const struct rng *rng;
    struct str jwt_secret;   /* empty: JWTs are refused */
    size_t cached_max;       /* identities */
};
struct core_access *core_access_new(const struct core_access_options *o);
void core_access_free(struct core_access *a); /* NULL is fine */

/* Any thread, never blocks: looks only at what is cached. RC_OK: *out with a reference;
 * RC_NOT_FOUND: not cached, ask core_access_load() on a worker; RC_DENIED: no token, malformed or expired. */
MUST_USE enum rc core_access_find(struct core_access *a, struct str token, struct core_identity **out);

/* Worker. RC_DENIED: `why` (may be NULL) says what is wrong with the token; RC_IO. */
MUST_USE enum rc core_access_load(struct core_access *a, struct str token, struct core_identity **out, struct buf *why);

struct core_identity *core_identity_ref(struct core_identity *id);
void core_identity_unref(struct core_identity *id); /* NULL is fine */

/* What a new token is to stand for. */
struct core_token_spec {
    int64_t org;
    int64_t app;               /* 0: the organisation */
    struct str name;
    bool read_only;
    unsigned capabilities;     /* 0: all (of an application's) */
    struct str feature_flags;  /* JSON array text; ptr NULL: not filtered */
    struct str session;        /* empty: none */
    int64_t expires_us;        /* 0: never */
};
/* Worker (or main before threads start). Makes a token and stores its hash; `text` is the only time it is seen. */
MUST_USE enum rc core_access_create(struct core_access *a, const struct core_token_spec *spec, char text[static CORE_TOKEN_TEXT + 1], int64_t *num);

/* Worker. Ends one token (logout), also a JWT: RC_OK also when it was gone already. */
MUST_USE enum rc core_access_revoke(struct core_access *a, const struct core_identity *id);
/* Worker. Ends an organisation's token by its number. RC_NOT_FOUND: not one of that organisation. */
MUST_USE enum rc core_access_revoke_num(struct core_access *a, int64_t org, int64_t num);
/* Worker. Ends all tokens of an application at `at_us` (now or past: at once); `session` narrows it to those of that
 * session. JWTs issued until now end at once when it is not narrowed: they have no row that could hold a later time. */
MUST_USE enum rc core_access_expire_app(struct core_access *a, int64_t app, struct str session, int64_t at_us);
/* Drops what is cached for an application (it was deleted). Any thread. */
void core_access_forget_app(struct core_access *a, int64_t app);

/* Worker or main: the organisation made when the store was first opened; makes it (named `name`) if there is none. */
MUST_USE enum rc core_access_default_org(struct core_access *a, struct str name, struct arena *arena, int64_t *num, struct str *id);
