/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration API of the Gaia dialect: a tenant's bearer token is checked with the tenant
 * service, and a tenant sees and changes its own webhooks only.
 */
#include "dialect/gaia_config_priv.h"

#include "dialect/gaia_error_priv.h"
#include "dialect/gaia_sts_priv.h"
#include "dialect/gaia_webhook_priv.h"

#include "store/act.h"
#include "store/application.h"
#include "json/json.h"

#include <inttypes.h>

enum { HOST_MAX = 255, BODY_MAX = 1 << 20 };

struct asking {
    struct http_request *req;
    struct dialect_gaia *gaia;
    struct arena *arena;
    struct str token; /* the bearer's */
    int64_t tenant;
};

static bool gaia_config_begin(struct http_request *req, struct asking *q)
{
    struct str value = http_call_header(req->call, "authorization");
    *q = (struct asking){ .req = req, .gaia = dialect_gaia_of(req), .arena = req->arena };
    if (str_ieq(str_sub(value, 0, 7), STR("bearer ")))
        q->token = str_trim(str_sub(value, 7, value.len));
    enum rc rc = dialect_sts_check(q->gaia->sts, q->token, &q->tenant);
    if (rc == RC_DENIED)
        dialect_gaia_error(req, 401, "Unauthorized");
    else if (rc != RC_OK)
        dialect_gaia_error(req, 503, "The token cannot be checked now: try again later");
    else
        store_act_who(STR("gaia"), arena_fmt(req->arena, "%lld", (long long)q->tenant), STR(""),
                      q->gaia->place.org);
    return rc == RC_OK;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void gaia_config_reply(struct asking *q, json_t *answer)
{
    q->req->reply.status = 200;
    q->req->reply.content_type = STR("application/json");
    q->req->reply.body = json_text(q->arena, answer);
    json_decref(answer);
}

static json_t *gaia_config_text(struct str s)
{
    return json_stringn(s.ptr == NULL ? "" : s.ptr, s.len);
}

/* The original called it `event` in one answer and `eventType` in the others; both are here. */
static json_t *gaia_config_show(struct asking *q, const struct gaia_row *row)
{
    struct str api_token = STR_NONE;
    enum rc rc = core_open_json(q->gaia->place.vault, CORE_SECRET_OPTIONS, row->token,
                                row->api_token, q->arena, &api_token);
    if (rc != RC_OK)
        LOG(CORE_SECRET_UNREADABLE, F_TEXT("endpoint", "gaia"), F_TEXT("what", "apiToken"));
    json_t *o = json_pack(
        "{s:o, s:o, s:o, s:I, s:o, s:I, s:o}", "datasource", gaia_config_text(row->datasource),
        "event", gaia_config_text(row->event), "eventType", gaia_config_text(row->event),
        "createdAt", (json_int_t)row->created_ms, "apiToken", gaia_config_text(api_token),
        "tenantId", (json_int_t)row->tenant, "token", gaia_config_text(row->token));
    if (row->ts_field.len > 0)
        json_object_set_new(o, "tsField", gaia_config_text(row->ts_field));
    if (row->host.len > 0)
        json_object_set_new(
            o, "hookUrl",
            gaia_config_text(arena_fmt(q->arena, "https://%.*s/wh/%.*s/%.*s", STR_ARGS(row->host),
                                       STR_ARGS(api_token), STR_ARGS(row->token))));
    return o;
}

/* --- create and update ------------------------------------------------------------------------- */

static bool is_host(struct str host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == ':' || c == '[' || c == ']';
        if (!is_fine)
            return false;
    }
    return host.len > 0 && host.len <= HOST_MAX;
}

static bool gaia_config_read_text(const json_t *body, const char *name, struct str *out)
{
    *out = json_str_member(body, name);
    return out->len > 0;
}

static void read_ts_field(const json_t *body, struct dialect_gaia_webhook *w)
{
    const json_t *v = json_object_get(body, "tsField");
    w->has_ts_field = json_is_string(v);
    (void)gaia_config_read_text(body, "tsField", &w->ts_field);
}

static bool read_webhook(struct asking *q, const json_t *body, struct dialect_gaia_webhook *w)
{
    struct str host = http_call_header(q->req->call, "x-orig-server");
    const char *wrong = NULL;
    *w = (struct dialect_gaia_webhook){ .tenant = q->tenant, .api_token = q->token };
    if (!gaia_config_read_text(body, "datasource", &w->datasource))
        wrong = "Bad request: datasource is missing";
    else if (!gaia_config_read_text(body, "event", &w->event))
        wrong = "Bad request: event is missing";
    else if (!is_host(host))
        wrong = "Bad request: the X-ORIG-SERVER header is missing or no host name";
    if (wrong != NULL) {
        dialect_gaia_error(q->req, 400, wrong);
        return false;
    }
    read_ts_field(body, w);
    w->host = str_starts(host, STR("webhook"))
                  ? host
                  : arena_fmt(q->arena, "webhook.%.*s", STR_ARGS(host));
    return true;
}

