/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs: candidates against keys, and secrets sent as they are. Every pair is compared; no early end
 * tells which one came close.
 */
#include "engine.h"

#include <openssl/crypto.h>

enum { EXPLAINED_MAX = 600, BASIC_MAX = 1024 };

static void explain_message(struct gn_run *run, const struct gn_pieces *message)
{
    size_t total = 0;
    size_t room = EXPLAINED_MAX;
    if (run->explain.ptr == NULL) {
        return;
    }
    for (size_t i = 0; i < message->count; i++) {
        total += message->list[i].len;
    }
    gn_say(&run->explain, "signed string (%zu bytes): ", total);
    for (size_t i = 0; i < message->count && room > 0; i++) {
        size_t len = message->list[i].len < room ? message->list[i].len : room;
        gn_say_escaped(&run->explain, gn_bytes(message->list[i].ptr, len), len);
        room -= len;
    }
    gn_say(&run->explain, "%s\n", total > EXPLAINED_MAX ? "..." : "");
}

/* --- one key ------------------------------------------------------------------------------------------------- */

static enum grapnel_status check_compute(struct gn_run *run, const struct gn_key *key,
                                         struct gn_pieces *message,
                                         unsigned char mac[static GN_DIGEST_MAX])
{
    const struct grapnel_scheme *s = run->scheme;
    if (s->auth == GN_AUTH_HASH) {
        run->secret = key->bytes; /* is part of the message itself */
        enum grapnel_status status = gn_message(run, &s->msg, message);
        run->secret = GN_NONE;
        if (status != GRAPNEL_VERIFIED) {
            return status;
        }
        return gn_digest(s->hash, message->list, message->count, mac) ? status : GRAPNEL_INTERNAL;
    }
    bool good = gn_hmac(s->hash, key->bytes, message->list, message->count, mac);
    return good ? GRAPNEL_VERIFIED : GRAPNEL_INTERNAL;
}

static enum grapnel_status compare_macs(struct gn_run *run, const struct gn_key *key,
                                        struct gn_pieces *message, bool *matches)
{
    unsigned char mac[GN_DIGEST_MAX];
    size_t len = gn_digest_len(run->scheme->hash);
    enum grapnel_status status = check_compute(run, key, message, mac);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    for (size_t i = 0; i < run->candidate_count; i++) {
        const struct gn_candidate *c = &run->candidates[i];
        bool equal = !c->ed25519 && c->len == len && CRYPTO_memcmp(c->bytes, mac, len) == 0;
        *matches = *matches || equal;
    }
    OPENSSL_cleanse(mac, sizeof(mac));
    return GRAPNEL_VERIFIED;
}

static bool verify_pair(struct gn_run *run, const struct gn_key *key, struct grapnel_bytes message)
{
    bool tagged = run->scheme->ed25519_tag.len > 0;
    bool matches = false;
    for (size_t i = 0; i < run->candidate_count; i++) {
        const struct gn_candidate *c = &run->candidates[i];
        bool right = c->ed25519 == tagged &&
                     gn_pkey_verify(key->pkey, run->scheme->hash, message, c->bytes, c->len);
        matches = matches || right;
    }
    return matches;
}

/* --- all keys, all variants --------------------------------------------------------------------------------- */

static enum grapnel_status try_key(struct gn_run *run, const struct gn_key *key,
                                   struct gn_pieces *message, struct grapnel_bytes *whole,
                                   bool *matches)
{
    if (key->pkey == NULL) {
        return compare_macs(run, key, message, matches);
    }
    if (whole->ptr == NULL) { /* public keys want the message in one piece; once for all of them */
        *whole = gn_join(&run->arena, message->list, message->count);
    }
    if (whole->ptr == NULL) {
        return GRAPNEL_TOO_LARGE;
    }
    *matches = verify_pair(run, key, *whole);
    return GRAPNEL_VERIFIED;
}

static enum grapnel_status try_keys(struct gn_run *run, struct gn_pieces *message, bool *matched)
{
    struct grapnel_bytes whole = GN_NONE;
    for (size_t i = 0; i < run->key_count; i++) {
        const struct gn_key *key = &run->keys[i];
        bool matches = false;
        enum grapnel_status status = try_key(run, key, message, &whole, &matches);
        if (status != GRAPNEL_VERIFIED) {
            return status;
        }
        gn_say(&run->explain, "secret %u: %s\n", key->index + 1, matches ? "matches" : "no match");
        if (matches && !*matched) {
            *matched = true;
            run->matched = key->index;
        }
    }
    return GRAPNEL_VERIFIED;
}

static bool is_tried(const struct grapnel_scheme *s, unsigned variant)
{
    return ((variant & GN_TRY_PORT) == 0 || s->try_port) &&
           ((variant & GN_TRY_QUOTE) == 0 || s->try_quote) &&
           ((variant & GN_TRY_NEWLINE) == 0 || s->try_newline);
}

static enum grapnel_status check_build(struct gn_run *run, struct gn_pieces *message)
{
    bool hidden = run->scheme->auth == GN_AUTH_HASH; /* holds the secret: shown as a word */
    run->secret = hidden ? GN_TEXT("<secret>") : GN_NONE;
    enum grapnel_status status = gn_message(run, &run->scheme->msg, message);
    run->secret = GN_NONE;
    if (status == GRAPNEL_VERIFIED && (run->variant & GN_TRY_NEWLINE) != 0) {
        struct grapnel_bytes whole = gn_join(&run->arena, message->list, message->count);
        struct grapnel_bytes both[] = { whole, GN_TEXT("\n") };
        message->list[0] = gn_join(&run->arena, both, GN_COUNT(both));
        message->count = 1;
        status = message->list[0].ptr == NULL ? GRAPNEL_TOO_LARGE : GRAPNEL_VERIFIED;
    }
    return status;
}

