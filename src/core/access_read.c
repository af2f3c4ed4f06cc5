/* SPDX-License-Identifier: Apache-2.0
 *
 * What a token stands for: from its row, or from its claims; and making new ones. Scopes are kept as
 * {"readOnly":true,"capabilities":["ViewBase"],"featureFlags":["beta"],"session":"s1"}, each member optional.
 */
#include "core/access_priv.h"
#include "core/jwt.h"
#include "sign/sign.h"
#include "store/application.h"
#include "json/json.h"

#define TOKEN_PREFIX "gk_"

static const struct {
    enum core_capability bit;
    const char *name;
} capabilities[] = {
    { CORE_MAY_VIEW, "ViewBase" },
    { CORE_MAY_VIEW_SECRET, "ViewEndpointSecret" },
    { CORE_MAY_MANAGE_SECRET, "ManageEndpointSecret" },
    { CORE_MAY_TRANSFORM, "ManageTransformations" },
    { CORE_MAY_ATTEMPT, "CreateAttempts" },
    { CORE_MAY_MANAGE_ENDPOINT, "ManageEndpoint" },
};

unsigned core_capability_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(capabilities); i++)
        if (str_eq(name, str_from(capabilities[i].name)))
            return capabilities[i].bit;
    return 0;
}

/* --- reading --------------------------------------------------------------------------------------- */

static enum rc denied(struct buf *why, const char *words)
{
    buf_say(why, "%s", words);
    return RC_DENIED;
}

/* Our own text: what cannot be read was damaged, and grants nothing. */
static enum rc read_scopes(struct str scopes, struct arena *arena, struct core_identity *id)
{
    id->capabilities = CORE_MAY_ALL;
    if (scopes.ptr == NULL)
        return RC_OK;
    json_t *o = NULL;
    if (json_parse(scopes, &o, NULL) != RC_OK)
        return RC_CORRUPT;
    id->read_only = json_is_true(json_object_get(o, "readOnly"));
    const json_t *names = json_object_get(o, "capabilities");
    if (json_is_array(names)) {
        id->capabilities = 0;
        for (size_t i = 0; i < json_array_size(names); i++)
            id->capabilities |=
                core_capability_find(str_from(json_string_value(json_array_get(names, i))));
    }
    const json_t *flags = json_object_get(o, "featureFlags");
    if (json_is_array(flags))
        id->feature_flags = json_text(arena, flags);
    const char *session = json_string_value(json_object_get(o, "session"));
    if (session != NULL)
        id->session = arena_str(arena, str_from(session));
    json_decref(o);
    return RC_OK;
}

static enum rc name_owners(struct store_tx *tx, struct arena *arena, struct core_identity *id)
{
    struct store_org org;
    enum rc rc = store_org_by_num(tx, id->org, arena, &org);
    if (rc != RC_OK)
        return rc;
    id->org_id = org.id;
    if (id->app == 0)
        return RC_OK;
    struct store_application app;
    rc = store_application_by_num(tx, id->app, arena, &app);
    if (rc != RC_OK)
        return rc;
    if (app.deleted)
        return RC_NOT_FOUND;
    id->app_id = app.id;
    return RC_OK;
}

static enum rc from_row(struct core_access *a, struct store_tx *tx, const struct store_token *row,
                        struct arena *arena, struct core_identity *id, struct buf *why)
{
    if (row->expires_us != 0 && row->expires_us <= clock_wall_us(a->clock))
        return denied(why, "Invalid token (expired).");
    id->token = row->num;
    id->org = row->org;
    id->app = row->app;
    id->expires_us = row->expires_us;
    enum rc rc = read_scopes(row->scopes, arena, id);
    if (rc == RC_OK)
        rc = name_owners(tx, arena, id);
    return rc == RC_NOT_FOUND ? denied(why, "Invalid token") : rc;
}

/* --- JWT ------------------------------------------------------------------------------------------- */

