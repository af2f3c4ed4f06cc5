/* SPDX-License-Identifier: Apache-2.0
 *
 * What a provider says of itself. It comes over the connection that its certificate vouches for, and is an outsider's
 * text all the same: every address in it is one that this server will ask, or send people to.
 */
#include "login/provider_priv.h"

#include "http/text.h"
#include "http/url.h"
#include "json/json.h"

enum { ADDRESS_MAX = 2048 };

static bool is_loopback_name(struct str host)
{
    return str_ieq(host, STR("localhost")) || str_eq(host, STR("::1")) ||
           str_starts(host, STR("127."));
}

bool login_provider_is_local(struct str url)
{
    struct http_url parsed;
    return http_url_parse(url, &parsed, NULL) == RC_OK && !parsed.tls &&
           is_loopback_name(parsed.host);
}

enum rc login_provider_check_url(const char *what, struct str text, bool is_local, struct buf *why)
{
    struct http_url url;
    if (text.len == 0 || text.len > ADDRESS_MAX || !http_is_field_value(text) ||
        http_url_parse(text, &url, NULL) != RC_OK || url.userinfo.len > 0 ||
        str_find(text, '#') < text.len) {
        buf_say(why, "%s is no address that can be used: \"%.*s\"", what,
                STR_ARGS(str_sub(text, 0, ADDRESS_MAX)));
        return RC_INVALID;
    }
    if (url.tls || (is_local && is_loopback_name(url.host)))
        return RC_OK;
    buf_say(why, "%s is not https: \"%.*s\"", what, STR_ARGS(text));
    return RC_INVALID;
}

struct wanted {
    const char *name;
    struct str *out;
    bool may_be_absent;
};

static enum rc read_addresses(const json_t *doc, const struct wanted *list, size_t count,
                              bool is_local, struct arena *a, struct buf *why)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < count && rc == RC_OK; i++) {
        struct str text = json_str_member(doc, list[i].name);
        if (list[i].may_be_absent && text.len == 0)
            continue;
        rc = login_provider_check_url(list[i].name, text, is_local, why);
        if (rc == RC_OK)
            *list[i].out = arena_str(a, text);
    }
    return rc;
}

static bool list_has_text(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_str_of(json_array_get(list, i)), str_from(text)))
            return true;
    return false;
}

/* In a header unless the provider knows the body only; a list that is not there means the header. */
static bool posts_secret(const json_t *doc)
{
    const json_t *methods = json_object_get(doc, "token_endpoint_auth_methods_supported");
    return !list_has_text(methods, "client_secret_basic") &&
           list_has_text(methods, "client_secret_post");
}

static enum rc read_document(const json_t *doc, struct str issuer, struct arena *a,
                             struct login_provider *out, struct buf *why)
{
    const struct wanted wanted[] = { { "authorization_endpoint", &out->authorize, false },
                                     { "token_endpoint", &out->token, false },
                                     { "jwks_uri", &out->keys, false },
                                     { "end_session_endpoint", &out->end, true } };
    struct str named = json_str_member(doc, "issuer");
    if (!str_eq(named, issuer)) {
        buf_say(why,
                "the provider calls itself \"%.*s\"; console.oidc_issuer must be the same, letter "
                "for letter",
                STR_ARGS(str_sub(named, 0, ADDRESS_MAX)));
        return RC_INVALID;
    }
    out->posts_secret = posts_secret(doc);
    return read_addresses(doc, wanted, COUNT_OF(wanted), login_provider_is_local(issuer), a, why);
}

enum rc login_provider_read(struct str json, struct str issuer, struct arena *a,
                            struct login_provider *out, struct buf *why)
{
    json_t *doc = NULL;
    *out = (struct login_provider){ 0 };
    if (json_parse(json, &doc, NULL) != RC_OK || !json_is_object(doc)) {
        json_decref(doc);
        buf_say(why, "the provider's description is no JSON object");
        return RC_INVALID;
    }
    enum rc rc = read_document(doc, issuer, a, out, why);
    json_decref(doc);
    return rc;
}
