/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources: create, read, change, delete, their URLs' tokens and their secrets. A source owns a hidden
 * application, which lives in the organisation of internal ones; its endpoints are handled by the
 * same code as any endpoints (endpoint.c).
 */
#include "api/resource/ingest_priv.h"

#include "api/resource/auth_priv.h"
#include "api/resource/resource_priv.h"
#include "api/schemas/schemas.h"

enum {
    SOURCES_MAX = 100000, /* of one organisation */
    TOKEN_GRACE_S = 172800,
    SECRET_GRACE_S = 86400
};

static void reply_source(struct api_ctx *c, int status, const struct store_source *source)
{
    struct api_out o;
    api_out_open(c, &o);
    api_source_write(c, &o, source);
    api_reply(c, status, &o);
}

static void ingest_write_row(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    (void)arg;
    api_source_write(c, o, row);
}

static void list_sources(struct api_ctx *c)
{
    struct store_page page;
    if (!api_page(c, "src_", true, &page))
        return;
    struct store_source *list = api_page_room(c, &page, sizeof(*list));
    struct store_page_end end = { 0 };
    enum rc rc = store_source_list(c->tx, c->who->org, &page, c->arena, list, &end);
    api_reply_page(c, rc, &page, &end, API_ROWS(list, id, NULL, ingest_write_row, NULL));
}

/* --- making ---------------------------------------------------------------------------------------- */

static enum rc make_app(struct api_ctx *c, int64_t internal, struct store_source *source)
{
    struct store_application app = { .org = internal,
                                     .id = api_new_id_text(c, "app_"),
                                     .uid = source->id,
                                     .name = source->name,
                                     .metadata = STR("{}"),
                                     .created_us = c->now_us,
                                     .updated_us = c->now_us };
    enum rc rc = store_application_insert(c->tx, &app);
    source->app = app.num;
    return rc;
}

static bool add_token(struct api_ctx *c, struct store_source *source)
{
    struct buf *sealed = api_buf(c, 1024);
    enum rc rc = inbound_token_make(c->api->o.inbound, source->id, sealed, &source->tokens[0]);
    if (rc != RC_OK)
        api_fail(c, rc);
    if (source->token_count == 0)
        source->token_count = 1;
    return rc == RC_OK;
}

static void ingest_make(struct api_ctx *c, int64_t internal, struct str uid)
{
    struct store_source source = { .org = c->who->org,
                                   .id = api_new_id_text(c, "src_"),
                                   .created_us = c->now_us };
    if (!api_source_fill(c, c->tx, &source, true) || !add_token(c, &source))
        return;
    source.uid = uid;
    enum rc rc = make_app(c, internal, &source);
    if (rc == RC_OK)
        rc = store_source_insert(c->tx, &source);
    if (rc == RC_OK)
        reply_source(c, 201, &source);
    (void)api_ok(c, rc);
}

/* The organisation of internal applications is made before the transaction in which it is looked up. */
static bool find_internal(struct api_ctx *c, int64_t *internal)
{
    return api_ok(c, core_events_org(c->api->o.events, internal));
}

static bool check_new(struct api_ctx *c)
{
    int64_t internal = 0;
    return api_source_transforms_compile(c) && find_internal(c, &internal);
}

static void create_source(struct api_ctx *c)
{
    int64_t internal = 0;
    if (find_internal(c, &internal))
        ingest_make(c, internal, api_get_str(c, "uid"));
}

static void get_source(struct api_ctx *c)
{
    reply_source(c, 200, &c->source);
}

/* `uid` is what a PUT leaves it with; NULL: as the body says. */
static void ingest_change(struct api_ctx *c, struct store_source *source, const struct str *uid)
{
    if (!api_source_fill(c, c->tx, source, uid != NULL))
        return;
    if (uid != NULL)
        source->uid = *uid;
    enum rc rc = store_source_update(c->tx, source);
    if (rc == RC_OK)
        reply_source(c, 200, source);
    (void)api_ok(c, rc);
}

static void put_source(struct api_ctx *c)
{
    int64_t internal = 0;
    struct store_source source = { 0 };
    struct str uid;
    enum rc rc =
        store_source_find(c->tx, c->who->org, api_param(c, "source_id"), c->arena, &source);
    bool is_found = rc == RC_OK;
    if ((rc != RC_NOT_FOUND && !api_ok(c, rc)) ||
        !api_upsert_uid(c, "source_id", "src_", source.uid, is_found, &uid))
        return;
    if (is_found)
        ingest_change(c, &source, &uid);
    else if (find_internal(c, &internal))
        ingest_make(c, internal, uid);
}

static void patch_source(struct api_ctx *c)
{
    ingest_change(c, &c->source, NULL);
}

