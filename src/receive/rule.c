/* SPDX-License-Identifier: Apache-2.0
 *
 * Does a request meet a rule? As in adnanh/webhook: what is missing does not match; a signature that
 * is wrong is an error that ends the whole rule, unless failures are soft and it stands in an "or"; a path
 * that leads into null ends it in any case.
 */
#include "receive/payload_priv.h"
#include "receive/request_priv.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <time.h>

enum {
    BACKTRACKS_MAX = 1000000,
    REGEX_DEPTH_MAX = 10000,
    REGEX_HEAP_KIB = 8192,
    SCALR_WINDOW_S = 300
};

/* What the original hands up through its rules: a missing parameter is an error, too, which ends an "and"
 * even from inside a "not", but neither an "or" nor the whole. */
struct outcome {
    bool is_met;
    enum { ERROR_NONE, ERROR_MISSING, ERROR_SIGNATURE, ERROR_VALUE } error;
};

static const struct outcome yes = { true, ERROR_NONE };
static const struct outcome no = { false, ERROR_NONE };
static const struct outcome missing = { false, ERROR_MISSING };
static const struct outcome bad = { false, ERROR_SIGNATURE };
static const struct outcome unreadable = { false, ERROR_VALUE };

static bool rule_hmac(enum receive_digest digest, struct str key, struct str a, struct str b,
                      uint8_t mac[static EVP_MAX_MD_SIZE], size_t *len)
{
    static const char *const names[] = { "SHA1", "SHA256", "SHA512" };
    OSSL_PARAM params[] = { { "digest", OSSL_PARAM_UTF8_STRING, NULL, 0, 0 },
                            { NULL, 0, NULL, 0, 0 } };
    char name[8];
    EVP_MAC *kind = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = kind == NULL ? NULL : EVP_MAC_CTX_new(kind);

    (void)snprintf(name, sizeof name, "%s", names[digest]);
    params[0].data = name;
    params[0].data_size = strlen(name);
    bool ok = ctx != NULL && EVP_MAC_init(ctx, (const uint8_t *)key.ptr, key.len, params) == 1 &&
              EVP_MAC_update(ctx, (const uint8_t *)a.ptr, a.len) == 1 &&
              EVP_MAC_update(ctx, (const uint8_t *)b.ptr, b.len) == 1 &&
              EVP_MAC_final(ctx, mac, len, EVP_MAX_MD_SIZE) == 1;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(kind);
    return ok;
}

static bool is_mac(struct str hex, const uint8_t *mac, size_t mac_len)
{
    uint8_t given[EVP_MAX_MD_SIZE];
    size_t len;

    return hex_decode(hex, given, sizeof given, &len) == RC_OK && len == mac_len &&
           str_eq_constant_time(str_of((const char *)given, len),
                                str_of((const char *)mac, mac_len));
}

static struct outcome check_hmac(const struct receive_rule *rule, struct receive_request *r,
                                 struct str given)
{
    static const char *const prefixes[] = { "sha1=", "sha256=", "sha512=" };
    uint8_t mac[EVP_MAX_MD_SIZE];
    size_t len;
    struct str part;

    if (!rule_hmac(rule->digest, rule->value, receive_request_body(r), STR_NONE, mac, &len))
        return bad;
    while (str_split(&given, ',', &part)) {
        part = str_trim(part);
        (void)str_skip_prefix(&part, str_from(prefixes[rule->digest]));
        if (is_mac(part, mac, len))
            return yes;
    }
    return bad;
}

static struct outcome check_scalr(const struct receive_rule *rule, struct receive_request *r)
{
    const struct receive_parameter signature = { .source = RECEIVE_HEADER,
                                                 .name = STR("x-signature") };
    const struct receive_parameter date = { .source = RECEIVE_HEADER, .name = STR("date") };
    struct str given, at;
    uint8_t mac[EVP_MAX_MD_SIZE];
    char text[64];
    struct tm time = { 0 };
    size_t len;

