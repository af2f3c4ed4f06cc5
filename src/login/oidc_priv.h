/* SPDX-License-Identifier: Apache-2.0
 *
 * One provider: what is known of it, and asking it (ask.c).
 */
#pragma once

#include "login/oidc.h"
#include "login/provider_priv.h"
#include "verify/verify.h"

enum { LOGIN_STATES_MAX = 4096 /* that came back and are remembered */, LOGIN_SHOWN = 200 /* bytes of an outsider's text in words */ };

/* An answer of the provider that is kept. */
struct login_kept {
    struct str text; /* owned */
    int64_t since_us; /* monotonic; 0: never */
};

struct login_used_state {
    uint64_t hash;
    int64_t until_us;
};

struct login_oidc {
    struct arena arena; /* of the texts */
    struct str issuer, client_id, client_secret, scopes, name, roles_claim, redirect_uri, home;
    struct login_roles roles;
    struct verify_scheme *scheme;
    const struct fetch_options *fetch;
    const struct sign_vault *vault;
    const struct clock *clock;
    const struct rng *rng;
    struct mutex lock; /* guards what follows */
    struct login_kept description, keys;
    int64_t keys_asked_us; /* because of a key that is not known; 0: never */
    int asking;
    struct login_used_state used[LOGIN_STATES_MAX];
    size_t used_next;
};

/* Wipes nothing: it is public. */
void login_kept_drop(struct login_kept *k);
/* What is kept, if it is younger than `age_us`. */
bool login_recall(struct login_oidc *o, const struct login_kept *from, int64_t age_us, struct arena *a, struct str *out);
/* Empty: not a URL. */
struct str login_host_of(struct str url);
/* Appends "name=value", with '&' unless it is the first. */
MUST_USE enum rc login_add_parameter(struct buf *out, const char *name, struct str value);
/* OK, BUSY or UNREACHABLE. */
enum login_oidc_verdict login_ask_provider(struct login_oidc *o, struct arena *a, struct login_provider *out, struct buf *why);
enum login_oidc_verdict login_ask_keys(struct login_oidc *o, const struct login_provider *p, struct arena *a, struct str *out, struct buf *why);
/* Changes a code for an id_token. Also DENIED, or TOKEN if there is none. */
enum login_oidc_verdict login_ask_token(struct login_oidc *o, const struct login_provider *p, struct str code, struct str verifier,
                                        struct arena *a, struct str *token, struct buf *why);
/* Also TOKEN. A token of a key that is not known has the keys asked for again, at most once a minute. */
enum login_oidc_verdict login_ask_signature(struct login_oidc *o, const struct login_provider *p, struct str token, struct arena *a, struct buf *why);
