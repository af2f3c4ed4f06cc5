/* SPDX-License-Identifier: Apache-2.0
 *
 * Handshakes: requests by which a provider asks whether we are who was registered.
 *
 * Many want HMAC(our key, their text) for an answer. That makes us an oracle that signs what an
 * attacker likes, so the text has to pass a guard (a short word of harmless characters) and must not
 * begin like a message of the same scheme. A secret is learned only while there is none.
 */
#include "engine.h"

static bool in_guard(enum gn_guard guard, unsigned char c)
{
    bool digit = c >= '0' && c <= '9';
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    switch (guard) {
    case GN_GUARD_HEX: return digit || (c >= 'a' && c <= 'f');
    case GN_GUARD_TOKEN: return digit || letter || (c != '\0' && strchr("._~+/=-", c) != NULL);
    case GN_GUARD_TEXT: break;
    }
    return c >= 0x20 && c < 0x7f;
}

static bool handshake_passes(const struct grapnel_scheme *s, const struct gn_value *rule,
                             struct grapnel_bytes text)
{
    struct grapnel_bytes prefix = gn_template_prefix(&s->msg);
    if (text.len < rule->least || text.len > rule->most) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!in_guard(rule->guard, (unsigned char)text.ptr[i])) {
            return false;
        }
    }
    return prefix.len == 0 || !gn_starts(text, prefix);
}

/* Conditions: absent or different means that this is no such handshake. */
static bool is_met(struct gn_run *run, const struct gn_handshake *h)
{
    if (h->method.len > 0 && !gn_eq(h->method, run->request->method)) {
        return false;
    }
    return gn_check_rules(run, h->when, h->when_count, GRAPNEL_CHALLENGE_REFUSED) ==
           GRAPNEL_VERIFIED;
}

static bool has_secret(const struct grapnel_config *config)
{
    for (size_t i = 0; i < config->secret_count; i++) {
        if (config->secrets[i].len > 0) {
            return true;
        }
    }
    return false;
}

static enum grapnel_status handshake_prove(struct gn_run *run, const struct gn_handshake *h)
{
    bool keyed = has_secret(run->config);
    if (h->proof == GN_PROOF_YES || (h->proof == GN_PROOF_IF_KEYED && keyed)) {
        return gn_judge(run);
    }
    /* Filters in the reply may want the key; without one they refuse by themselves. */
    return keyed && run->key_count == 0 ? gn_load_keys(run) : GRAPNEL_VERIFIED;
}

static enum grapnel_status take_values(struct gn_run *run, const struct gn_handshake *h)
{
    for (size_t i = 0; i < h->value_count; i++) {
        enum grapnel_status status = gn_locate(run, &h->values[i].location, &run->values[i]);
        if (status != GRAPNEL_VERIFIED) {
            return status;
        }
        if (!handshake_passes(run->scheme, &h->values[i], run->values[i])) {
            gn_say(&run->explain, "the value to answer does not pass its guard\n");
            return GRAPNEL_CHALLENGE_REFUSED;
        }
    }
    return GRAPNEL_VERIFIED;
}

static enum grapnel_status handshake_learn(struct gn_run *run, const struct gn_handshake *h,
                                           struct grapnel_verdict *verdict)
{
    static const struct gn_value guard = { .guard = GN_GUARD_TEXT, .least = 8, .most = 256 };
    struct grapnel_bytes secret;
    if (!h->learns) {
        return GRAPNEL_VERIFIED;
    }
    if (has_secret(run->config) && !(h->is_tentative && run->config->is_tentative)) {
        gn_say(&run->explain, "there is a secret already; a handshake does not replace it\n");
        return GRAPNEL_CHALLENGE_REFUSED;
    }
    enum grapnel_status status = gn_locate(run, &h->learn, &secret);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    if (!handshake_passes(run->scheme, &guard, secret)) {
        return GRAPNEL_CHALLENGE_REFUSED;
    }
    verdict->learned_is_tentative = h->is_tentative;
    return gn_keep(verdict, secret, &verdict->learned) ? GRAPNEL_VERIFIED : GRAPNEL_TOO_LARGE;
}

static enum grapnel_status expand_to(struct gn_run *run, const struct gn_template *t,
                                     struct grapnel_verdict *verdict, struct grapnel_bytes *out)
{
    struct grapnel_bytes text;
    enum grapnel_status status = gn_expand(run, t, &text);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    return gn_keep(verdict, text, out) ? GRAPNEL_VERIFIED : GRAPNEL_TOO_LARGE;
}

static enum grapnel_status handshake_answer(struct gn_run *run, const struct gn_handshake *h,
                                            struct grapnel_verdict *verdict)
{
    struct grapnel_reply *reply = &verdict->reply;
    enum grapnel_status status = expand_to(run, &h->body, verdict, &reply->body);
    for (size_t i = 0; i < h->header_count && status == GRAPNEL_VERIFIED; i++) {
        reply->headers[i].name = h->header_names[i];
        status = expand_to(run, &h->header_values[i], verdict, &reply->headers[i].value);
        reply->header_count = i + 1;
    }
    reply->status = h->status;
    reply->content_type = h->content_type;
    return status;
}

static enum grapnel_status handshake_perform(struct gn_run *run, const struct gn_handshake *h,
                                             struct grapnel_verdict *verdict)
{
    gn_say(&run->explain, "handshake: %.*s\n", (int)h->name.len, h->name.ptr);
    enum grapnel_status status = handshake_prove(run, h);
    if (status == GRAPNEL_VERIFIED) {
        status = gn_check_rules(run, h->expect, h->expect_count, GRAPNEL_CHALLENGE_REFUSED);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = take_values(run, h);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = handshake_learn(run, h, verdict);
    }
    if (status == GRAPNEL_VERIFIED) {
        status = handshake_answer(run, h, verdict);
    }
    return status == GRAPNEL_VERIFIED ? GRAPNEL_HANDSHAKE : status;
}

enum grapnel_status gn_handshake(struct gn_run *run, struct grapnel_verdict *verdict)
{
    for (size_t i = 0; i < run->scheme->handshake_count; i++) {
        const struct gn_handshake *h = &run->scheme->handshakes[i];
        if (is_met(run, h)) {
            return handshake_perform(run, h, verdict);
        }
    }
    return GRAPNEL_VERIFIED;
}