    if (receive_request_value(r, &signature, &given) != RC_OK ||
        receive_request_value(r, &date, &at) != RC_OK || at.len >= sizeof text)
        return no;
    if (!rule_hmac(DIGEST_SHA1, rule->value, receive_request_body(r), at, mac, &len) ||
        !is_mac(given, mac, len))
        return bad;
    memcpy(text, at.ptr, at.len);
    text[at.len] = '\0';
    const char *end = strptime(text, "%a %d %b %Y %H:%M:%S ", &time);
    if (end == NULL || strspn(end, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(end) || strlen(end) < 3)
        return bad; /* any zone's name is taken for UTC, as there */
    int64_t age_s = clock_wall_us(clock_system()) / 1000000 - (int64_t)timegm(&time);
    return age_s <= SCALR_WINDOW_S && age_s >= -SCALR_WINDOW_S ? yes : bad;
}

static struct outcome check_regex(const struct receive_rule *rule, struct str value)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int found = PCRE2_ERROR_NOMEMORY;

    if (limits != NULL && data != NULL) {
        (void)pcre2_set_match_limit(limits, BACKTRACKS_MAX);
        (void)pcre2_set_depth_limit(limits, REGEX_DEPTH_MAX);
        (void)pcre2_set_heap_limit(limits, REGEX_HEAP_KIB);
        found = pcre2_match(rule->regex, (PCRE2_SPTR)(value.len > 0 ? value.ptr : ""), value.len, 0,
                            0, data, limits);
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return found >= 0 ? yes : no; /* a limit reached does not match */
}

static bool is_in(const struct receive_range *range, const uint8_t *address)
{
    unsigned bytes = range->bits / 8, rest = range->bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);

    return memcmp(range->address, address, bytes) == 0 &&
           (rest == 0 || (range->address[bytes] & mask) == (address[bytes] & mask));
}

static struct outcome check_ip(const struct receive_rule *rule, struct str peer)
{
    char text[INET6_ADDRSTRLEN] = "";
    uint8_t address[16];

    if (peer.len >= sizeof text)
        return no;
    memcpy(text, peer.ptr, peer.len);
    int family = str_contains(peer, STR(":")) ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, address) != 1)
        return no;
    for (size_t i = 0; i < rule->range_count; i++) {
        if (rule->ranges[i].family == family && is_in(&rule->ranges[i], address))
            return yes;
    }
    return no;
}

static struct outcome check_match(const struct receive_rule *rule, struct receive_request *r)
{
    struct str value;

    if (rule->kind == RULE_IP)
        return check_ip(rule, receive_request_peer(r));
    if (rule->kind == RULE_SCALR)
        return check_scalr(rule, r);
    enum rc rc = receive_request_value(r, &rule->parameter, &value);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? missing : unreadable;
    if (rule->kind == RULE_REGEX)
        return check_regex(rule, receive_text_clean(receive_request_arena(r), value));
    if (rule->kind == RULE_HMAC)
        return check_hmac(rule, r, value);
    return str_eq_constant_time(value, rule->value) ? yes : no;
}

/* Nested as deep as rules may be: RECEIVE_RULE_DEPTH_MAX. */
static struct outcome rule_check(const struct receive_rule *rule, bool soft_failures,
                                 struct receive_request *r)
{
    if (rule->kind == RULE_NOT) {
        struct outcome inner = rule_check(rule->rules, soft_failures, r);
        return (struct outcome){ !inner.is_met, inner.error };
    }
    if (rule->kind != RULE_AND && rule->kind != RULE_OR)
        return check_match(rule, r);
    for (size_t i = 0; i < rule->rule_count; i++) {
        struct outcome one = rule_check(&rule->rules[i], soft_failures, r);
        if (rule->kind == RULE_AND && (one.error != ERROR_NONE || !one.is_met))
            return (struct outcome){ false, one.error };
        if (rule->kind == RULE_OR &&
            (one.error == ERROR_VALUE || (one.error == ERROR_SIGNATURE && !soft_failures)))
            return (struct outcome){ false, one.error };
        if (rule->kind == RULE_OR && one.is_met)
            return yes;
    }
    return rule->kind == RULE_AND ? yes : no;
}

enum receive_verdict receive_rule_check(const struct receive_rule *rule, bool soft_failures,
                                        struct receive_request *r)
{
    struct outcome outcome = rule_check(rule, soft_failures, r);

    if (outcome.error == ERROR_SIGNATURE)
        return RECEIVE_BAD_SIGNATURE;
    if (outcome.error == ERROR_VALUE)
        return RECEIVE_FAILED;
    return outcome.is_met ? RECEIVE_YES : RECEIVE_NO;
}
