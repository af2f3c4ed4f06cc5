/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/console.h: both ends.
 */
#include "server/console.h"

#include "access/session.h"
#include "server/admin_client_priv.h"
#include "server/command_act_priv.h"
#include "server/console_priv.h"
#include "server/logins_priv.h"
#include "server/options_priv.h"

/* Where a browser on this machine reaches the server: a wildcard address is also the loopback one. */
static void add_address(const struct server *s, struct buf *out)
{
    bool is_apart = server_console_is_apart(s->conf);
    struct str address = str_from(s->addresses[is_apart ? s->public_count : 0]);
    bool is_any =
        str_skip_prefix(&address, STR("0.0.0.0:")) || str_skip_prefix(&address, STR("[::]:"));

    if (server_text(s->conf->console_public_url) != NULL ||
        (!is_apart && server_text(s->conf->public_url) != NULL)) {
        buf_say(out, "%s", s->console_url);
        return;
    }
    buf_say(out, "%s://%s%.*s", s->server_tls == NULL ? "http" : "https",
            is_any ? "127.0.0.1:" : "", STR_ARGS(address));
}

enum rc server_console_link(const struct server *s, struct buf *out, struct buf *why)
{
    char code[ACCESS_TOKEN_TEXT + 1];

    if (!s->conf->console_enabled || !face_has_pages()) {
        buf_say(why, "this server has no console: %s",
                s->conf->console_enabled ? "it was built without the pages"
                                         : "console.enabled is false");
        return RC_INVALID;
    }
    struct store_act act;
    server_act_begin(&act, STR("grapnel console"));
    enum rc rc = access_login_code_new(s->access, s->org, code);
    store_act_end(&act);
    if (rc == RC_OK) {
        add_address(s, out);
        rc = buf_addf(out, "/console/#login=%s\n", code);
    }
    mem_wipe(code, sizeof code);
    return rc;
}

enum rc server_console(const struct conf *c, struct buf *out, struct buf *why)
{
    if (!server_admin_answers(c->data_dir)) {
        buf_say(
            why,
            "no server has the store %s open; start it with `grapnel serve`, or name its folder with --store.dir",
            c->data_dir);
        return RC_NOT_FOUND;
    }
    return server_console_ask(c->data_dir, out, why);
}
