/* SPDX-License-Identifier: Apache-2.0
 *
 * The doctor's look at logins by what others say: it asks the provider as a login would.
 */
#include "server/clients_priv.h"
#include "server/doctor_priv.h"
#include "server/logins_priv.h"
#include "server/options_priv.h"

static enum login_oidc_verdict try_provider(const struct conf *c, struct buf *text)
{
    struct fetch_options fetch = { .proxy = server_text(c->fetch_proxy),
                                   .no_proxy = server_text(c->fetch_no_proxy),
                                   .http2 = c->fetch_http2,
                                   .resolve = server_text(c->fetch_resolve) };
    struct login_oidc_options o = server_oidc_options(c);
    struct login_oidc *oidc = NULL;
    enum login_oidc_verdict verdict = LOGIN_OIDC_UNREACHABLE;

    o.fetch = &fetch;
    enum rc rc = server_fetch_policy(c, &fetch.policy, text);
    if (rc == RC_OK)
        rc = server_client_tls(c, &fetch.tls, text);
    if (rc == RC_OK)
        rc = login_oidc_new(&o, &oidc, text);
    if (rc == RC_OK)
        verdict = login_oidc_try(oidc, text);
    login_oidc_free(oidc);
    SSL_CTX_free(fetch.tls);
    fetch_policy_unref(fetch.policy);
    return verdict;
}

static enum server_verdict check_redirect(const struct conf *c, struct buf *text)
{
    char url[256];
    struct http_url parsed;

    server_console_url(c, c->public_url, url, sizeof url);
    if (url[0] == '\0' || http_url_parse(str_from(url), &parsed, NULL) != RC_OK) {
        buf_say(text, "the provider answers; set server.public_url, so that it can send browsers "
                      "back to this server");
        return SERVER_CHECK_WARN;
    }
    buf_say(text, "the provider answers; it must know the redirect URI %s%s", url,
            API_OIDC_CALLBACK);
    if (parsed.tls || str_starts(parsed.host, STR("127.")) ||
        str_ieq(parsed.host, STR("localhost")))
        return SERVER_CHECK_OK;
    buf_say(text, ", which is not https: browsers will not keep the session");
    return SERVER_CHECK_WARN;
}

enum server_verdict server_doctor_logins(const struct conf *c, struct buf *text)
{
    bool has_oidc = str_trim(str_from(c->console_oidc_issuer)).len > 0;
    bool has_proxy = str_trim(str_from(c->console_proxy_user_header)).len > 0;

    if (server_logins_check(c, text) != RC_OK)
        return SERVER_CHECK_FAIL;
    if (!has_oidc) {
        if (has_proxy)
            buf_say(text, "the header %s is believed from %s", c->console_proxy_user_header,
                    c->console_proxy_from);
        else
            buf_say(text, "by this server's own users and tokens");
        return SERVER_CHECK_OK;
    }
    if (try_provider(c, text) == LOGIN_OIDC_OK)
        return check_redirect(c, text);
    buf_say(text, "; nobody can log in by OpenID Connect (console.oidc_issuer; fetch.allow if the "
                  "provider is in a private network)");
    return SERVER_CHECK_WARN;
}
