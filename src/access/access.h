/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may do what. A bearer token is either opaque ("gk_" and 40 base-62 digits; only its SHA-256 is
 * kept) or, when a JWT secret is configured, an HS256/384/512 JWT whose `sub` is an "org_..." or
 * "app_..." id (the latter with an `org` claim). What a token stands for is an immutable, counted
 * identity. Identities are cached in memory, bounded, shared by all threads; a commit that touches
 * tokens or applications takes effect on this node before it returns (store/notes.h).
 */
#pragma once

#include <stdatomic.h>

#include "access/uses.h"
#include "base/base.h"
#include "store/cell.h"
#include "store/store.h"
#include "store/token.h"

/* What an application's token may do. Tokens of an organisation may do everything. */
enum access_capability {
    ACCESS_MAY_VIEW = 1,
    ACCESS_MAY_VIEW_SECRET = 2,
    ACCESS_MAY_MANAGE_SECRET = 4,
    ACCESS_MAY_TRANSFORM = 8,
    ACCESS_MAY_ATTEMPT = 16,
    ACCESS_MAY_MANAGE_ENDPOINT = 32,
    ACCESS_MAY_ALL = 63
};
/* What an organisation's token may do: everything, everything but administering who has access, or read all but
 * secrets. */
enum access_role { ACCESS_OWNER, ACCESS_OPERATOR, ACCESS_VIEWER };
const char *access_role_name(enum access_role role); /* "owner", ... */
/* RC_NOT_FOUND: no such word. */
MUST_USE enum rc access_role_find(struct str name, enum access_role *out);
/* Of "ViewBase" and the like; 0: unknown. */
unsigned access_capability_find(struct str name);
/* The name of one of those that are set in `bits`; NULL: none is. */
const char *access_capability_name(unsigned bits);

enum {
    ACCESS_TOKEN_TEXT = 43,        /* length of an opaque token */
    ACCESS_TOKEN_MAX = 4096,       /* longer bearer tokens are refused unread */
    ACCESS_SESSION_MAX = 64,
    ACCESS_FLAGS_MAX = 25,
    ACCESS_CHILDREN_MAX = 100      /* sessions of one kind made with one token; of more, the oldest end */
};

#define ACCESS_SESSION_US (INT64_C(7) * 24 * 3600 * 1000000)    /* a session of the console ends then in any case, */
#define ACCESS_SESSION_UNUSED_US (INT64_C(12) * 3600 * 1000000) /* and when it was not used for so long */
#define ACCESS_LOGIN_CODE_US (INT64_C(5) * 60 * 1000000)        /* a code for one login, until then */

struct access_identity {
    atomic_int _refs;
    uint64_t _count;          /* of the changes that concern it, as it was put into the cache */
    int64_t token;            /* number of its row; 0: a JWT */
    int64_t org, app;         /* numbers; app 0: the whole organisation */
    struct str org_id, app_id;
    enum access_role role;    /* of an organisation's */
    bool read_only;
    unsigned capabilities;    /* enum access_capability */
    struct str feature_flags; /* JSON array text; ptr NULL: not filtered by flags */
    struct str session;       /* empty: none */
    struct str name;          /* of its row; empty: it has none */
    int64_t expires_us;       /* of a token with a row: store_clock(); of a JWT: wall clock. 0: never */
    uint8_t hash[32];         /* of the token */
    enum store_token_kind kind;
    int64_t parent;           /* number of the row it ends with; 0: none */
    int64_t used_us;          /* of a session: when its row said last that it was used; store_clock() */
    int64_t proved_us;        /* of a session: when whoever has it proved last who they are; store_clock() */
    int64_t user;             /* of a session: the user's number; 0: not opened by one */
    struct access_uses_seen seen; /* from where it was used lately */
};

struct access;

