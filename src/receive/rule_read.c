/* SPDX-License-Identifier: Apache-2.0
 *
 * Trigger rules as data into rules that can be checked: patterns compiled, address ranges parsed.
 */
#include "receive/rule_read_priv.h"

#include "receive/hooks_read_priv.h"

#include <arpa/inet.h>
#include <ctype.h>

enum { NESTING_MAX = 50 };

static enum rc read_rules(struct receive_reading *in, const json_t *list, const char *name,
                          struct receive_rule *out, unsigned depth)
{
    enum rc rc = RC_OK;

    if (!json_is_array(list) || json_array_size(list) > RECEIVE_LIST_MAX)
        return receive_wrong(in, "\"%s\" must be a list of at most %d rules", name,
                             RECEIVE_LIST_MAX);
    out->rules = arena_array(in->arena, json_array_size(list) + 1, sizeof *out->rules);
    for (size_t i = 0; i < json_array_size(list) && rc == RC_OK; i++) {
        size_t mark = receive_enter(in, ".%s[%zu]", name, i);
        rc = receive_read_rule(in, json_array_get(list, i), &out->rules[out->rule_count++], depth);
        receive_leave(in, mark);
    }
    return rc;
}

/* --- matches ------------------------------------------------------------------------------------- */

static void free_regex(void *regex)
{
    pcre2_code_free(regex);
}

static enum rc read_regex(struct receive_reading *in, const json_t *match, struct receive_rule *out)
{
    struct str pattern = STR_NONE;
    enum rc rc = receive_text(in, match, "regex", &pattern);
    int error;
    size_t offset;

    if (rc != RC_OK)
        return rc;
    if (pattern.len == 0 || pattern.len > RECEIVE_PATTERN_MAX)
        return receive_wrong(in, "\"regex\" is missing or longer than %d", RECEIVE_PATTERN_MAX);
    pcre2_compile_context *limits = pcre2_compile_context_create(NULL);
    (void)pcre2_set_parens_nest_limit(limits, NESTING_MAX);
    (void)pcre2_set_newline(limits, PCRE2_NEWLINE_LF);
    out->regex = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                               PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error,
                               &offset, limits);
    pcre2_compile_context_free(limits);
    if (out->regex == NULL) {
        PCRE2_UCHAR words[128];
        (void)pcre2_get_error_message(error, words, sizeof words);
        return receive_wrong(in, "\"regex\": %s at %zu", (const char *)words, offset);
    }
    arena_defer(in->arena, free_regex, out->regex);
    return RC_OK;
}

static bool read_range(struct str text, struct receive_range *out)
{
    char address[INET6_ADDRSTRLEN];
    struct str bits = text, host;
    uint64_t number;

    if (!str_split(&bits, '/', &host) || host.len >= sizeof address)
        return false;
    memcpy(address, host.ptr, host.len);
    address[host.len] = '\0';
    out->family = str_contains(host, STR(":")) ? AF_INET6 : AF_INET;
    unsigned most = out->family == AF_INET ? 32 : 128;
    out->bits = most;
    if (inet_pton(out->family, address, out->address) != 1)
        return false;
    if (host.len == text.len)
        return true;
    if (str_to_u64(bits, &number) != RC_OK || number > most)
        return false;
    out->bits = (unsigned)number;
    return true;
}

static enum rc read_ranges(struct receive_reading *in, const json_t *match,
                           struct receive_rule *out)
{
    struct str text = STR_NONE, part;
    enum rc rc = receive_text(in, match, "ip-range", &text);

    if (rc != RC_OK)
        return rc;
    out->ranges = arena_array(in->arena, RECEIVE_LIST_MAX, sizeof *out->ranges);
    char *blanks = arena_cstr(in->arena, text);
    for (char *c = blanks; *c != '\0'; c++)
        *c = (char)(isspace((unsigned char)*c) ? ' ' : *c);
    text = str_from(blanks);
    while (str_split(&text, ' ', &part)) {
        if (part.len == 0)
            continue;
        if (out->range_count == RECEIVE_LIST_MAX)
            return receive_wrong(in, "more than %d ranges", RECEIVE_LIST_MAX);
        if (!read_range(part, &out->ranges[out->range_count++]))
            return receive_wrong(in, "\"%.*s\" is not an address range such as 192.0.2.0/24",
                                 STR_ARGS(part));
    }
    return out->range_count > 0 ? RC_OK : receive_wrong(in, "\"ip-range\" is missing");
}

static enum rc read_secret(struct receive_reading *in, const json_t *match, const char *key,
                           struct receive_rule *out)
{
    enum rc rc = receive_text(in, match, key, &out->value);

