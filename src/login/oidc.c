/* SPDX-License-Identifier: Apache-2.0
 *
 * See login/oidc.h: the two halves of a login.
 */
#include "login/oidc_priv.h"

#include "login/ticket_priv.h"
#include "login/token_priv.h"

enum { CODE_MAX = 4096, ADDRESS_ROOM = 16384 };

/* --- making -------------------------------------------------------------------------------------------- */

static enum rc oidc_refuse(struct buf *why, const char *option, const char *words)
{
    buf_say(why, "%s: %s", option, words);
    return RC_INVALID;
}

static bool has_scope(struct str scopes, struct str wanted)
{
    struct str part;
    while (str_split(&scopes, ' ', &part))
        if (str_eq(part, wanted))
            return true;
    return false;
}

static enum rc check_texts(const struct login_oidc *o, struct buf *why)
{
    enum rc rc = login_provider_check_url("console.oidc_issuer", o->issuer,
                                          login_provider_is_local(o->issuer), why);
    if (rc != RC_OK)
        return rc;
    if (str_find(o->issuer, '?') < o->issuer.len)
        return oidc_refuse(why, "console.oidc_issuer", "an issuer has no query");
    if (o->client_id.len == 0)
        return oidc_refuse(why, "console.oidc_client_id",
                           "is empty; it is the name under which the provider knows this server");
    if (!has_scope(o->scopes, STR("openid")))
        return oidc_refuse(why, "console.oidc_scopes", "must hold openid");
    if (o->roles_claim.len == 0)
        return oidc_refuse(why, "console.oidc_roles_claim",
                           "is empty; it names the claim that console.oidc_roles maps to roles");
    if (o->roles.count == 0)
        return oidc_refuse(why, "console.oidc_roles",
                           "maps nothing to a role, so nobody could log in; write for example "
                           "grapnel-admins=owner,staff=viewer");
    return RC_OK;
}

static struct str own_text(struct login_oidc *o, const char *text)
{
    return arena_str(&o->arena, str_trim(str_from(text)));
}

static enum rc take_settings(struct login_oidc *o, const struct login_oidc_settings *s,
                             struct buf *why)
{
    o->issuer = own_text(o, s->issuer);
    o->client_id = own_text(o, s->client_id);
    o->client_secret = arena_secret(&o->arena, str_trim(str_from(s->client_secret)));
    o->scopes = own_text(o, s->scopes);
    o->roles_claim = own_text(o, s->roles_claim);
    o->name = own_text(o, s->name);
    if (o->name.len == 0)
        o->name = login_host_of(o->issuer);
    enum rc rc =
        login_roles_parse("console.oidc_roles", str_from(s->roles), &o->arena, &o->roles, why);
    return rc == RC_OK ? check_texts(o, why) : rc;
}

enum rc login_oidc_new(const struct login_oidc_options *options, struct login_oidc **out,
                       struct buf *why)
{
    *out = NULL;
    if (str_trim(str_from(options->settings.issuer)).len == 0)
        return RC_OK;
    struct login_oidc *o = XNEW(struct login_oidc);
    arena_init(&o->arena);
    mutex_init(&o->lock);
    o->scheme = login_token_scheme();
    o->redirect_uri = arena_str(&o->arena, options->redirect_uri);
    o->home = arena_str(&o->arena, options->home);
    o->fetch = options->fetch;
    o->vault = options->vault;
    o->clock = options->clock;
    o->rng = options->rng;
    enum rc rc = take_settings(o, &options->settings, why);
    if (rc == RC_OK)
        *out = o;
    else
        login_oidc_free(o);
    return rc;
}

void login_oidc_free(struct login_oidc *o)
{
    if (o == NULL)
        return;
    login_kept_drop(&o->description);
    login_kept_drop(&o->keys);
    verify_scheme_free(o->scheme);
    mutex_fini(&o->lock);
    arena_fini(&o->arena);
    xfree(o);
}

struct str login_oidc_name(const struct login_oidc *o)
{
    return o->name;
}

