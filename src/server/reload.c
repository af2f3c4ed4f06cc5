/* SPDX-License-Identifier: Apache-2.0
 *
 * SIGHUP: reads the configuration from all its sources again and applies what may change while
 * running. A configuration with an error changes nothing.
 */
#include "server/server_priv.h"

static enum rc load(struct server *s, struct conf **next, struct deliver_limits *limits,
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

static void apply(struct server *s, struct conf *next, const struct deliver_limits *limits)
{
    struct conf *before = s->reloaded;

    s->reloaded = next;
    server_configure_log(next);
    server_apply_http_limits(s, next);
    deliver_set_limits(s->deliver, limits);
    store_set_retention(s->store, next->store_retention, next->store_idempotency);
    conf_free(before);
}

void server_reload(struct server *s)
{
    struct conf *next = NULL;
    struct deliver_limits limits;
    int64_t *delays = s->retry_us[++s->retry_turn % 2];
    struct buf text;

    buf_init(&text, SERVER_WHY_MAX);
    if (load(s, &next, &limits, delays, &text) != RC_OK) {
        LOG(SERVER_RELOAD_FAILED, F_STR("why", buf_str(&text)));
        conf_free(next);
    } else {
        conf_needs_restart(s->conf, next, &text);
        if (text.len > 0)
            LOG(SERVER_NEEDS_RESTART, F_STR("options", buf_str(&text)));
        apply(s, next, &limits);
        LOG(SERVER_RELOADED, F_TEXT("file", s->sources->file == NULL ? "" : s->sources->file));
    }
    buf_fini(&text);
}