/* A signed token names an organisation of the operator's choice: the first use makes it. */
static enum rc org_of_jwt(struct core_access *a, struct str id, struct arena *arena, int64_t *num)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    struct store_org org;
    rc = store_org_find(tx, id, arena, &org);
    if (rc == RC_NOT_FOUND) {
        org = (struct store_org){ .id = id, .name = id, .created_us = clock_wall_us(a->clock) };
        rc = store_org_insert(tx, &org);
        if (rc == RC_OK) {
            *num = org.num;
            return store_commit(tx);
        }
    }
    store_end(tx);
    *num = org.num;
    return rc;
}

static enum rc app_of_jwt(struct store_tx *tx, const struct clock *clock,
                          const struct core_jwt *jwt, struct arena *arena, struct core_identity *id,
                          struct buf *why)
{
    struct store_application app;
    enum rc rc = store_application_find(tx, id->org, jwt->subject, arena, &app);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && !str_eq(app.id, jwt->subject)))
        return denied(why, "Invalid token");
    if (rc != RC_OK)
        return rc;
    int64_t end_s = INT64_MAX;
    rc = core_access_jwt_end(tx, app.num, arena, jwt->issued_s, &end_s);
    if (rc != RC_OK)
        return rc;
    if (clock_wall_us(clock) / INT64_C(1000000) >= end_s)
        return denied(why, "Invalid token (ended).");
    if (end_s != INT64_MAX && (id->expires_us == 0 || id->expires_us > end_s * INT64_C(1000000)))
        id->expires_us = end_s * INT64_C(1000000);
    id->app = app.num;
    id->app_id = app.id;
    id->feature_flags = jwt->feature_flags.ptr != NULL ? jwt->feature_flags : STR("[]");
    return RC_OK;
}

static enum rc from_jwt(struct core_access *a, struct str token, struct arena *arena,
                        struct core_identity *id, struct buf *why)
{
    struct core_jwt jwt;
    if (a->jwt_secret.len == 0)
        return denied(why, "Invalid token");
    enum rc rc = core_jwt_check(a->jwt_secret, token, clock_wall_us(a->clock), arena, &jwt, why);
    if (rc != RC_OK)
        return rc;
    bool of_app = jwt.org.len > 0;
    struct str org = of_app ? jwt.org : jwt.subject;
    if (!str_starts(org, STR("org_")) || (of_app && !str_starts(jwt.subject, STR("app_"))) ||
        org.len > 64 || jwt.subject.len > 64)
        return denied(why, "Invalid token (`sub` must be an org_ id, or an app_ id with `org`).");
    rc = org_of_jwt(a, org, arena, &id->org);
    if (rc != RC_OK)
        return rc;
    id->org_id = org;
    id->capabilities = CORE_MAY_ALL;
    id->expires_us =
        jwt.expires_s == 0 ? 0 : (jwt.expires_s + CORE_JWT_LEEWAY_S) * INT64_C(1000000);
    if (!of_app)
        return RC_OK;
    struct store_tx *tx = NULL;
    rc = store_read(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = app_of_jwt(tx, a->clock, &jwt, arena, id, why);
    store_end(tx);
    return rc;
}

enum rc core_access_read(struct core_access *a, struct str token, struct core_identity **out,
                         struct buf *why)
{
    struct arena arena;
    arena_init(&arena);
    struct core_identity id = { 0 };
    sign_sha256(token, id.hash);
    struct store_tx *tx = NULL;
    enum rc rc = store_read(a->store, &tx);
    if (rc != RC_OK)
        goto out;
    struct store_token row;
    rc = store_token_find(tx, id.hash, &arena, &row);
    if (rc == RC_OK)
        rc = from_row(a, tx, &row, &arena, &id, why);
    store_end(tx);
    if (rc == RC_NOT_FOUND)
        rc = from_jwt(a, token, &arena, &id, why);
    if (rc == RC_OK)
        *out = core_identity_new(&id);
out:
    arena_fini(&arena);
    return rc;
}

/* --- making ---------------------------------------------------------------------------------------- */

static void new_text(struct core_access *a, char text[static CORE_TOKEN_TEXT + 1])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    memcpy(text, TOKEN_PREFIX, sizeof(TOKEN_PREFIX) - 1);
    for (size_t i = sizeof(TOKEN_PREFIX) - 1; i < CORE_TOKEN_TEXT; i++)
        text[i] = digits[rng_below(a->rng, sizeof(digits) - 1)];
    text[CORE_TOKEN_TEXT] = '\0';
}

