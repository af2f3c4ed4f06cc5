/* SPDX-License-Identifier: Apache-2.0
 *
 * From a webhook of the Gaia dialect to rows: an application, its endpoint, and the row that joins
 * them to the tenant. The tenant's own token is sealed wherever it is kept.
 */
#include "dialect/gaia_webhook_priv.h"

#include "core/options.h"
#include "dest/url.h"
#include "store/application.h"
#include "store/endpoint.h"

#include <inttypes.h>

enum { TOKEN_BYTES = 32, ROUTING_KEY_MAX = 255, SEALED_MAX = 16384 };

struct putting {
    const struct dialect_gaia_place *place;
    struct dialect_gaia_webhook *w;
    struct arena *a;
    struct store_tx *tx;
    struct gaia_row row;
    struct dest_url url;
    int64_t now_us;
};

bool dialect_gaia_is_token(struct str token)
{
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
        if (!is_fine)
            return false;
    }
    return token.len > 0 && token.len <= GAIA_TOKEN_MAX;
}

struct str dialect_gaia_uid(struct arena *a, struct str token)
{
    return arena_fmt(a, "gaia-%.*s", STR_ARGS(token));
}

static struct str random_token(const struct putting *p)
{
    uint8_t bytes[TOKEN_BYTES];
    char text[BASE64_LEN(TOKEN_BYTES) + 1];
    rng_fill(p->place->rng, bytes, sizeof(bytes));
    base64_encode(bytes, sizeof(bytes), text);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    return arena_str(p->a, str_of(text, str_find(str_from(text), '=')));
}

/* --- the endpoint's options ------------------------------------------------------------------- */

/* A text that stands for itself in a template. */
static struct str gaia_webhook_literal(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, s.len * 2 + 1);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        out[len++] = s.ptr[i];
        if (s.ptr[i] == '{' || s.ptr[i] == '}')
            out[len++] = s.ptr[i];
    }
    return str_of(out, len);
}

static struct str gaia_webhook_options_of(const struct putting *p)
{
    const struct dialect_gaia_webhook *w = p->w;
    struct str key = arena_fmt(p->a, "event.%" PRId64 ".%.*s.%.*s", w->tenant,
                               STR_ARGS(gaia_webhook_literal(p->a, w->datasource)),
                               STR_ARGS(gaia_webhook_literal(p->a, w->event)));
    json_t *gaia =
        json_pack("{s:I, s:s%, s:s%}", "tenantId", (json_int_t)w->tenant, "datasource",
                  w->datasource.ptr, w->datasource.len, "event", w->event.ptr, w->event.len);
    json_t *headers = json_object();
    if (w->ts_field.len > 0) {
        struct str field = gaia_webhook_literal(p->a, w->ts_field);
        json_object_set_new(headers, "tsField", json_stringn(field.ptr, field.len));
        json_object_set_new(gaia, "tsField", json_stringn(w->ts_field.ptr, w->ts_field.len));
    }
    json_t *options = json_pack("{s:{s:s, s:s, s:b, s:s%, s:o}, s:o}", "amqp", "exchange",
                                "events-to-enrich", "exchangeType", "topic", "declare", 1,
                                "routingKey", key.ptr, key.len, "headers", headers, "gaia", gaia);
    struct str text = json_text(p->a, options);
    json_decref(options);
    return text;
}

static enum rc gaia_webhook_seal(const struct putting *p, struct str plain, struct str endpoint_id,
                                 struct str *out)
{
    struct buf sealed;
    buf_init(&sealed, SEALED_MAX);
    enum rc rc = core_seal_json(p->place->vault, CORE_SECRET_OPTIONS, endpoint_id, plain, &sealed);
    if (rc == RC_OK)
        *out = arena_str(p->a, buf_str(&sealed));
    buf_fini(&sealed);
    return rc;
}

static enum rc fill_endpoint(const struct putting *p, struct store_endpoint *ep)
{
    json_t *secret =
        json_pack("{s:{s:s%}}", "gaia", "apiToken", p->w->api_token.ptr, p->w->api_token.len);
    dest_url_keep_credentials(secret, dest_kinds[DEST_AMQP], &p->url);
    ep->kind = str_from(dest_kinds[DEST_AMQP]->name);
    ep->url = p->url.shown;
    ep->options = gaia_webhook_options_of(p);
    ep->updated_us = p->now_us;
    enum rc rc = core_options_seal(p->place->vault, p->a, secret, ep);
    json_decref(secret);
    return rc;
}

