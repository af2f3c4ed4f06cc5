/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of the original Gaia service, as its etcd held them: each becomes a webhook under its old
 * token, so that its URL keeps working. Running it again changes nothing.
 */
#include "dialect/gaia_import_priv.h"

/* "https://<host>/wh/..." */
static struct str host_of(const json_t *record)
{
    struct str url = json_str_member(record, "hookUrl");
    if (!str_skip_prefix(&url, STR("https://")))
        return STR("");
    return str_sub(url, 0, str_find(url, '/'));
}

static bool read_record(const json_t *record, struct dialect_gaia_webhook *w, const char **missing)
{
    const json_t *tenant = json_object_get(record, "tenantId");
    const json_t *created = json_object_get(record, "createdAt");
    struct str event = json_str_member(record, "eventType");
    *w = (struct dialect_gaia_webhook){ .tenant = json_integer_value(tenant),
                                        .datasource = json_str_member(record, "datasource"),
                                        .event = event.len > 0 ? event
                                                               : json_str_member(record, "event"),
                                        .token = json_str_member(record, "token"),
                                        .api_token = json_str_member(record, "apiToken"),
                                        .host = host_of(record),
                                        .has_ts_field = true,
                                        .ts_field = json_str_member(record, "tsField"),
                                        .created_ms = json_integer_value(created) };
    *missing = !json_is_integer(tenant) ? "tenantId"
               : w->datasource.len == 0 ? "datasource"
               : w->event.len == 0      ? "eventType"
               : w->token.len == 0      ? "token"
               : w->api_token.len == 0  ? "apiToken"
                                        : NULL;
    return *missing == NULL;
}

struct importing {
    struct dialect_gaia_place place;
    json_int_t counts[3]; /* by enum dialect_gaia_put */
    json_t *left_out;
};

static void leave_out(struct importing *im, struct str token, const char *why)
{
    json_array_append_new(im->left_out,
                          json_pack("{s:s%, s:s}", "token", token.ptr == NULL ? "" : token.ptr,
                                    token.len, "why", why));
}

/* A dry run does it, too, and takes it back. RC_IO ends it; what is wrong with one record does not hold up the others. */
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
    enum rc rc = dialect_gaia_put(&im->place, &w, a, &did, why);
    if (rc == RC_OK)
        im->counts[did]++;
    else if (rc == RC_INVALID || rc == RC_CONFLICT)
        leave_out(im, w.token, why->ptr == NULL ? rc_name(rc) : why->ptr);
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

static void gaia_import_reply(struct http_request *req, struct importing *im)
{
    json_t *answer = json_pack("{s:I, s:I, s:I, s:O}", "made", im->counts[DIALECT_GAIA_MADE],
                               "changed", im->counts[DIALECT_GAIA_CHANGED], "same",
                               im->counts[DIALECT_GAIA_SAME], "leftOut", im->left_out);
    req->reply.status = 200;
    req->reply.content_type = STR("application/json");
    req->reply.body = json_text(req->arena, answer);
    json_decref(answer);
}

/* A trial that is not understood must not become the real thing. False: answered. */
static bool read_dry_run(struct http_request *req, bool *is_dry)
{
    struct str value;
    *is_dry = http_query(req, "dry_run", 0, &value) && !str_eq(value, STR("false"));
    if (!*is_dry || str_eq(value, STR("true")))
        return true;
    http_invalid(req, "query.dry_run", "value_error", "Expected true or false, not '%.*s'.",
                 STR_ARGS(str_cut_utf8(value, 64)));
    return false;
}

void dialect_gaia_import(struct http_request *req)
{
    struct access_identity *who = NULL;
    struct dialect_gaia *gaia = dialect_gaia_of(req);
    bool is_dry = false;
    json_t *records = NULL;
    if (!api_authorize(req, &who) || !read_dry_run(req, &is_dry))
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
    struct importing im = { .place = gaia->place, .left_out = json_array() };
    im.place.is_dry = is_dry;
    if (import_all(&im, records) == RC_OK)
        gaia_import_reply(req, &im);
    else
        http_error(req, 503, "unavailable",
                   "The store cannot be written now; run the import again.");
    json_decref(im.left_out);
    json_decref(records);
}