struct access_options {
    struct store *store;
    const struct clock *clock;
    const struct rng *rng;
    struct str jwt_secret;   /* empty: JWTs are refused */
    bool is_one_cell_of_several; /* a JWT makes no organisation, since another cell may have it */
    size_t cached_max;       /* identities */
};
struct access *access_new(const struct access_options *o);
void access_free(struct access *a); /* before its store is closed; NULL is fine */
/* What knows from where tokens and sessions are used. */
struct access_uses *access_uses_of(const struct access *a);

/* What comes with a request. A session's text is nothing as a bearer token and the other way round. */
struct access_proof {
    struct str text;
    bool is_session; /* a cookie of the console; only what access/browser.h let pass */
};

/* Any thread, never blocks: looks only at what is cached. RC_OK: *out with a reference;
 * RC_NOT_FOUND: not cached, ask access_load() on a worker; RC_DENIED: no token, malformed or expired. */
MUST_USE enum rc access_find(struct access *a, struct access_proof proof, struct access_identity **out);

/* Worker. RC_DENIED: `why` (may be NULL) says what is wrong with the token. RC_NOT_FOUND: it may be right, and nobody here
 * knows it: to be refused in the same words, unless another cell does (access_sought()). RC_IO. */
MUST_USE enum rc access_load(struct access *a, struct access_proof proof, struct access_identity **out, struct buf *why);

/* What to look for in other cells, of a proof that is not known here; in the arena. False: nothing they could know. Any
 * thread. */
bool access_sought(const struct access *a, struct access_proof proof, struct arena *arena, struct store_sought *out);

struct access_identity *access_identity_ref(struct access_identity *id);
void access_identity_unref(struct access_identity *id); /* NULL is fine */

/* What a new token is to stand for. */
struct access_token_spec {
    int64_t org;
    int64_t app;               /* 0: the organisation */
    struct str name;
    enum access_role role;     /* of an organisation's */
    bool read_only;
    unsigned capabilities;     /* 0: all (of an application's) */
    struct str feature_flags;  /* JSON array text; ptr NULL: not filtered */
    struct str session;        /* empty: none */
    int64_t lifetime_us;       /* 0: it never expires */
    enum store_token_kind kind;
    int64_t parent, user;      /* numbers of what it ends with; 0: nothing */
    struct str how, peer;      /* of a session: in a word, what it was opened with, and the address from where */
    struct str made_by;        /* who made it, as api_actor() has it; ptr NULL: not said */
    struct str scopes;         /* as another row has them, in place of all of the above that limits; ptr NULL: none */
};
/* Worker (or main before threads start). Makes a token and stores its hash; `text` is the only time it is seen. RC_BUSY: its
 * organisation is held. */
MUST_USE enum rc access_create(struct access *a, const struct access_token_spec *spec, char text[static ACCESS_TOKEN_TEXT + 1], int64_t *num);
/* The same within the write transaction of whoever calls. */
MUST_USE enum rc access_create_in(struct access *a, struct store_tx *tx, const struct access_token_spec *spec,
                                  char text[static ACCESS_TOKEN_TEXT + 1], int64_t *num);

/* Worker. Ends one token (logout), also a JWT: RC_OK also when it was gone already. */
MUST_USE enum rc access_revoke(struct access *a, const struct access_identity *id);
/* Worker. Ends an organisation's token by its number. RC_NOT_FOUND: not one of that organisation. */
MUST_USE enum rc access_revoke_num(struct access *a, int64_t org, int64_t num);
/* Worker. Ends all tokens of an application at `at_us` (now or past: at once); `session` narrows it to those of that
 * session. JWTs issued until now end at once when it is not narrowed: they have no row that could hold a later time. */
MUST_USE enum rc access_expire_app(struct access *a, int64_t app, struct str session, int64_t in_us);

/* Worker or main: the organisation made when the store was first opened; makes it (named `name`) if there is none. */
MUST_USE enum rc access_default_org(struct access *a, struct str name, struct arena *arena, int64_t *num, struct str *id);
