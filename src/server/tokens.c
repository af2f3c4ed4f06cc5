/* SPDX-License-Identifier: Apache-2.0
 *
 * The token commands, on an open store or on the folder.
 */
#include "server/tokens.h"

#include "server/admin_client_priv.h"
#include "server/command_act_priv.h"
#include "server/folder_command_priv.h"
#include "server/server_priv.h"
#include "server/tokens_priv.h"

static enum rc tokens_create(struct access *access, int64_t org,
                             const struct server_token_request *request, struct buf *out,
                             struct buf *why)
{
    char text[ACCESS_TOKEN_TEXT + 1];
    int64_t num;
    struct access_token_spec spec = {
        .org = org,
        .name = request->name,
        .read_only = request->read_only,
        .made_by = STR("{\"kind\":\"command\",\"id\":\"\",\"name\":\"grapnel token\"}")
    };

    if (request->name.len > SERVER_TOKEN_NAME_MAX || !str_is_utf8(request->name)) {
        buf_say(why, "the name must be UTF-8 of at most %d bytes", SERVER_TOKEN_NAME_MAX);
        return RC_INVALID;
    }
    if (request->lifetime_us > 0)
        spec.lifetime_us = request->lifetime_us;
    enum rc rc = access_create(access, &spec, text, &num);
    if (rc == RC_OK)
        rc = buf_addf(out, "%s\n", text);
    mem_wipe(text, sizeof text);
    return rc;
}

/* What it is good for. */
static const char *what_is(const struct store_token *t)
{
    static const char *const kinds[] = { [STORE_TOKEN_SESSION] = "session",
                                         [STORE_TOKEN_LOGIN] = "login",
                                         [STORE_TOKEN_LINK] = "link",
                                         [STORE_TOKEN_PORTAL] = "portal" };
    if (t->kind != STORE_TOKEN_BEARER && (size_t)t->kind < COUNT_OF(kinds))
        return kinds[t->kind];
    return t->app == 0 ? "organisation" : "application";
}

static enum rc list_line(const struct store_token *t, struct buf *out)
{
    char created[TIME_TEXT_LEN + 1];
    char expires[TIME_TEXT_LEN + 1] = "never";

    time_format(t->created_us, created);
    if (t->expires_us != 0)
        time_format(t->expires_us, expires);
    return buf_addf(out, "%-6lld %-28s %-28s %s %.*s\n", (long long)t->num, created, expires,
                    what_is(t), STR_ARGS(t->name));
}

static enum rc tokens_list(struct store *store, int64_t org, struct buf *out)
{
    struct store_tx *tx = NULL;
    struct store_token *tokens;
    struct arena arena;
    size_t count;

    arena_init(&arena);
    enum rc rc = store_read(store, &tx);
    if (rc == RC_OK)
        rc = store_token_list(tx, org, &arena, &tokens, &count);
    if (rc == RC_OK)
        rc = buf_addf(out, "%-6s %-28s %-28s %s\n", "NUMBER", "CREATED", "EXPIRES", "FOR, NAME");
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = list_line(&tokens[i], out);
    store_end(tx);
    arena_fini(&arena);
    return rc;
}

static enum rc tokens_run(struct store *store, struct access *access, int64_t org,
                          const struct server_token_request *request, struct buf *out,
                          struct buf *why)
{
    switch (request->verb) {
    case SERVER_TOKEN_CREATE: return tokens_create(access, org, request, out, why);
    case SERVER_TOKEN_LIST: return tokens_list(store, org, out);
    case SERVER_TOKEN_REVOKE:
    default: break;
    }
    enum rc rc = access_revoke_num(access, org, request->num);
    if (rc == RC_NOT_FOUND)
        buf_say(why, "there is no token %lld", (long long)request->num);
    return rc;
}

enum rc server_tokens_on(struct store *store, struct access *access, int64_t org,
                         const struct server_token_request *request, struct buf *out,
                         struct buf *why)
{
    static const char *const commands[] = { [SERVER_TOKEN_CREATE] = "grapnel token create",
                                            [SERVER_TOKEN_LIST] = "grapnel token list",
                                            [SERVER_TOKEN_REVOKE] = "grapnel token revoke" };
    struct store_act act;
    server_act_begin(&act, str_from(commands[request->verb]));
    enum rc rc = tokens_run(store, access, org, request, out, why);
    store_act_end(&act);
    return rc;
}

static enum rc on_folder(struct store *store, const struct server_token_request *request,
                         struct buf *out, struct buf *why)
{
    struct access_options o = {
        .store = store, .clock = clock_system(), .rng = rng_system(), .cached_max = 16
    };
    struct access *access = access_new(&o);
    struct arena arena;
    struct str id;
    int64_t org;

    arena_init(&arena);
    enum rc rc = access_default_org(access, STR("default"), &arena, &org, &id);
    if (rc == RC_OK)
        rc = server_tokens_on(store, access, org, request, out, why);
    arena_fini(&arena);
    access_free(access);
    return rc;
}

enum rc server_tokens(const struct conf *c, const struct server_token_request *request,
                      struct buf *out, struct buf *why)
{
    struct store *store = NULL;
    enum rc rc = server_folder_for_command(c, &store, why);

    if (rc == RC_BUSY)
        return server_tokens_ask(c->data_dir, request, out, why);
    if (rc == RC_OK)
        rc = on_folder(store, request, out, why);
    store_close(store);
    return rc;
}