static void delete_source(struct api_ctx *c)
{
    enum rc rc = store_source_delete(c->tx, c->source.num, c->now_us);
    if (rc == RC_OK)
        rc = store_application_delete(c->tx, c->source.app, c->now_us);
    api_reply_empty(c, 204);
    (void)api_ok(c, rc);
}

/* --- tokens and secrets ----------------------------------------------------------------------------- */

/* Moves the tokens that still count behind the place of the new one. False: too many. */
static bool retire_tokens(struct store_source *source, int64_t now_us, int64_t expires_us)
{
    struct store_source_token kept[STORE_SOURCE_TOKENS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < source->token_count; i++) {
        struct store_source_token token = source->tokens[i];
        if (token.expires_us == 0 || token.expires_us > expires_us)
            token.expires_us = expires_us;
        if (token.expires_us > now_us)
            kept[count++] = token;
    }
    if (count == STORE_SOURCE_TOKENS_MAX)
        return false;
    memcpy(&source->tokens[1], kept, count * sizeof(kept[0]));
    source->token_count = 1 + count;
    return true;
}

static void rotate_token(struct api_ctx *c)
{
    struct str url;
    int64_t grace = api_get_int(c, "gracePeriodSeconds", TOKEN_GRACE_S);
    if (!retire_tokens(&c->source, c->own_us, c->own_us + grace * INT64_C(1000000))) {
        http_error(c->req, 400, "limit_reached", "At most %d old URLs may still be valid.",
                   STORE_SOURCE_TOKENS_MAX - 1);
        return;
    }
    if (!add_token(c, &c->source))
        return;
    c->source.updated_us = c->now_us;
    enum rc rc = store_source_update(c->tx, &c->source);
    if (rc == RC_OK)
        rc = inbound_url(c->api->o.inbound, &c->source, c->arena, &url);
    if (rc == RC_OK) {
        struct api_out o;
        api_out_open(c, &o);
        api_out_begin(&o, '{');
        api_out_str(&o, "ingestUrl", url);
        api_out_end(&o, '}');
        api_reply(c, 200, &o);
    }
    (void)api_ok(c, rc);
}

static bool retire_secrets(struct inbound_secrets *secrets, struct str fresh, int64_t now_us,
                           int64_t expires_us)
{
    struct inbound_secrets kept = { .companion = secrets->companion };
    kept.list[kept.count++] = (struct inbound_secret){ .text = fresh };
    for (size_t i = 0; i < secrets->count; i++) {
        struct inbound_secret old = secrets->list[i];
        if (old.expires_us == 0 || old.expires_us > expires_us)
            old.expires_us = expires_us;
        if (old.expires_us <= now_us)
            continue;
        if (kept.count == COUNT_OF(kept.list))
            return false;
        kept.list[kept.count++] = old;
    }
    *secrets = kept;
    return true;
}

static bool replace_secret(struct api_ctx *c, struct store_source *source)
{
    struct inbound_secrets secrets;
    int64_t grace = api_get_int(c, "gracePeriodSeconds", SECRET_GRACE_S);
    enum rc rc = inbound_secrets_open(c->api->o.vault, source, c->arena, &secrets);
    if (rc != RC_OK) {
        api_fail(c, rc);
        return false;
    }
    if (!retire_secrets(&secrets, api_get_str(c, "secret"), c->own_us,
                        c->own_us + grace * INT64_C(1000000))) {
        http_error(c->req, 400, "limit_reached", "At most %d secrets may be valid at once.",
                   GRAPNEL_SECRETS_MAX);
        return false;
    }
    return api_source_seal(c, source, &secrets);
}

static void rotate_secret(struct api_ctx *c)
{
    if (!replace_secret(c, &c->source))
        return;
    c->source.updated_us = c->now_us;
    api_reply_empty(c, 204);
    (void)api_ok(c, store_source_update(c->tx, &c->source));
}

/* --- for a source's owner --------------------------------------------------------------------------- */

static void ingest_dashboard(struct api_ctx *c)
{
    enum { EXPIRY_DEFAULT_S = 604800 };
    struct store_application app;
    struct store_tx *tx = NULL;
    struct access_token_spec spec = { .org = c->who->org,
                                      .app = c->source.app,
                                      .name = STR("source portal"),
                                      .read_only = api_get_bool(c, "readOnly", false) };
    spec.lifetime_us = api_get_int(c, "expiry", EXPIRY_DEFAULT_S) * INT64_C(1000000);
    enum rc rc = store_read(c->api->o.store, &tx);
    if (rc == RC_OK) {
        rc = store_application_by_num(tx, c->source.app, c->arena, &app);
        store_end(tx);
    }
    if (api_ok(c, rc))
        api_give_access(c, &spec, app.id);
}

/* --- the door ---------------------------------------------------------------------------------------- */