const char *login_oidc_verdict_name(enum login_oidc_verdict v)
{
    static const char *const names[] = {
        [LOGIN_OIDC_OK] = "ok",         [LOGIN_OIDC_BUSY] = "busy",
        [LOGIN_OIDC_STALE] = "stale",   [LOGIN_OIDC_UNREACHABLE] = "unreachable",
        [LOGIN_OIDC_DENIED] = "denied", [LOGIN_OIDC_TOKEN] = "token",
        [LOGIN_OIDC_ROLE] = "role",
    };
    return names[v];
}

/* --- there --------------------------------------------------------------------------------------------- */

/* `base` may have a query of its own. */
static void begin_query(struct buf *out, struct str base)
{
    buf_init(out, ADDRESS_ROOM);
    enum rc rc = buf_add_str(out, base);
    if (rc == RC_OK && str_find(base, '?') == base.len)
        rc = buf_add_char(out, '?');
    MUST(rc == RC_OK); /* it has at most 2 KiB */
}

static struct str authorize_address(const struct login_oidc *o, const struct login_provider *p,
                                    const struct login_ticket *t, struct arena *a)
{
    uint8_t hash[32];
    struct buf out;
    sign_sha256(t->verifier, hash);
    const struct {
        const char *name;
        struct str value;
    } parameters[] = { { "response_type", STR("code") },
                       { "client_id", o->client_id },
                       { "redirect_uri", o->redirect_uri },
                       { "scope", o->scopes },
                       { "state", t->state },
                       { "nonce", t->nonce },
                       { "code_challenge", login_base64url(hash, sizeof(hash), a) },
                       { "code_challenge_method", STR("S256") } };
    begin_query(&out, p->authorize);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < COUNT_OF(parameters) && rc == RC_OK; i++)
        rc = login_add_parameter(&out, parameters[i].name, parameters[i].value);
    struct str address = rc == RC_OK ? arena_str(a, buf_str(&out)) : STR_NONE;
    buf_fini(&out);
    return address;
}

enum login_oidc_verdict login_oidc_begin(struct login_oidc *o, struct str next, struct arena *a,
                                         struct login_oidc_step *out, struct buf *why)
{
    struct login_provider provider;
    struct login_ticket ticket;
    thread_must_be(THREAD_WORKER);
    enum login_oidc_verdict verdict = login_ask_provider(o, a, &provider, why);
    if (verdict != LOGIN_OIDC_OK)
        return verdict;
    login_ticket_new(o->rng, clock_wall_us(o->clock), next, a, &ticket);
    out->location = authorize_address(o, &provider, &ticket, a);
    out->cookie = login_ticket_seal(o->vault, &ticket, a);
    if (out->location.len > 0)
        return LOGIN_OIDC_OK;
    buf_say(why, "the address with console.oidc_scopes and client_id is longer than 16 KiB");
    return LOGIN_OIDC_UNREACHABLE;
}

/* --- and back ------------------------------------------------------------------------------------------ */

static uint64_t state_hash(struct str state)
{
    uint8_t hash[32];
    uint64_t out;
    sign_sha256(state, hash);
    memcpy(&out, hash, sizeof(out));
    return out;
}

/* False: it came back before. */
static bool use_state(struct login_oidc *o, const struct login_ticket *t)
{
    uint64_t hash = state_hash(t->state);
    bool is_new = true;
    mutex_lock(&o->lock);
    for (size_t i = 0; i < LOGIN_STATES_MAX && is_new; i++)
        is_new = o->used[i].hash != hash || o->used[i].until_us != t->until_us;
    if (is_new)
        o->used[o->used_next++ % LOGIN_STATES_MAX] = (struct login_used_state){ hash, t->until_us };
    mutex_unlock(&o->lock);
    return is_new;
}

static enum login_oidc_verdict oidc_stale(struct buf *why, const char *words)
{
    buf_say(why, "%s", words);
    return LOGIN_OIDC_STALE;
}

static enum login_oidc_verdict take_ticket(struct login_oidc *o, const struct login_oidc_answer *w,
                                           struct arena *a, struct login_ticket *out,
                                           struct buf *why)
{
    if (w->cookie.len == 0)
        return oidc_stale(why, "the browser brought no cookie of a login");
    if (login_ticket_open(o->vault, w->cookie, a, out) != RC_OK)
        return oidc_stale(why, "the cookie of the login is not one of ours");
    if (out->until_us <= clock_wall_us(o->clock))
        return oidc_stale(why, "the login was begun more than ten minutes ago");
    if (!str_eq_constant_time(w->state, out->state))
        return oidc_stale(why, "the state is not that of the login this browser has begun");
    if (!use_state(o, out))
        return oidc_stale(why, "this answer of the provider was used before");
    return LOGIN_OIDC_OK;
}

