/* SPDX-License-Identifier: Apache-2.0
 *
 * The Gaia dialect: its parts and its routes.
 */
#include "dialect/gaia_error_priv.h"

#include "dialect/gaia_config_priv.h"
#include "dialect/gaia_data_priv.h"
#include "dialect/gaia_follow_priv.h"
#include "dialect/gaia_import_priv.h"
#include "dialect/gaia_sts_priv.h"

enum rc dialect_gaia_new(struct dialect_set *set, struct buf *why)
{
    const struct dialect_options *o = &set->o;
    struct dialect_gaia *gaia = XNEW(struct dialect_gaia);
    struct dest_url url;
    struct arena scratch;
    struct buf words;
    set->gaia = gaia;
    gaia->place = (struct dialect_gaia_place){ .store = o->store,
                                               .vault = o->vault,
                                               .clock = o->clock,
                                               .rng = o->rng,
                                               .org = o->org,
                                               .amqp_url = o->conf->gaia_amqp_url };
    arena_init(&scratch);
    buf_init(&words, 256);
    enum rc rc =
        dest_kinds[DEST_AMQP]->read_url(str_from(o->conf->gaia_amqp_url), &scratch, &url, &words);
    if (rc != RC_OK)
        buf_say(why, "gaia.amqp_url: %.*s", STR_ARGS(buf_str(&words)));
    if (rc == RC_OK) {
        rc = dialect_gaia_follow(&gaia->place, &url);
        if (rc != RC_OK)
            buf_say(why, "the webhooks' endpoints cannot be changed: %s", rc_name(rc));
    }
    buf_fini(&words);
    arena_fini(&scratch);
    return rc == RC_OK ? dialect_sts_new(o->conf, &gaia->sts, why) : rc;
}

void dialect_gaia_free(struct dialect_gaia *gaia)
{
    if (gaia == NULL)
        return;
    dialect_sts_free(gaia->sts);
    xfree(gaia);
}

void dialect_gaia_error(struct http_request *req, int status, const char *msg)
{
    struct buf body;
    buf_init(&body, 4096);
    buf_say(&body, "{\"status\":\"error\",\"msg\":");
    if (buf_add_json(&body, str_cut_utf8(str_from(msg), 512)) != RC_OK)
        buf_say(&body, "\"\"");
    buf_say(&body, "}");
    req->reply.status = status;
    req->reply.content_type = STR("application/json");
    req->reply.body = arena_str(req->arena, buf_str(&body));
    buf_fini(&body);
}

static const struct http_route routes[] = {
    { HTTP_HEAD, "/wh/{api_token}/{token}", HTTP_INLINE, dialect_gaia_head, API_OPEN, NULL,
      "Is a webhook's URL valid?" },
    { HTTP_POST, "/wh/{api_token}/{token}", HTTP_INLINE, dialect_gaia_push, API_OPEN | API_MESSAGES,
      NULL, "Push an event" },
    { HTTP_POST, "/api/v1/gaia/import", HTTP_WORKER, dialect_gaia_import, API_ORG | API_WRITE, NULL,
      "Take webhooks of the original service over" },
};

void dialect_gaia_add_routes(struct http_router *router)
{
    http_router_add(router, routes, COUNT_OF(routes));
    http_router_add(router, dialect_gaia_config_routes, dialect_gaia_config_route_count);
}
