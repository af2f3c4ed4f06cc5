/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/logins_priv.h.
 */
#include "server/logins_priv.h"

#include <stdio.h>

bool server_console_is_apart(const struct conf *c)
{
    return c->console_enabled && face_has_pages() && str_trim(str_from(c->console_listen)).len > 0;
}

static void write_url(char *out, size_t size, const struct conf *c, struct str list)
{
    struct str first = str_trim(str_sub(list, 0, str_find(list, ',')));

    snprintf(out, size, "%s://%.*s", c->tls_cert[0] != '\0' ? "https" : "http", STR_ARGS(first));
}

/* Without the slashes at its end. False: it is empty. */
static bool copy_url(const char *text, char *out, size_t size)
{
    struct str url = str_trim(str_from(text));

    while (str_ends(url, STR("/")))
        url.len--;
    snprintf(out, size, "%.*s", STR_ARGS(url));
    return url.len > 0;
}

void server_console_url(const struct conf *c, const char *public_url, char *out, size_t size)
{
    if (copy_url(c->console_public_url, out, size))
        return;
    if (server_console_is_apart(c))
        write_url(out, size, c, str_from(c->console_listen));
    else
        snprintf(out, size, "%s", public_url);
}

void server_find_urls(struct server *s)
{
    if (!copy_url(s->conf->public_url, s->public_url, sizeof s->public_url))
        write_url(s->public_url, sizeof s->public_url, s->conf, str_from(s->conf->listen));
    server_console_url(s->conf, s->public_url, s->console_url, sizeof s->console_url);
}

/* --- what they are made of ------------------------------------------------------------------------------ */

struct login_oidc_options server_oidc_options(const struct conf *c)
{
    return (
        struct login_oidc_options){ .settings = { .issuer = c->console_oidc_issuer,
                                                  .client_id = c->console_oidc_client_id,
                                                  .client_secret = c->console_oidc_client_secret,
                                                  .scopes = c->console_oidc_scopes,
                                                  .name = c->console_oidc_name,
                                                  .roles_claim = c->console_oidc_roles_claim,
                                                  .roles = c->console_oidc_roles },
                                    .clock = clock_system(),
                                    .rng = rng_system() };
}

static struct login_proxy_options proxy_options(const struct conf *c)
{
    return (struct login_proxy_options){ .user_header = c->console_proxy_user_header,
                                         .from = c->console_proxy_from,
                                         .role = c->console_proxy_role,
                                         .roles_header = c->console_proxy_roles_header,
                                         .roles = c->console_proxy_roles };
}

enum rc server_logins_check(const struct conf *c, struct buf *why)
{
    struct login_oidc_options oidc = server_oidc_options(c);
    struct login_proxy_options proxy = proxy_options(c);
    struct login_oidc *made_oidc = NULL;
    struct login_proxy *made_proxy = NULL;
    struct http_url url;
    struct str address = str_trim(str_from(c->console_public_url));

    if (address.len > 0 && (http_url_parse(address, &url, NULL) != RC_OK || url.userinfo.len > 0 ||
                            str_find(address, '?') < address.len)) {
        buf_say(why, "console.public_url: write a URL such as https://console.example.com, without "
                     "credentials and query");
        return RC_INVALID;
    }
    enum rc rc = login_oidc_new(&oidc, &made_oidc, why);
    if (rc == RC_OK)
        rc = login_proxy_new(&proxy, &made_proxy, why);
    login_oidc_free(made_oidc);
    login_proxy_free(made_proxy);
    return rc;
}

enum rc server_logins_start(struct server *s)
{
    struct login_oidc_options oidc = server_oidc_options(s->conf);
    struct login_proxy_options proxy = proxy_options(s->conf);
    char redirect[sizeof s->console_url + 64], home[sizeof s->console_url + 16];

    if (!s->conf->console_enabled || !face_has_pages())
        return RC_OK;
    snprintf(redirect, sizeof redirect, "%s%s", s->console_url, API_OIDC_CALLBACK);
    snprintf(home, sizeof home, "%s/console/", s->console_url);
    oidc.redirect_uri = str_from(redirect);
    oidc.home = str_from(home);
    oidc.fetch = &s->fetch_options;
    oidc.vault = s->vault;
    enum rc rc = login_oidc_new(&oidc, &s->login_oidc, &s->why);
    return rc == RC_OK ? login_proxy_new(&proxy, &s->login_proxy, &s->why) : rc;
}

void server_logins_stop(struct server *s)
{
    login_oidc_free(s->login_oidc);
    login_proxy_free(s->login_proxy);
    s->login_oidc = NULL;
    s->login_proxy = NULL;
}