/* --- making and changing ---------------------------------------------------------------------- */

static struct str new_id(const struct putting *p, struct str prefix)
{
    char text[ID_TEXT_MAX + 1];
    struct id id = id_new(store_ids(p->place->store));
    return arena_str(p->a, id_format(prefix, &id, text));
}

static enum rc gaia_webhook_make(struct putting *p)
{
    struct dialect_gaia_webhook *w = p->w;
    if (w->token.len == 0)
        w->token = random_token(p);
    if (w->created_ms == 0)
        w->created_ms = p->now_us / 1000;
    struct store_application app = {
        .org = p->place->org,
        .id = new_id(p, STR("app_")),
        .uid = dialect_gaia_uid(p->a, w->token),
        .name = arena_fmt(p->a, "%.*s %.*s", STR_ARGS(w->datasource), STR_ARGS(w->event)),
        .metadata =
            arena_fmt(p->a, "{\"dialect\":\"gaia\",\"tenantId\":\"%" PRId64 "\"}", w->tenant),
        .created_us = p->now_us,
        .updated_us = p->now_us,
    };
    enum rc rc = store_application_insert(p->tx, &app);
    if (rc != RC_OK)
        return rc;
    struct store_endpoint ep = { .app = app.num,
                                 .id = new_id(p, STR("ep_")),
                                 .description = STR("events-to-enrich"),
                                 .metadata = STR("{}"),
                                 .version = 1,
                                 .created_us = p->now_us };
    rc = fill_endpoint(p, &ep);
    if (rc == RC_OK)
        rc = core_options_make_key(p->place->vault, p->place->rng, SIGN_HMAC256, p->a, &ep);
    if (rc == RC_OK)
        rc = store_endpoint_insert(p->tx, &ep);
    p->row = (struct gaia_row){ .token = w->token,
                                .org = p->place->org,
                                .app = app.num,
                                .endpoint = ep.num,
                                .tenant = w->tenant,
                                .datasource = w->datasource,
                                .event = w->event,
                                .ts_field = w->ts_field.len > 0 ? w->ts_field : STR_NONE,
                                .host = w->host.len > 0 ? w->host : STR(""),
                                .created_ms = w->created_ms };
    if (rc == RC_OK)
        rc = gaia_webhook_seal(p, w->api_token, w->token, &p->row.api_token);
    return rc == RC_OK ? gaia_row_insert(p->tx, &p->row) : rc;
}

static bool gaia_webhook_is_same(const struct putting *p)
{
    const struct gaia_row *row = &p->row;
    struct str api_token;
    return str_eq(row->ts_field, p->w->ts_field) && str_eq(row->host, p->w->host) &&
           core_open_json(p->place->vault, CORE_SECRET_OPTIONS, row->token, row->api_token, p->a,
                          &api_token) == RC_OK &&
           str_eq_constant_time(api_token, p->w->api_token);
}

/* p->row is what there is. */
static enum rc gaia_webhook_change(struct putting *p, enum dialect_gaia_put *did)
{
    struct dialect_gaia_webhook *w = p->w;
    struct store_endpoint ep;
    w->token = p->row.token;
    w->created_ms = p->row.created_ms;
    if (!w->has_ts_field)
        w->ts_field = p->row.ts_field;
    if (w->host.len == 0)
        w->host = p->row.host;
    enum rc rc = store_endpoint_by_num(p->tx, p->row.endpoint, p->a, &ep);
    if (rc != RC_OK)
        return rc;
    *did = gaia_webhook_is_same(p) && str_eq(ep.url, p->url.shown) ? DIALECT_GAIA_SAME
                                                                   : DIALECT_GAIA_CHANGED;
    rc = fill_endpoint(p, &ep);
    if (rc == RC_OK)
        rc = store_endpoint_update(p->tx, &ep);
    p->row.ts_field = w->ts_field.len > 0 ? w->ts_field : STR_NONE;
    p->row.host = w->host;
    if (rc == RC_OK)
        rc = gaia_webhook_seal(p, w->api_token, w->token, &p->row.api_token);
    return rc == RC_OK ? gaia_row_update(p->tx, &p->row) : rc;
}