static struct str scopes_text(const struct core_token_spec *spec, struct arena *arena)
{
    bool all = spec->capabilities == 0 || spec->capabilities == CORE_MAY_ALL;
    if (!spec->read_only && all && spec->feature_flags.ptr == NULL && spec->session.len == 0)
        return STR_NONE;
    json_t *o = json_object();
    if (spec->read_only)
        json_object_set_new(o, "readOnly", json_true());
    if (!all) {
        json_t *names = json_array();
        for (size_t i = 0; i < COUNT_OF(capabilities); i++)
            if ((spec->capabilities & capabilities[i].bit) != 0)
                json_array_append_new(names, json_string(capabilities[i].name));
        json_object_set_new(o, "capabilities", names);
    }
    json_t *flags = NULL;
    if (spec->feature_flags.ptr != NULL && json_parse(spec->feature_flags, &flags, NULL) == RC_OK)
        json_object_set_new(o, "featureFlags", flags);
    if (spec->session.len > 0)
        json_object_set_new(o, "session", json_stringn(spec->session.ptr, spec->session.len));
    struct str text = json_text(arena, o);
    json_decref(o);
    return text;
}

enum rc core_access_create(struct core_access *a, const struct core_token_spec *spec,
                           char text[static CORE_TOKEN_TEXT + 1], int64_t *num)
{
    struct arena arena;
    arena_init(&arena);
    struct store_token row = { .org = spec->org,
                               .app = spec->app,
                               .name = spec->name,
                               .created_us = clock_wall_us(a->clock),
                               .expires_us = spec->expires_us };
    row.scopes = scopes_text(spec, &arena);
    new_text(a, text);
    sign_sha256(str_of(text, CORE_TOKEN_TEXT), row.hash);
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc == RC_OK) {
        rc = store_token_insert(tx, &row);
        if (rc == RC_OK)
            rc = store_commit(tx);
        else
            store_end(tx);
    }
    if (rc == RC_OK && num != NULL)
        *num = row.num;
    arena_fini(&arena);
    return rc;
}

static enum rc find_or_make_org(struct core_access *a, struct store_tx *tx, struct str name,
                                struct arena *arena, struct store_org *org, bool *made)
{
    struct str known;
    enum rc rc = store_setting_get(tx, "default_org", arena, &known);
    if (rc == RC_OK)
        return store_org_find(tx, known, arena, org);
    if (rc != RC_NOT_FOUND)
        return rc;
    struct id id = id_new(store_ids(a->store));
    char text[ID_TEXT_MAX + 1];
    *org = (struct store_org){ .id = arena_str(arena, id_format(STR("org_"), &id, text)),
                               .name = name,
                               .created_us = clock_wall_us(a->clock) };
    *made = true;
    rc = store_org_insert(tx, org);
    return rc != RC_OK ? rc : store_setting_set(tx, "default_org", org->id);
}

enum rc core_access_default_org(struct core_access *a, struct str name, struct arena *arena,
                                int64_t *num, struct str *id)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    struct store_org org = { 0 };
    bool made = false;
    rc = find_or_make_org(a, tx, name, arena, &org, &made);
    if (rc == RC_OK && made)
        rc = store_commit(tx);
    else
        store_end(tx);
    if (rc == RC_OK) {
        *num = org.num;
        *id = org.id;
    }
    return rc;
}
