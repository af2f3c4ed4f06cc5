/* SPDX-License-Identifier: Apache-2.0
 *
 * Sources: create, read, change, delete, their URLs' tokens and their secrets. A source owns a hidden
 * application, which lives in the organisation of internal ones; its endpoints are handled by the
 * same code as any endpoints (endpoint.c).
 */
#include "api/ingest_priv.h"
#include "api/schemas.h"

enum {
    SOURCES_MAX = 100000, /* of one organisation */
    TOKEN_GRACE_S = 172800,
    SECRET_GRACE_S = 86400
};

bool api_find_source(struct api_ctx *c, struct store_tx *tx, struct store_source *out)
{
    enum rc rc = store_source_find(tx, c->who->org, api_param(c, "source_id"), c->arena, out);
    bool is_theirs = c->who->app == 0 || (rc == RC_OK && c->who->app == out->app);
    if ((rc == RC_OK || rc == RC_NOT_FOUND) && !is_theirs) { /* and not, whether there is one */
        http_error(c->req, 403, "insufficient access", "This token may not do that.");
        return false;
    }
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
}

bool api_only_source(struct api_ctx *c, struct store_source *out)
{
    struct store_tx *tx;
    if (!api_read(c, &tx))
        return false;
    bool found = api_find_source(c, tx, out);
    store_end(tx);
    return found;
}

static void reply_source(struct api_ctx *c, int status, const struct store_source *source)
{
    struct api_out o;
    api_out_open(c, &o);
    api_source_write(c, &o, source);
    api_reply(c, status, &o);
}

/* Ends the transaction, swaps the view. */
static void changed(struct api_ctx *c, struct store_tx *tx, enum rc rc,
                    const struct store_source *source)
{
    if (rc != RC_OK)
        api_abort(c, tx, rc);
    else if (api_commit(c, tx))
        inbound_changed(c->api->o.inbound, source->num);
}

static void list_sources(struct http_request *req)
{
    struct api_ctx c;
    struct store_page page;
    struct store_tx *tx;
    if (!api_begin(req, &c) || !api_page(&c, "src_", true, &page) || !api_read(&c, &tx))
        return;
    struct store_source *list = arena_array(c.arena, (size_t)page.limit, sizeof(*list));
    struct store_page_end end = { 0 };
    enum rc rc = store_source_list(tx, c.who->org, &page, c.arena, list, &end);
    store_end(tx);
    if (rc != RC_OK) {
        api_fail(&c, rc);
        return;
    }
    struct api_out o;
    api_list_open(&c, &o);
    for (size_t i = 0; i < end.count; i++) {
        api_out_key(&o, NULL);
        api_source_write(&c, &o, &list[i]);
    }
    api_list_reply(&c, &o, &end, end.count == 0 ? STR_NONE : list[0].id,
                   end.count == 0 ? STR_NONE : list[end.count - 1].id);
}

/* --- making ---------------------------------------------------------------------------------------- */

