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

static const char *check_lists(const struct grapnel_scheme *s)
{
    if ((s->accept_count > 0 || s->accept_companion) && s->kv_sep == '\0') {
        return "accept needs kv-sep";
    }
    if (in_list(&s->ts, GN_PAIR) && (s->kv_sep == '\0' || s->item_sep == '\0')) {
        return "a time in a pair needs item-sep and kv-sep";
    }
    if (in_list(&s->ts, GN_POSITION) && s->item_sep == '\0') {
        return "a time at a position needs item-sep";
    }
    if (s->ts_unit == GN_UNIT_NONE && (s->window.past_s > 0 || s->window.future_s > 0) &&
        s->auth != GN_AUTH_JWT) {
        return "a window needs ts-unit";
    }
    if (in_list(&s->sig, GN_PAIR) || in_list(&s->sig, GN_POSITION)) {
        return "a signature cannot be found in itself";
    }
    return in_list(&s->sig, GN_ITEM) && !s->has_items ? "signatures per item need items" : NULL;
}

static const char *check_whole(const struct grapnel_scheme *s)
{
    if (s->auth == GN_AUTH_UNSET) {
        return "auth is missing";
    }
    if (is_signature(s->auth) && (s->sig.count == 0 || s->msg.count == 0)) {
        return "a signature scheme needs sig and msg";
    }
    if ((s->auth == GN_AUTH_EQUAL || s->auth == GN_AUTH_JWT) && s->sig.count == 0) {
        return "sig is missing";
    }
    if (s->auth == GN_AUTH_HASH && !gn_template_has(&s->msg, GN_TOKEN_SECRET)) {
        return "a plain hash proves nothing unless the message holds {secret}";
    }
    if (s->auth != GN_AUTH_HASH && gn_template_has(&s->msg, GN_TOKEN_SECRET)) {
        return "{secret} is for auth hash only";
    }
    if (gn_template_has(&s->msg, GN_TOKEN_TS) && s->ts.count == 0) {
        return "{ts} needs ts";
    }
    if (s->auth == GN_AUTH_JWT && s->jwt_alg_count == 0) {
        return "jwt needs jwt-alg";
    }
    return check_lists(s);
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
    const char *reason = check_whole(s);
    for (size_t i = 0; i < s->handshake_count && reason == NULL; i++) {
        reason = check_handshake(&s->handshakes[i]);
    }
    return reason;
}