static void ingest_receive(struct http_request *req)
{
    const struct api *api = req->ctx;
    inbound_receive(api->o.inbound, req);
}

static void ingest_admit(struct http_request *req)
{
    const struct api *api = req->ctx;
    inbound_admit(api->o.inbound, req);
}

void api_ingest_judge(struct http_router *router)
{
    http_router_judge(router, "/in/{token}", ingest_admit);
}

#define BASE "/ingest/api/v1/source"
#define CHANGE (API_ORG | API_WRITE)
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE, API_ORG, "v1.ingest.source.list", "List sources"),
      .run = list_sources, .steps = API_READS, .out = &api_schema_IngestSourceOut, .status = 200,
      .is_list = true, .query = API_PAGE_ORDER },
    { API_ROUTE(HTTP_POST, BASE, CHANGE, "v1.ingest.source.create", "Create a source"),
      .run = create_source, .check = check_new, .steps = API_WRITES,
      .in = &api_schema_IngestSourceIn, .out = &api_schema_IngestSourceOut, .status = 201 },
    { API_ROUTE(HTTP_POST, BASE "/{source_id}/dashboard", CHANGE,
                "v1.ingest.authentication.consumer-portal-access",
                "Get a token and a link for a source's owner"),
      .run = ingest_dashboard, .steps = API_BODY_MAYBE | API_FINDS_SOURCE,
      .in = &api_schema_IngestSourceConsumerPortalAccessIn, .out = &api_schema_AppPortalAccessOut,
      .status = 200 },
    { API_ROUTE(HTTP_GET, BASE "/{source_id}", API_APP, "v1.ingest.source.get", "Get a source"),
      .run = get_source, .steps = API_FINDS_SOURCE, .out = &api_schema_IngestSourceOut,
      .status = 200 },
    { API_ROUTE(HTTP_PUT, BASE "/{source_id}", CHANGE, "v1.ingest.source.upsert",
                "Replace or create a source"),
      .run = put_source, .check = check_new, .steps = API_WRITES, .in = &api_schema_IngestSourceIn,
      .out = &api_schema_IngestSourceOut, .status = 200, .other_status = 201 },
    { API_ROUTE(HTTP_PATCH, BASE "/{source_id}", CHANGE, "v1.ingest.source.patch",
                "Change a source"),
      .run = patch_source, .check = api_source_transforms_compile,
      .steps = API_WRITES | API_FINDS_SOURCE, .in = &api_schema_IngestSourcePatch,
      .out = &api_schema_IngestSourceOut, .status = 200 },
    { API_ROUTE(HTTP_DELETE, BASE "/{source_id}", CHANGE, "v1.ingest.source.delete",
                "Delete a source"),
      .run = delete_source, .steps = API_WRITES | API_FINDS_SOURCE, .status = 204 },
    { API_ROUTE(HTTP_POST, BASE "/{source_id}/token/rotate", CHANGE,
                "v1.ingest.source.rotate-token", "Give a source a new URL"),
      .run = rotate_token, .steps = API_BODY_MAYBE | API_WRITES | API_FINDS_SOURCE,
      .in = &api_schema_IngestGraceIn, .out = &api_schema_RotateTokenOut, .status = 200 },
    { API_ROUTE(HTTP_POST, BASE "/{source_id}/secret/rotate", CHANGE,
                "v1.ingest.source.rotate-secret", "Give a source a new secret"),
      .run = rotate_secret, .steps = API_WRITES | API_FINDS_SOURCE,
      .in = &api_schema_IngestSecretIn, .status = 204 },
    { .http = { HTTP_GET, "/in/{token}", HTTP_INLINE_RAW, ingest_receive, API_OPEN | API_MESSAGES,
                NULL, "Receive" } },
    { .http = { HTTP_POST, "/in/{token}", HTTP_INLINE_RAW, ingest_receive, API_OPEN | API_MESSAGES,
                NULL, "Receive" } },
    { .http = { HTTP_PUT, "/in/{token}", HTTP_INLINE_RAW, ingest_receive, API_OPEN | API_MESSAGES,
                NULL, "Receive" } },
    { .http = { HTTP_PATCH, "/in/{token}", HTTP_INLINE_RAW, ingest_receive, API_OPEN | API_MESSAGES,
                NULL, "Receive" } },
    { .http = { HTTP_DELETE, "/in/{token}", HTTP_INLINE_RAW, ingest_receive,
                API_OPEN | API_MESSAGES, NULL, "Receive" } },
    { .http = { HTTP_OPTIONS, "/in/{token}", HTTP_INLINE_RAW, ingest_receive,
                API_OPEN | API_MESSAGES, NULL, "Receive" } },
};
API_ROUTES(ingest, routes);
