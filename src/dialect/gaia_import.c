/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of the original Gaia service, as its etcd held them: each becomes a webhook under its old
 * token, so that its URL keeps working. Running it again changes nothing.
 */
#include "dialect/gaia_priv.h"

static struct str text_of(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return json_is_string(v) ? str_of(json_string_value(v), json_string_length(v)) : STR("");
}

/* "https://<host>/wh/..." */
static struct str host_of(const json_t *record)
{
    struct str url = text_of(record, "hookUrl");
    if (!str_skip_prefix(&url, STR("https://")))
        return STR("");
    return str_sub(url, 0, str_find(url, '/'));
}

static bool read_record(const json_t *record, struct dialect_gaia_webhook *w, const char **missing)
{
    const json_t *tenant = json_object_get(record, "tenantId");
    const json_t *created = json_object_get(record, "createdAt");
    struct str event = text_of(record, "eventType");
    *w = (struct dialect_gaia_webhook){ .tenant = json_integer_value(tenant),
                                        .datasource = text_of(record, "datasource"),
                                        .event = event.len > 0 ? event : text_of(record, "event"),
                                        .token = text_of(record, "token"),
                                        .api_token = text_of(record, "apiToken"),
                                        .host = host_of(record),
                                        .has_ts_field = true,
                                        .ts_field = text_of(record, "tsField"),
                                        .created_ms = json_integer_value(created) };
    *missing = !json_is_integer(tenant) ? "tenantId"
               : w->datasource.len == 0 ? "datasource"
               : w->event.len == 0      ? "eventType"
               : w->token.len == 0      ? "token"
               : w->api_token.len == 0  ? "apiToken"
                                        : NULL;
    return *missing == NULL;
}

/* What putting it would do. */
static enum rc foresee(const struct dialect_gaia_place *place, const struct dialect_gaia_webhook *w,
                       struct arena *a, enum dialect_gaia_put *did)
{
    struct store_gaia_webhook row;
    struct store_tx *tx = NULL;
    enum rc rc = store_read(place->store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_gaia_find(tx, place->org, w->token, a, &row);
    store_end(tx);
    *did = rc == RC_NOT_FOUND ? DIALECT_GAIA_MADE : DIALECT_GAIA_SAME;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

struct importing {
    const struct dialect_gaia_place *place;
    bool is_dry;
    json_int_t counts[3]; /* by enum dialect_gaia_put */
    json_t *left_out;
};

static void leave_out(struct importing *im, struct str token, const char *why)
{
    json_array_append_new(im->left_out,
                          json_pack("{s:s%, s:s}", "token", token.ptr == NULL ? "" : token.ptr,
                                    token.len, "why", why));
}

/* RC_IO ends it; what is wrong with one record does not hold up the others. */
static enum rc import_one(struct importing *im, const json_t *record, struct arena *a,
                          struct buf *why)
{
    struct dialect_gaia_webhook w;
    enum dialect_gaia_put did = DIALECT_GAIA_SAME;
    const char *missing = NULL;
    if (!read_record(record, &w, &missing)) {
        leave_out(im, w.token, missing);
        return RC_OK;
    }
    struct str token = w.token;
    enum rc rc = im->is_dry ? foresee(im->place, &w, a, &did)
                            : dialect_gaia_put(im->place, &w, a, &did, why);
    if (rc == RC_OK && str_eq(token, w.token))
        im->counts[did]++;
    else if (rc == RC_OK)
        leave_out(im, token, "the tenant has another webhook for the same datasource and event");
    else if (rc == RC_INVALID || rc == RC_CONFLICT)
        leave_out(im, token, why->ptr == NULL ? rc_name(rc) : why->ptr);
    return rc == RC_INVALID || rc == RC_CONFLICT ? RC_OK : rc;
}

static enum rc import_all(struct importing *im, const json_t *records)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < json_array_size(records) && rc == RC_OK; i++) {
        struct arena a;
        struct buf why;
        arena_init(&a);
        buf_init(&why, 512);
        rc = import_one(im, json_array_get(records, i), &a, &why);
        buf_fini(&why);
        arena_fini(&a);
    }
    return rc;
}

static void reply(struct http_request *req, struct importing *im)
{
    json_t *answer = json_pack("{s:I, s:I, s:I, s:O}", "made", im->counts[DIALECT_GAIA_MADE],
                               "changed", im->counts[DIALECT_GAIA_CHANGED], "same",
                               im->counts[DIALECT_GAIA_SAME], "leftOut", im->left_out);
    req->reply.status = 200;
    req->reply.content_type = STR("application/json");
    req->reply.body = json_text(req->arena, answer);
    json_decref(answer);
}

void dialect_gaia_import(struct http_request *req)
{
    struct core_identity *who = NULL;
    struct dialect_gaia *gaia = dialect_gaia_of(req);
    struct str dry;
    json_t *records = NULL;
    if (!api_authorize(req, &who))
        return;
    if (who->org != gaia->place.org) {
        http_error(req, 403, "insufficient access",
                   "Webhooks of Gaia belong to the first organisation.");
        return;
    }
    if (json_parse(req->call->body, &records, NULL) != RC_OK || !json_is_array(records)) {
        json_decref(records);
        http_invalid(req, "body", "value_error", "Expected a JSON array of records.");
        return;
    }
    struct importing im = { .place = &gaia->place, .left_out = json_array() };
    im.is_dry = http_query(req, "dry_run", 0, &dry) && str_eq(dry, STR("true"));
    if (import_all(&im, records) == RC_OK)
        reply(req, &im);
    else
        http_error(req, 503, "unavailable",
                   "The store cannot be written now; run the import again.");
    json_decref(im.left_out);
    json_decref(records);
}
