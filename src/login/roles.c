/* SPDX-License-Identifier: Apache-2.0
 *
 * See login/roles.h.
 */
#include "login/roles.h"

static enum rc rule_refuse(const char *option, struct str text, const char *words, struct buf *why)
{
    buf_say(why, "%s: \"%.*s\" %s", option, STR_ARGS(text), words);
    return RC_INVALID;
}

static size_t find_last(struct str s, char c)
{
    for (size_t i = s.len; i > 0; i--)
        if (s.ptr[i - 1] == c)
            return i - 1;
    return s.len;
}

static enum rc rule_parse(const char *option, struct str text, struct arena *a,
                          struct login_rule *out, struct buf *why)
{
    size_t at = find_last(text, '=');
    struct str value = str_trim(str_sub(text, 0, at));
    struct buf plain;
    if (at == text.len || value.len == 0)
        return rule_refuse(option, text, "is no pair; write value=role", why);
    if (access_role_find(str_trim(str_sub(text, at + 1, text.len)), &out->role) != RC_OK)
        return rule_refuse(option, text, "names no role; the roles are owner, operator and viewer",
                           why);
    buf_init(&plain, LOGIN_VALUE_MAX);
    enum rc rc = percent_decode(value, false, &plain);
    if (rc == RC_OK)
        out->value = arena_str(a, buf_str(&plain));
    buf_fini(&plain);
    return rc == RC_OK
               ? RC_OK
               : rule_refuse(option, text,
                             "has a value that is too long, or a '%' that is not written %25", why);
}

enum rc login_roles_parse(const char *option, struct str text, struct arena *a,
                          struct login_roles *out, struct buf *why)
{
    struct str part;
    out->count = 0;
    text = str_trim(text);
    while (str_split(&text, ',', &part)) {
        if (out->count == LOGIN_RULES_MAX) {
            buf_say(why, "%s: more than %d pairs", option, LOGIN_RULES_MAX);
            return RC_INVALID;
        }
        enum rc rc = rule_parse(option, str_trim(part), a, &out->rules[out->count++], why);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

void login_role_add(struct login_role *of, const struct login_roles *roles, struct str value)
{
    for (size_t i = 0; i < roles->count; i++) {
        const struct login_rule *rule = &roles->rules[i];
        if (!str_eq(rule->value, value) || (of->has_one && rule->role >= of->role))
            continue;
        of->has_one = true;
        of->role = rule->role;
    }
}
