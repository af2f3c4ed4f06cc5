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

enum rc dialect_gaia_import(const struct dialect_gaia_place *place, const json_t *records,
                            bool is_dry, struct buf *out)
{
    size_t counts[3] = { 0 };
    size_t left_out = 0;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < json_array_size(records) && rc == RC_OK; i++) {
        struct dialect_gaia_webhook w;
        enum dialect_gaia_put did = DIALECT_GAIA_SAME;
        const char *missing = NULL;
        struct arena a;
        struct buf why;
        arena_init(&a);
        buf_init(&why, 512);
        bool is_whole = read_record(json_array_get(records, i), &w, &missing);
        struct str token = arena_str(&a, w.token);
        if (is_whole)
            rc =
                is_dry ? foresee(place, &w, &a, &did) : dialect_gaia_put(place, &w, &a, &did, &why);
        bool is_kept = is_whole && rc == RC_OK && str_eq(token, w.token);
        if (is_kept)
            counts[did]++;
        else if (rc != RC_IO)
            buf_say(out, "left out: %.*s: %s\n", STR_ARGS(token),
                    !is_whole ? missing
                    : why.len > 0
                        ? why.ptr
                        : "the tenant has another webhook for the same datasource and event");
        left_out += is_kept ? 0 : 1;
        rc = rc == RC_INVALID || rc == RC_CONFLICT ? RC_OK : rc;
        buf_fini(&why);
        arena_fini(&a);
    }
    buf_say(out, "%s%zu made, %zu changed, %zu as they were, %zu left out\n",
            is_dry ? "would be: " : "", counts[DIALECT_GAIA_MADE], counts[DIALECT_GAIA_CHANGED],
            counts[DIALECT_GAIA_SAME], left_out);
    return rc;
}