    if (rc == RC_OK && out->value.len == 0)
        rc = receive_wrong(in, "\"%s\" is missing or empty", key);
    return rc;
}

static bool digest_of(struct str type, enum receive_digest *out)
{
    struct str name = type;

    if (!str_skip_prefix(&name, STR("payload-hmac-")) &&
        !str_skip_prefix(&name, STR("payload-hash-")))
        return false;
    *out = str_eq(name, STR("sha1"))     ? DIGEST_SHA1
           : str_eq(name, STR("sha256")) ? DIGEST_SHA256
                                         : DIGEST_SHA512;
    return *out != DIGEST_SHA512 || str_eq(name, STR("sha512"));
}

/* What the type wants besides, and (unless it needs none) the parameter. */
static enum rc read_kind(struct receive_reading *in, const json_t *match, struct str type,
                         struct receive_rule *out)
{
    static const char *const value_keys[] = { "type", "parameter", "value", NULL };
    static const char *const regex_keys[] = { "type", "parameter", "regex", NULL };
    static const char *const hmac_keys[] = { "type", "parameter", "secret", NULL };
    static const char *const ip_keys[] = { "type", "ip-range", NULL };
    static const char *const scalr_keys[] = { "type", "secret", NULL };
    const char *const *keys = hmac_keys;

    if (str_eq(type, STR("value"))) {
        out->kind = RULE_VALUE;
        keys = value_keys;
    } else if (str_eq(type, STR("regex"))) {
        out->kind = RULE_REGEX;
        keys = regex_keys;
    } else if (str_eq(type, STR("ip-whitelist"))) {
        out->kind = RULE_IP;
        keys = ip_keys;
    } else if (str_eq(type, STR("scalr-signature"))) {
        out->kind = RULE_SCALR;
        keys = scalr_keys;
    } else if (digest_of(type, &out->digest)) {
        out->kind = RULE_HMAC;
    } else {
        return receive_wrong(in, "there is no match type \"%.*s\"", STR_ARGS(type));
    }
    return receive_known_keys(in, match, keys);
}

static enum rc read_match(struct receive_reading *in, const json_t *match, struct receive_rule *out)
{
    struct str type = STR_NONE;

    if (!json_is_object(match))
        return receive_wrong(in, "must be an object");
    enum rc rc = receive_text(in, match, "type", &type);
    if (rc == RC_OK)
        rc = read_kind(in, match, type, out);
    if (rc != RC_OK)
        return rc;
    if (out->kind == RULE_IP)
        return read_ranges(in, match, out);
    if (out->kind == RULE_SCALR)
        return read_secret(in, match, "secret", out);
    const json_t *parameter = json_object_get(match, "parameter");
    if (parameter == NULL)
        return receive_wrong(in, "\"parameter\" is missing");
    rc = receive_read_parameter(in, parameter, &out->parameter);
    if (rc != RC_OK)
        return rc;
    if (out->kind == RULE_REGEX)
        return read_regex(in, match, out);
    if (out->kind == RULE_HMAC)
        return read_secret(in, match, "secret", out);
    if (json_object_get(match, "value") == NULL)
        return receive_wrong(in, "\"value\" is missing");
    return receive_text(in, match, "value", &out->value);
}

enum rc receive_read_rule(struct receive_reading *in, const json_t *value, struct receive_rule *out,
                          unsigned depth)
{
    static const char *const keys[] = { "and", "or", "not", "match", NULL };
    enum rc rc = receive_known_keys(in, value, keys);

    if (rc != RC_OK)
        return rc;
    if (depth >= RECEIVE_RULE_DEPTH_MAX)
        return receive_wrong(in, "rules are nested deeper than %d", RECEIVE_RULE_DEPTH_MAX);
    if (json_object_size(value) == 0) { /* as there: never met */
        out->kind = RULE_OR;
        return RC_OK;
    }
    if (json_object_size(value) != 1)
        return receive_wrong(in, "a rule is one of \"and\", \"or\", \"not\" and \"match\"");
    const json_t *what = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)value));
    const char *name = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)value));
    out->kind = *name == 'a' ? RULE_AND : *name == 'o' ? RULE_OR : RULE_NOT;
    if (*name == 'a' || *name == 'o')
        return read_rules(in, what, name, out, depth + 1);
    size_t mark = receive_enter(in, ".%s", name);
    if (*name == 'n') {
        out->rules = ARENA_NEW(in->arena, struct receive_rule);
        out->rule_count = 1;
        rc = receive_read_rule(in, what, out->rules, depth + 1);
    } else {
        rc = read_match(in, what, out);
    }
    receive_leave(in, mark);
    return rc;
}
