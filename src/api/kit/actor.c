/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/actor.h.
 */
#include "api/kit/actor.h"

#include "api/kit/kit_priv.h"

static json_t *actor_text(struct str s)
{
    return json_stringn(s.ptr == NULL ? "" : s.ptr, s.len);
}

static json_t *of_token(struct api_ctx *c)
{
    struct store_token row = { .name = STR("") };
    if (store_token_by_num(c->tx, c->who->token, c->arena, &row) != RC_OK)
        row.name = STR("");
    return json_pack("{s:s,s:o,s:o}", "kind",
                     c->who->kind == STORE_TOKEN_SESSION ? "session" : "token", "id",
                     actor_text(arena_fmt(c->arena, "%lld", (long long)c->who->token)), "name",
                     actor_text(row.name));
}

struct str api_actor(struct api_ctx *c)
{
    struct str of = c->who->app == 0 ? c->who->org_id : c->who->app_id;
    json_t *actor = c->who->token != 0 ? of_token(c)
                                       : json_pack("{s:s,s:o,s:s}", "kind", "jwt", "id",
                                                   actor_text(of), "name", "");
    struct str out = json_text(c->arena, actor);
    json_decref(actor);
    return out;
}