static void gaia_config_put(struct asking *q, struct dialect_gaia_webhook *w)
{
    struct gaia_row row;
    struct store_tx *tx = NULL;
    enum dialect_gaia_put did;
    struct buf why;
    buf_init(&why, 512);
    enum rc rc = dialect_gaia_put(&q->gaia->place, w, q->arena, &did, &why);
    if (rc == RC_OK)
        rc = store_read(q->gaia->place.store, &tx);
    if (rc == RC_OK)
        rc = gaia_row_find(tx, q->gaia->place.org, w->token, q->arena, &row);
    store_end(tx);
    if (rc == RC_OK)
        gaia_config_reply(q, gaia_config_show(q, &row));
    else if (rc == RC_INVALID)
        dialect_gaia_error(q->req, 400,
                           arena_cstr(q->arena, arena_fmt(q->arena, "Bad request: %.*s",
                                                          STR_ARGS(buf_str(&why)))));
    else
        dialect_gaia_error(q->req, 500, "Failed to create webhook");
    buf_fini(&why);
}

static void gaia_config_create(struct http_request *req)
{
    struct asking q;
    struct dialect_gaia_webhook w;
    json_t *body = NULL;
    if (!gaia_config_begin(req, &q))
        return;
    struct str text = req->call->body;
    (void)str_skip_prefix(&text, STR("\xEF\xBB\xBF")); /* a byte order mark is no part of JSON */
    if (json_parse(text, &body, NULL) != RC_OK || !json_is_object(body))
        dialect_gaia_error(req, 400, "Bad request: the body is not a JSON object");
    else if (read_webhook(&q, body, &w))
        gaia_config_put(&q, &w);
    json_decref(body);
}

/* --- reading and deleting ---------------------------------------------------------------------- */

static void gaia_config_list(struct http_request *req)
{
    struct asking q;
    struct gaia_row *rows = NULL;
    struct store_tx *tx = NULL;
    size_t count = 0;
    if (!gaia_config_begin(req, &q))
        return;
    enum rc rc = store_read(q.gaia->place.store, &tx);
    if (rc == RC_OK)
        rc = gaia_row_list(tx, q.gaia->place.org, q.tenant, q.arena, &rows, &count);
    store_end(tx);
    if (rc != RC_OK) {
        dialect_gaia_error(req, 500, "Failed to get webhooks");
        return;
    }
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(all, gaia_config_show(&q, &rows[i]));
    gaia_config_reply(&q, all);
}

/* The tenant's webhook of the path. Another tenant's is not there. */
static enum rc gaia_config_find(struct asking *q, struct store_tx *tx, struct gaia_row *row)
{
    if (!dialect_gaia_is_token(q->req->params[0]))
        return RC_NOT_FOUND;
    enum rc rc = gaia_row_find(tx, q->gaia->place.org, q->req->params[0], q->arena, row);
    return rc == RC_OK && row->tenant != q->tenant ? RC_NOT_FOUND : rc;
}

static void gaia_config_get(struct http_request *req)
{
    struct asking q;
    struct gaia_row row;
    struct store_tx *tx = NULL;
    if (!gaia_config_begin(req, &q))
        return;
    enum rc rc = store_read(q.gaia->place.store, &tx);
    if (rc == RC_OK)
        rc = gaia_config_find(&q, tx, &row);
    store_end(tx);
    if (rc == RC_OK)
        gaia_config_reply(&q, gaia_config_show(&q, &row));
    else
        dialect_gaia_error(req, 400, "Failed to get webhook details");
}

/* The application goes with it, and what it still had to deliver is canceled. */
static void gaia_config_delete(struct http_request *req)
{
    struct asking q;
    struct gaia_row row;
    struct store_tx *tx = NULL;
    if (!gaia_config_begin(req, &q))
        return;
    const struct dialect_gaia_place *place = &q.gaia->place;
    enum rc rc = store_write(place->store, &tx);
    if (rc == RC_OK)
        rc = gaia_config_find(&q, tx, &row);
    if (rc == RC_OK)
        rc = gaia_row_delete(tx, place->org, row.token);
    if (rc == RC_OK)
        rc = store_application_delete(tx, row.app, clock_wall_us(place->clock));
    rc = store_finish(tx, rc);
    if (rc != RC_OK) {
        dialect_gaia_error(req, rc == RC_NOT_FOUND ? 400 : 500, "Failed to delete webhook");
        return;
    }
    req->reply.status = 204;
}

const struct http_route dialect_gaia_config_routes[] = {
    { HTTP_POST, "/wh/config", HTTP_WORKER, gaia_config_create, API_OPEN, NULL,
      "Create or change a webhook" },
    { HTTP_GET, "/wh/config", HTTP_WORKER, gaia_config_list, API_OPEN, NULL,
      "List the tenant's webhooks" },
    { HTTP_GET, "/wh/config/{token}", HTTP_WORKER, gaia_config_get, API_OPEN, NULL,
      "Get a webhook" },
    { HTTP_DELETE, "/wh/config/{token}", HTTP_WORKER, gaia_config_delete, API_OPEN, NULL,
      "Delete a webhook" },
};
const size_t dialect_gaia_config_route_count = COUNT_OF(dialect_gaia_config_routes);
