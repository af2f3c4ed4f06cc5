/* SPDX-License-Identifier: Apache-2.0
 *
 * SIGHUP: reads the configuration from all its sources again and applies what may change while
 * running. A configuration with an error changes nothing. The listeners' certificate is read again from
 * its files, too, so that a renewed one needs no restart; one that cannot be used leaves the old in force.
 */
#include "server/reload_priv.h"

#include "server/addresses_priv.h"
#include "server/listen_priv.h"
#include "server/options_priv.h"
#include "store/audit.h"

static enum rc reload_load(struct server *s, struct conf **next, struct deliver_limits *limits,
                           int64_t delays[static CORE_RETRY_MAX], struct buf *why)
{
    const struct server_sources *from = s->sources;
    enum rc rc = conf_load(from->file, from->argc, from->argv, from->envp, next, why);

    if (rc == RC_OK)
        rc = server_check(*next, why);
    if (rc == RC_OK)
        rc = server_deliver_limits(*next, delays, limits, why);
    return rc;
}

/* The certificate to let go of once the loops have the new one; NULL: nothing changed. */
static SSL_CTX *renew_certificate(struct server *s)
{
    SSL_CTX *before = s->server_tls;
    SSL_CTX *renewed = NULL;
    struct buf why;

    if (before == NULL)
        return NULL;
    buf_init(&why, SERVER_WHY_MAX);
    if (server_open_tls(s->conf, &renewed, &why) == RC_OK)
        s->server_tls = renewed;
    else
        LOG(SERVER_CERTIFICATE_KEPT, F_STR("why", buf_str(&why)));
    buf_fini(&why);
    server_show_expiry(METRIC_TLS_EXPIRY_SERVER, s->server_tls);
    return renewed == NULL ? NULL : before;
}

static void reload_apply(struct server *s, struct conf *next, const struct deliver_limits *limits)
{
    struct conf *before = s->reloaded;
    SSL_CTX *old_certificate = renew_certificate(s);

    mutex_lock(&s->reloaded_lock);
    s->reloaded = next;
    mutex_unlock(&s->reloaded_lock);
    server_configure_log(next);
    server_apply_http_limits(s, next);
    SSL_CTX_free(old_certificate);
    deliver_set_limits(s->deliver, limits);
    store_set_retention(s->store, next->store_retention, next->store_idempotency);
    store_audit_set_keep(s->store, next->audit_keep);
    conf_free(before);
}

void server_reload(struct server *s)
{
    struct conf *next = NULL;
    struct deliver_limits limits;
    int64_t *delays = s->retry_us[++s->retry_turn % 2];
    struct buf text;

    buf_init(&text, SERVER_WHY_MAX);
    if (reload_load(s, &next, &limits, delays, &text) != RC_OK) {
        LOG(SERVER_RELOAD_FAILED, F_STR("why", buf_str(&text)));
        conf_free(next);
    } else {
        conf_needs_restart(s->conf, next, &text);
        if (text.len > 0)
            LOG(SERVER_NEEDS_RESTART, F_STR("options", buf_str(&text)));
        reload_apply(s, next, &limits);
        LOG(SERVER_RELOADED, F_TEXT("file", s->sources->file == NULL ? "" : s->sources->file));
    }
    buf_fini(&text);
}