static enum rc make_app(struct api_ctx *c, struct store_tx *tx, int64_t internal,
                        struct store_source *source)
{
    struct store_application app = { .org = internal,
                                     .id = api_new_id_text(c, "app_"),
                                     .uid = source->id,
                                     .name = source->name,
                                     .metadata = STR("{}"),
                                     .created_us = c->now_us,
                                     .updated_us = c->now_us };
    enum rc rc = store_application_insert(tx, &app);
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

/* Ends the transaction in any case. */
static void make(struct api_ctx *c, struct store_tx *tx, int64_t internal)
{
    struct store_source source = { .org = c->who->org,
                                   .id = api_new_id_text(c, "src_"),
                                   .created_us = c->now_us };
    if (!api_source_fill(c, tx, &source, true) || !add_token(c, &source)) {
        store_end(tx);
        return;
    }
    enum rc rc = make_app(c, tx, internal, &source);
    if (rc == RC_OK)
        rc = store_source_insert(tx, &source);
    if (rc == RC_OK)
        reply_source(c, 201, &source);
    changed(c, tx, rc, &source);
}

/* The organisation of internal applications is made before the transaction it is needed in. */
static bool find_internal(struct api_ctx *c, int64_t *internal)
{
    enum rc rc = core_events_org(c->api->o.events, internal);
    if (rc != RC_OK)
        api_fail(c, rc);
    return rc == RC_OK;
}

static void create_source(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    int64_t internal = 0;
    if (api_begin(req, &c) && api_body(&c, &api_schema_IngestSourceIn, false) &&
        api_source_transforms_compile(&c) && find_internal(&c, &internal) && api_write(&c, &tx))
        make(&c, tx, internal);
}

static void get_source(struct http_request *req)
{
    struct api_ctx c;
    struct store_source source;
    if (api_begin(req, &c) && api_only_source(&c, &source))
        reply_source(&c, 200, &source);
}

static void change(struct api_ctx *c, struct store_tx *tx, struct store_source *source, bool all)
{
    if (!api_source_fill(c, tx, source, all)) {
        store_end(tx);
        return;
    }
    enum rc rc = store_source_update(tx, source);
    if (rc == RC_OK)
        reply_source(c, 200, source);
    changed(c, tx, rc, source);
}

static void put_source(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    int64_t internal = 0;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_IngestSourceIn, false) ||
        !api_source_transforms_compile(&c) || !find_internal(&c, &internal) || !api_write(&c, &tx))
        return;
    struct store_source source;
    enum rc rc = store_source_find(tx, c.who->org, api_param(&c, "source_id"), c.arena, &source);
    if (rc == RC_OK)
        change(&c, tx, &source, true);
    else if (rc == RC_NOT_FOUND)
        make(&c, tx, internal);
    else
        api_abort(&c, tx, rc);
}

static void patch_source(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    struct store_source source;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_IngestSourcePatch, false) ||
        !api_source_transforms_compile(&c) || !api_write(&c, &tx))
        return;
    if (api_find_source(&c, tx, &source))
        change(&c, tx, &source, false);
    else
        store_end(tx);
}

static void delete_source(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    struct store_source source;
    if (!api_begin(req, &c) || !api_write(&c, &tx))
        return;
    if (!api_find_source(&c, tx, &source)) {
        store_end(tx);
        return;
    }
    enum rc rc = store_source_delete(tx, source.num, c.now_us);
    if (rc == RC_OK)
        rc = store_application_delete(tx, source.app, c.now_us);
    api_reply_empty(&c, 204);
    changed(&c, tx, rc, &source);
    if (rc == RC_OK)
        core_directory_changed(c.api->o.directory, source.app);
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

static void rotate_token(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    struct store_source source;
    struct str url;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_IngestGraceIn, true) ||
        !api_write(&c, &tx))
        return;
    if (!api_find_source(&c, tx, &source)) {
        store_end(tx);
        return;
    }
    int64_t grace = api_get_int(&c, "gracePeriodSeconds", TOKEN_GRACE_S);
    if (!retire_tokens(&source, c.now_us, c.now_us + grace * INT64_C(1000000))) {
        http_error(req, 400, "limit_reached", "At most %d old URLs may still be valid.",
                   STORE_SOURCE_TOKENS_MAX - 1);
        store_end(tx);
        return;
    }
    if (!add_token(&c, &source)) {
        store_end(tx);
        return;
    }
    source.updated_us = c.now_us;
    enum rc rc = store_source_update(tx, &source);
    if (rc == RC_OK)
        rc = inbound_url(c.api->o.inbound, &source, c.arena, &url);
    if (rc == RC_OK) {
        struct api_out o;
        api_out_open(&c, &o);
        api_out_begin(&o, '{');
        api_out_str(&o, "ingestUrl", url);
        api_out_end(&o, '}');
        api_reply(&c, 200, &o);
    }
    changed(&c, tx, rc, &source);
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
    if (!retire_secrets(&secrets, api_get_str(c, "secret"), c->now_us,
                        c->now_us + grace * INT64_C(1000000))) {
        http_error(c->req, 400, "limit_reached", "At most %d secrets may be valid at once.",
                   GRAPNEL_SECRETS_MAX);
        return false;
    }
    return api_source_seal(c, source, &secrets);
}

