/* SPDX-License-Identifier: Apache-2.0
 *
 * What a scheme needs as a whole, so that a gap in it is found when it is read and not when the first
 * request comes.
 */
#include "scheme.h"

static bool in_list(const struct gn_locations *list, enum gn_place place)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->list[i].place == place) {
            return true;
        }
    }
    return false;
}

static bool is_signature(enum gn_auth auth)
{
    return auth == GN_AUTH_HMAC || auth == GN_AUTH_HASH || auth == GN_AUTH_ED25519 ||
           auth == GN_AUTH_ECDSA || auth == GN_AUTH_RSA;
}

/* A rule that is broken, and how to say so. */
struct finding {
    bool broken;
    const char *reason;
};

static const char *first_broken(const struct finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (findings[i].broken) {
            return findings[i].reason;
        }
    }
    return NULL;
}

static const char *check_lists(const struct grapnel_scheme *s)
{
    bool tagged = s->kv_sep != '\0';
    bool listed = s->item_sep != '\0';
    bool accepts = s->accept_count > 0 || s->accept_companion;
    bool in_itself = in_list(&s->sig, GN_PAIR) || in_list(&s->sig, GN_POSITION);
    const struct finding findings[] = {
        { accepts && !tagged, "accept needs kv-sep" },
        { s->set_sep != '\0' && !(tagged && listed), "set-sep needs item-sep and kv-sep" },
        { in_list(&s->ts, GN_PAIR) && !(tagged && listed),
          "a time in a pair needs item-sep and kv-sep" },
        { in_list(&s->ts, GN_POSITION) && !listed, "a time at a position needs item-sep" },
        { in_itself, "a signature cannot be found in itself" },
        { in_list(&s->sig, GN_ITEM) && !s->has_items, "signatures per item need items" },
    };
    return first_broken(findings, GN_COUNT(findings));
}

static const char *check_times(const struct grapnel_scheme *s)
{
    bool windowed = s->window.past_s > 0 || s->window.future_s > 0;
    const struct finding findings[] = {
        { windowed && s->ts_unit == GN_UNIT_NONE && s->auth != GN_AUTH_JWT,
          "a window needs ts-unit" },
        { windowed && s->ts.count == 0 && s->auth != GN_AUTH_JWT, "a window needs ts" },
        { gn_template_has(&s->msg, GN_TOKEN_TS) && s->ts.count == 0, "{ts} needs ts" },
    };
    return first_broken(findings, GN_COUNT(findings));
}

static const char *check_kind(const struct grapnel_scheme *s)
{
    bool secret = gn_template_has(&s->msg, GN_TOKEN_SECRET);
    bool located = s->auth == GN_AUTH_EQUAL || s->auth == GN_AUTH_JWT;
    bool hash = s->auth == GN_AUTH_HASH;
    const struct finding findings[] = {
        { s->auth == GN_AUTH_UNSET, "auth is missing" },
        { is_signature(s->auth) && (s->sig.count == 0 || s->msg.count == 0),
          "a signature scheme needs sig and msg" },
        { located && s->sig.count == 0, "sig is missing" },
        { hash && !secret, "a plain hash proves nothing unless the message holds {secret}" },
        { !hash && secret, "{secret} is for auth hash only" },
        { s->auth == GN_AUTH_JWT && s->jwt_alg_count == 0, "jwt needs jwt-alg" },
        { s->jwks.len > 0 && s->auth != GN_AUTH_JWT, "jwks is for auth jwt only" },
    };
    return first_broken(findings, GN_COUNT(findings));
}

/* A value that goes back to the asker passes a guard, so templates see values only. */
static bool echoes_unguarded(const struct gn_template *t)
{
    return gn_template_has(t, GN_TOKEN_LOCATION) || gn_template_has(t, GN_TOKEN_SECRET) ||
           gn_template_has(t, GN_TOKEN_FORM_SORTED);
}

static const char *check_handshake(const struct gn_handshake *h)
{
    if (h->method.len == 0 && h->when_count == 0) {
        return "a handshake needs a method or a condition";
    }
    bool echoes = echoes_unguarded(&h->body);
    for (size_t i = 0; i < h->header_count; i++) {
        echoes = echoes || echoes_unguarded(&h->header_values[i]);
    }
    return echoes ? "a reply may hold only {value:N}, {companion} and {url}" : NULL;
}

const char *gn_scheme_check(const struct grapnel_scheme *s)
{
    const char *reason = check_kind(s);
    if (reason == NULL) {
        reason = check_lists(s);
    }
    if (reason == NULL) {
        reason = check_times(s);
    }
    for (size_t i = 0; i < s->handshake_count && reason == NULL; i++) {
        reason = check_handshake(&s->handshakes[i]);
    }
    return reason;
}
