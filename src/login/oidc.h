/* SPDX-License-Identifier: Apache-2.0
 *
 * Logins by OpenID Connect: the code flow with PKCE, at one provider.
 *
 *   login_oidc_begin(o, next, arena, &step, why);    // send the browser to step.location, with step.cookie
 *   ... the provider asks who it is, and sends the browser back with a code ...
 *   login_oidc_finish(o, &answer, arena, &user, why) // whom the provider vouches for, and what they may do
 *
 * What belongs to a login that is under way (state, nonce, PKCE verifier, where to go afterwards) is sealed in the
 * browser's own cookie, so nothing is kept here for people who never come back; only the states that came back are
 * remembered for as long as their cookies would be good, so that none counts twice.
 *
 * The provider is asked through the address guard, with limits on time and size. What it says is believed only where a
 * signature of its own keys says so, made by RS256, ES256 or EdDSA; the keys are read and the signature is checked by
 * libgrapnel's engine (verify/verify.h). Worker threads: everything here may block, for as long as two answers of the
 * provider take (LOGIN_OIDC_WAIT_US each).
 */
#pragma once

#include "fetch/fetch.h"
#include "login/roles.h"
#include "sign/sign.h"

enum {
    LOGIN_OIDC_ANSWER_MAX = 65536, /* bytes of one answer of the provider */
    LOGIN_OIDC_AT_ONCE = 4,        /* requests to the provider; each holds a worker */
    LOGIN_OIDC_COOKIE_MAX = 2048,  /* bytes */
    LOGIN_OIDC_NEXT_MAX = 512,     /* bytes of the address to go to afterwards */
    LOGIN_OIDC_COOKIE_S = 600,     /* how long somebody may take at the provider */
    LOGIN_OIDC_LEEWAY_S = 60,      /* by which the provider's clock may be off */
    LOGIN_OIDC_KEYS_GAP_S = 60     /* keys are not asked for again sooner, whatever a token names */
};
#define LOGIN_OIDC_WAIT_US (INT64_C(5) * 1000000)
#define LOGIN_OIDC_COOKIE "__Host-grapnel-oidc"

/* Texts as the options have them. */
struct login_oidc_settings {
    const char *issuer; /* empty: there are no such logins */
    const char *client_id, *client_secret, *scopes, *name, *roles_claim, *roles;
};

struct login_oidc_options {
    struct login_oidc_settings settings;
    struct str redirect_uri; /* where the provider sends the browser back to */
    struct str home;         /* where it sends it after a logout there */
    const struct fetch_options *fetch; /* these four live as long as the logins */
    const struct sign_vault *vault;
    const struct clock *clock;
    const struct rng *rng;
};

struct login_oidc;

/* Texts are copied. *out is NULL when there are no such logins. RC_INVALID: `why` names the option. */
MUST_USE enum rc login_oidc_new(const struct login_oidc_options *o, struct login_oidc **out, struct buf *why);
void login_oidc_free(struct login_oidc *o); /* NULL is fine */
/* The provider's name for people. */
struct str login_oidc_name(const struct login_oidc *o);

enum login_oidc_verdict {
    LOGIN_OIDC_OK,
    LOGIN_OIDC_BUSY,        /* too many ask the provider at this moment */
    LOGIN_OIDC_UNREACHABLE, /* it does not answer, or not as a provider does */
    LOGIN_OIDC_STALE,       /* the browser brings no cookie, one that is too old or of another login, or one that was used */
    LOGIN_OIDC_DENIED,      /* the provider says no: to the person, or to the code */
    LOGIN_OIDC_TOKEN,       /* what it says is not signed as it must be, or meant for somebody else */
    LOGIN_OIDC_ROLE         /* the person is known, and has no role here */
};
/* "ok", "busy", "unreachable", "stale", "denied", "token", "role". */
const char *login_oidc_verdict_name(enum login_oidc_verdict v);

struct login_oidc_step {
    struct str location; /* the provider's address, with everything in it */
    struct str cookie;   /* the value of LOGIN_OIDC_COOKIE */
};
/* `next`: a path on this server, at most LOGIN_OIDC_NEXT_MAX bytes without blanks; the caller has checked it. BUSY or
 * UNREACHABLE: `why` has the words for whoever operates this server. */
enum login_oidc_verdict login_oidc_begin(struct login_oidc *o, struct str next, struct arena *a,
                                         struct login_oidc_step *out, struct buf *why);

/* What the browser brings back; an absent parameter has no ptr. */
struct login_oidc_answer {
    struct str cookie;
    struct str state, code, issuer, error, error_description;
};
struct login_oidc_user {
    struct str name; /* for people: preferred_username, email, name or the subject */
    struct str next; /* as begin() had it; with every verdict but STALE */
    enum access_role role;
};
/* `why` has the words for whoever operates this server; they may hold what the provider says of a person, no secrets. */
enum login_oidc_verdict login_oidc_finish(struct login_oidc *o, const struct login_oidc_answer *answer, struct arena *a,
                                          struct login_oidc_user *out, struct buf *why);

/* Where somebody logs out at the provider; empty: it has no such address, or was not asked yet. Does not block. */
struct str login_oidc_end(struct login_oidc *o, struct arena *a);

/* Asks the provider for its description and its keys: for the doctor. OK, BUSY, UNREACHABLE. */
enum login_oidc_verdict login_oidc_try(struct login_oidc *o, struct buf *why);