/* Whoever names a token means that webhook, as its URL is in use: an old installation may have several for the same
 * data source and event. */
static enum rc find_row(struct putting *p)
{
    const struct dialect_gaia_webhook *w = p->w;
    const struct gaia_row *row = &p->row;
    if (w->token.len == 0)
        return gaia_row_find_same(p->tx, p->place->org, w->tenant, w->datasource, w->event, p->a,
                                  &p->row);
    enum rc rc = gaia_row_find(p->tx, p->place->org, w->token, p->a, &p->row);
    bool is_other = rc == RC_OK && (row->tenant != w->tenant || !str_eq(row->event, w->event) ||
                                    !str_eq(row->datasource, w->datasource));
    return is_other ? RC_CONFLICT : rc;
}

/* An endpoint that was deleted through the ordinary API takes its webhook along. */
static enum rc gaia_webhook_find(struct putting *p)
{
    struct store_application app;
    enum rc rc = find_row(p);
    if (rc != RC_OK)
        return rc;
    struct store_endpoint ep;
    rc = store_application_by_num(p->tx, p->row.app, p->a, &app);
    if (rc == RC_OK)
        rc = store_endpoint_by_num(p->tx, p->row.endpoint, p->a, &ep);
    if (rc != RC_OK || (!app.deleted && !ep.deleted))
        return rc;
    rc = gaia_row_delete(p->tx, p->place->org, p->row.token);
    if (rc == RC_OK && !app.deleted)
        rc = store_application_delete(p->tx, app.num, p->now_us);
    return rc == RC_OK ? RC_NOT_FOUND : rc;
}

static enum rc gaia_webhook_check(struct putting *p, struct buf *why)
{
    const struct dialect_gaia_webhook *w = p->w;
    bool is_long = w->datasource.len > DIALECT_GAIA_NAME_MAX ||
                   w->event.len > DIALECT_GAIA_NAME_MAX || w->ts_field.len > ROUTING_KEY_MAX ||
                   w->api_token.len > GAIA_BEARER_MAX;
    if (is_long || w->datasource.len == 0 || w->event.len == 0) {
        buf_say(why, "datasource and event must have 1 to %d bytes, tsField at most %d",
                DIALECT_GAIA_NAME_MAX, ROUTING_KEY_MAX);
        return RC_INVALID;
    }
    if (!dialect_gaia_is_token(w->api_token) && str_find(w->api_token, '/') < w->api_token.len) {
        buf_say(why, "the token cannot be part of a URL");
        return RC_INVALID;
    }
    if (w->token.len > 0 && !dialect_gaia_is_token(w->token)) {
        buf_say(why, "the webhook's token is not of letters, digits, - and _");
        return RC_INVALID;
    }
    return dest_kinds[DEST_AMQP]->read_url(str_from(p->place->amqp_url), p->a, &p->url, why);
}

enum rc dialect_gaia_put(const struct dialect_gaia_place *place, struct dialect_gaia_webhook *w,
                         struct arena *a, enum dialect_gaia_put *did, struct buf *why)
{
    struct putting p = { .place = place, .w = w, .a = a, .now_us = clock_wall_us(place->clock) };
    enum rc rc = gaia_webhook_check(&p, why);
    if (rc == RC_OK)
        rc = store_write(place->store, &p.tx);
    if (rc != RC_OK)
        return rc;
    *did = DIALECT_GAIA_MADE;
    rc = gaia_webhook_find(&p);
    if (rc == RC_OK)
        rc = gaia_webhook_change(&p, did);
    else if (rc == RC_NOT_FOUND)
        rc = gaia_webhook_make(&p);
    if (rc == RC_OK && !place->is_dry)
        rc = store_commit(p.tx);
    else
        store_end(p.tx);
    if (rc == RC_CONFLICT)
        buf_say(why, "the token is another webhook's");
    return rc;
}