/* try_keys() may put the secret itself into the pieces, so what is shown is copied before. */
static enum grapnel_status check_variant(struct gn_run *run, struct gn_pieces *message,
                                         bool *matched)
{
    struct gn_pieces shown = *message;
    enum grapnel_status status = try_keys(run, message, matched);
    if (run->variant == 0 || *matched) {
        gn_keep_signed(run, shown.list, shown.count);
    }
    return status;
}

static enum grapnel_status check_candidates(struct gn_run *run)
{
    bool matched = false;
    for (run->variant = 0; run->variant < GN_VARIANTS && !matched; run->variant++) {
        struct gn_pieces message;
        if (!is_tried(run->scheme, run->variant)) {
            continue;
        }
        enum grapnel_status status = check_build(run, &message);
        if (status == GRAPNEL_VERIFIED) {
            explain_message(run, &message);
            status = check_variant(run, &message, &matched);
        }
        if (status != GRAPNEL_VERIFIED) {
            run->variant = 0;
            return status;
        }
    }
    run->variant = 0;
    return matched ? GRAPNEL_VERIFIED : GRAPNEL_NO_MATCHING_KEY;
}

/* --- batches --------------------------------------------------------------------------------------------------- */

/* Runs `check` on each item; one bad item spoils the batch, and a batch of none proves nothing. */
static enum grapnel_status each_item(struct gn_run *run,
                                     enum grapnel_status (*check)(struct gn_run *))
{
    struct grapnel_bytes *items;
    size_t count = 0;
    enum grapnel_status status = gn_load_items(run, &items, &count);
    if (status == GRAPNEL_VERIFIED && count == 0) {
        return GRAPNEL_MISSING_HEADER;
    }
    for (size_t i = 0; i < count && status == GRAPNEL_VERIFIED; i++) {
        run->item = items[i];
        status = check(run);
    }
    run->item = GN_NONE;
    return status;
}

static bool is_per_item(const struct grapnel_scheme *s)
{
    for (size_t i = 0; i < s->sig.count; i++) {
        if (s->sig.list[i].place == GN_ITEM) {
            return true;
        }
    }
    return false;
}

static enum grapnel_status collect_and_check(struct gn_run *run)
{
    enum grapnel_status status = gn_collect(run);
    return status == GRAPNEL_VERIFIED ? check_candidates(run) : status;
}

enum grapnel_status gn_check_signatures(struct gn_run *run)
{
    return is_per_item(run->scheme) ? each_item(run, collect_and_check) : collect_and_check(run);
}

/* --- secrets sent as they are -------------------------------------------------------------------------------- */

static bool match_secret(struct gn_run *run, struct grapnel_bytes sent)
{
    unsigned char digest[GN_DIGEST_MAX];
    unsigned char other[GN_DIGEST_MAX];
    bool matched = false;
    if (!gn_digest(GN_SHA256, &sent, 1, digest)) {
        return false;
    }
    for (size_t i = 0; i < run->key_count; i++) {
        /* Digests are compared, so that not even the length of a secret shows. */
        bool equal = gn_digest(GN_SHA256, &run->keys[i].bytes, 1, other) &&
                     CRYPTO_memcmp(digest, other, gn_digest_len(GN_SHA256)) == 0;
        gn_say(&run->explain, "secret %u: %s\n", run->keys[i].index + 1,
               equal ? "matches" : "no match");
        if (equal && !matched) {
            matched = true;
            run->matched = run->keys[i].index;
        }
    }
    return matched;
}

static enum grapnel_status check_token(struct gn_run *run)
{
    const struct grapnel_scheme *s = run->scheme;
    struct grapnel_bytes sent;
    enum grapnel_status status = gn_locate_first(run, &s->sig, &sent);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    if (!gn_starts(sent, s->prefix)) {
        return GRAPNEL_MALFORMED_SIGNATURE;
    }
    return match_secret(run, gn_skip(sent, s->prefix.len)) ? GRAPNEL_VERIFIED
                                                           : GRAPNEL_NO_MATCHING_KEY;
}

enum grapnel_status gn_check_equal(struct gn_run *run)
{
    return is_per_item(run->scheme) ? each_item(run, check_token) : check_token(run);
}

enum grapnel_status gn_check_basic(struct gn_run *run)
{
    struct grapnel_bytes sent;
    unsigned char plain[BASIC_MAX];
    size_t len = 0;
    enum grapnel_status status = gn_header(run->request, GN_TEXT("authorization"), &sent);
    if (status != GRAPNEL_VERIFIED) {
        return status;
    }
    if (sent.len < 6 || !gn_ieq(gn_bytes(sent.ptr, 6), GN_TEXT("basic ")) ||
        !gn_base64_decode(gn_trim(gn_skip(sent, 6)), GN_BASE64, true, plain, sizeof(plain), &len)) {
        return GRAPNEL_MALFORMED_SIGNATURE;
    }
    bool matched = match_secret(run, gn_bytes((const char *)plain, len));
    OPENSSL_cleanse(plain, sizeof(plain));
    return matched ? GRAPNEL_VERIFIED : GRAPNEL_NO_MATCHING_KEY;
}