static enum login_oidc_verdict check_answer(const struct login_oidc *o,
                                            const struct login_oidc_answer *w, struct buf *why)
{
    if (w->issuer.ptr != NULL && !str_eq(w->issuer, o->issuer)) {
        buf_say(why, "the answer is of another issuer: \"%.*s\"",
                STR_ARGS(str_sub(w->issuer, 0, LOGIN_SHOWN)));
        return LOGIN_OIDC_TOKEN;
    }
    if (w->error.ptr == NULL && w->code.len > 0 && w->code.len <= CODE_MAX)
        return LOGIN_OIDC_OK;
    buf_say(why, "the provider says %.*s %.*s",
            STR_ARGS(w->error.len > 0 ? str_sub(w->error, 0, LOGIN_SHOWN)
                                      : STR("neither code nor error")),
            STR_ARGS(str_sub(w->error_description, 0, LOGIN_SHOWN)));
    return LOGIN_OIDC_DENIED;
}

static enum login_oidc_verdict finish_with(struct login_oidc *o, const struct login_oidc_answer *w,
                                           const struct login_ticket *t, struct arena *a,
                                           struct login_oidc_user *out, struct buf *why)
{
    struct login_provider provider;
    struct str token;
    const struct login_expected expected = { .issuer = o->issuer,
                                             .client_id = o->client_id,
                                             .nonce = t->nonce,
                                             .roles_claim = o->roles_claim,
                                             .roles = &o->roles };
    enum login_oidc_verdict verdict = check_answer(o, w, why);
    if (verdict == LOGIN_OIDC_OK)
        verdict = login_ask_provider(o, a, &provider, why);
    if (verdict == LOGIN_OIDC_OK)
        verdict = login_ask_token(o, &provider, w->code, t->verifier, a, &token, why);
    if (verdict == LOGIN_OIDC_OK)
        verdict = login_ask_signature(o, &provider, token, a, why);
    return verdict == LOGIN_OIDC_OK ? login_token_read(token, &expected, a, out, why) : verdict;
}

enum login_oidc_verdict login_oidc_finish(struct login_oidc *o, const struct login_oidc_answer *w,
                                          struct arena *a, struct login_oidc_user *out,
                                          struct buf *why)
{
    struct login_ticket ticket;
    thread_must_be(THREAD_WORKER);
    *out = (struct login_oidc_user){ 0 };
    enum login_oidc_verdict verdict = take_ticket(o, w, a, &ticket, why);
    if (verdict != LOGIN_OIDC_OK)
        return verdict;
    out->next = ticket.next;
    return finish_with(o, w, &ticket, a, out, why);
}

/* --- the rest ------------------------------------------------------------------------------------------ */

struct str login_oidc_end(struct login_oidc *o, struct arena *a)
{
    struct login_provider provider;
    struct str text;
    struct buf out;
    if (!login_recall(o, &o->description, INT64_MAX, a, &text) ||
        login_provider_read(text, o->issuer, a, &provider, NULL) != RC_OK || provider.end.len == 0)
        return STR_NONE;
    begin_query(&out, provider.end);
    enum rc rc = login_add_parameter(&out, "client_id", o->client_id);
    if (rc == RC_OK)
        rc = login_add_parameter(&out, "post_logout_redirect_uri", o->home);
    struct str address = rc == RC_OK ? arena_str(a, buf_str(&out)) : STR_NONE;
    buf_fini(&out);
    return address;
}

enum login_oidc_verdict login_oidc_try(struct login_oidc *o, struct buf *why)
{
    struct login_provider provider;
    struct str keys;
    struct arena a;
    arena_init(&a);
    enum login_oidc_verdict verdict = login_ask_provider(o, &a, &provider, why);
    if (verdict == LOGIN_OIDC_OK)
        verdict = login_ask_keys(o, &provider, &a, &keys, why);
    arena_fini(&a);
    return verdict;
}