static void rotate_secret(struct http_request *req)
{
    struct api_ctx c;
    struct store_tx *tx;
    struct store_source source;
    if (!api_begin(req, &c) || !api_body(&c, &api_schema_IngestSecretIn, false) ||
        !api_write(&c, &tx))
        return;
    if (!api_find_source(&c, tx, &source) || !replace_secret(&c, &source)) {
        store_end(tx);
        return;
    }
    source.updated_us = c.now_us;
    api_reply_empty(&c, 204);
    changed(&c, tx, store_source_update(tx, &source), &source);
}

/* --- the door ---------------------------------------------------------------------------------------- */

/* --- for a source's owner --------------------------------------------------------------------------- */

static void dashboard(struct http_request *req)
{
    enum { EXPIRY_DEFAULT_S = 604800 };
    struct api_ctx c;
    struct store_source source;
    char token[CORE_TOKEN_TEXT + 1];
    if (!api_begin(req, &c) ||
        !api_body(&c, &api_schema_IngestSourceConsumerPortalAccessIn, true) ||
        !api_only_source(&c, &source))
        return;
    struct core_token_spec spec = { .org = c.who->org,
                                    .app = source.app,
                                    .name = STR("source portal"),
                                    .read_only = api_get_bool(&c, "readOnly", false) };
    spec.expires_us = c.now_us + api_get_int(&c, "expiry", EXPIRY_DEFAULT_S) * INT64_C(1000000);
    enum rc rc = core_access_create(c.api->o.access, &spec, token, NULL);
    if (rc != RC_OK)
        api_fail(&c, rc);
    else
        api_reply_access(&c, token);
    mem_wipe(token, sizeof(token));
}

static void receive(struct http_request *req)
{
    const struct api *api = req->ctx;
    inbound_receive(api->o.inbound, req);
}

#define BASE "/ingest/api/v1/source"
#define CHANGE (API_ORG | API_WRITE)
static const struct http_route routes[] = {
    { HTTP_GET, BASE, HTTP_WORKER, list_sources, API_ORG, "v1.ingest.source.list", "List sources" },
    { HTTP_POST, BASE, HTTP_WORKER, create_source, CHANGE, "v1.ingest.source.create",
      "Create a source" },
    { HTTP_POST, BASE "/{source_id}/dashboard", HTTP_WORKER, dashboard, CHANGE,
      "v1.ingest.authentication.consumer-portal-access",
      "Get a token and a link for a source's owner" },
    { HTTP_GET, BASE "/{source_id}", HTTP_WORKER, get_source, API_APP, "v1.ingest.source.get",
      "Get a source" },
    { HTTP_PUT, BASE "/{source_id}", HTTP_WORKER, put_source, CHANGE, "v1.ingest.source.upsert",
      "Replace or create a source" },
    { HTTP_PATCH, BASE "/{source_id}", HTTP_WORKER, patch_source, CHANGE, "v1.ingest.source.patch",
      "Change a source" },
    { HTTP_DELETE, BASE "/{source_id}", HTTP_WORKER, delete_source, CHANGE,
      "v1.ingest.source.delete", "Delete a source" },
    { HTTP_POST, BASE "/{source_id}/token/rotate", HTTP_WORKER, rotate_token, CHANGE,
      "v1.ingest.source.rotate-token", "Give a source a new URL" },
    { HTTP_POST, BASE "/{source_id}/secret/rotate", HTTP_WORKER, rotate_secret, CHANGE,
      "v1.ingest.source.rotate-secret", "Give a source a new secret" },
    { HTTP_GET, "/in/{token}", HTTP_INLINE, receive, API_OPEN, NULL, "Receive" },
    { HTTP_POST, "/in/{token}", HTTP_INLINE, receive, API_OPEN, NULL, "Receive" },
    { HTTP_PUT, "/in/{token}", HTTP_INLINE, receive, API_OPEN, NULL, "Receive" },
    { HTTP_PATCH, "/in/{token}", HTTP_INLINE, receive, API_OPEN, NULL, "Receive" },
    { HTTP_DELETE, "/in/{token}", HTTP_INLINE, receive, API_OPEN, NULL, "Receive" },
    { HTTP_OPTIONS, "/in/{token}", HTTP_INLINE, receive, API_OPEN, NULL, "Receive" },
};
API_ROUTES(ingest, routes);
