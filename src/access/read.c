/* SPDX-License-Identifier: Apache-2.0
 *
 * What a token stands for: from its row, or from its claims; and making new ones. Scopes are kept as
 * {"role":"viewer","readOnly":true,"capabilities":["ViewBase"],"featureFlags":["beta"],"session":"s1"}, each member optional.
 */
#include "access/access_priv.h"
#include "access/jwt.h"
#include "core/events.h"
#include "sign/sign.h"
#include "store/application.h"
#include "store/held.h"
#include "json/json.h"

enum { TOKEN_PREFIX_LEN = 3 };

static const struct {
    enum access_capability bit;
    const char *name;
} capabilities[] = {
    { ACCESS_MAY_VIEW, "ViewBase" },
    { ACCESS_MAY_VIEW_SECRET, "ViewEndpointSecret" },
    { ACCESS_MAY_MANAGE_SECRET, "ManageEndpointSecret" },
    { ACCESS_MAY_TRANSFORM, "ManageTransformations" },
    { ACCESS_MAY_ATTEMPT, "CreateAttempts" },
    { ACCESS_MAY_MANAGE_ENDPOINT, "ManageEndpoint" },
};

unsigned access_capability_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(capabilities); i++)
        if (str_eq(name, str_from(capabilities[i].name)))
            return capabilities[i].bit;
    return 0;
}

const char *access_capability_name(unsigned bits)
{
    for (size_t i = 0; i < COUNT_OF(capabilities); i++)
        if ((capabilities[i].bit & bits) != 0)
            return capabilities[i].name;
    return NULL;
}

static const char *const roles[] = {
    [ACCESS_OWNER] = "owner", [ACCESS_OPERATOR] = "operator", [ACCESS_VIEWER] = "viewer"
};

const char *access_role_name(enum access_role role)
{
    return roles[role];
}

enum rc access_role_find(struct str name, enum access_role *out)
{
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (!str_eq(name, str_from(roles[i])))
            continue;
        *out = (enum access_role)i;
        return RC_OK;
    }
    return RC_NOT_FOUND;
}

/* --- reading --------------------------------------------------------------------------------------- */

static enum rc read_denied(struct buf *why, const char *words)
{
    buf_say(why, "%s", words);
    return RC_DENIED;
}

static enum rc read_unknown(struct buf *why, const char *words)
{
    buf_say(why, "%s", words);
    return RC_NOT_FOUND;
}

static enum rc read_role(const json_t *scopes, struct access_identity *id)
{
    struct str name = json_str_member(scopes, "role");
    if (name.ptr != NULL && access_role_find(name, &id->role) != RC_OK)
        return RC_CORRUPT;
    if (id->role == ACCESS_VIEWER) {
        id->read_only = true;
        id->capabilities = ACCESS_MAY_VIEW;
    }
    return RC_OK;
}

/* Our own text: what cannot be read was damaged, and grants nothing. */
static enum rc read_scopes(struct str scopes, struct arena *arena, struct access_identity *id)
{
    id->capabilities = ACCESS_MAY_ALL;
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
                access_capability_find(str_from(json_string_value(json_array_get(names, i))));
    }
    const json_t *flags = json_object_get(o, "featureFlags");
    if (json_is_array(flags))
        id->feature_flags = json_text(arena, flags);
    const char *session = json_string_value(json_object_get(o, "session"));
    if (session != NULL)
        id->session = arena_str(arena, str_from(session));
    enum rc rc = read_role(o, id);
    json_decref(o);
    return rc;
}

/* To another cell. */
static bool has_gone(const struct store_org *org)
{
    return str_starts(org->moving, STR("gone:"));
}

/* RC_NOT_FOUND: the application is deleted. RC_CONFLICT: they have gone to another cell. */
static enum rc name_owners(struct store_tx *tx, struct arena *arena, struct access_identity *id)
{
    struct store_org org;
    enum rc rc = store_org_by_num(tx, id->org, arena, &org);
    if (rc == RC_OK && has_gone(&org))
        rc = RC_CONFLICT;
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

static void end_earlier(struct access_identity *id, int64_t at_us)
{
    if (at_us != 0 && (id->expires_us == 0 || id->expires_us > at_us))
        id->expires_us = at_us;
}

/* RC_NOT_FOUND: it is gone. */
static enum rc end_with_parent(struct store_tx *tx, struct arena *arena, struct access_identity *id)
{
    struct store_token parent;
    if (id->parent == 0)
        return RC_OK;
    enum rc rc = store_token_by_num(tx, id->parent, arena, &parent);
    if (rc == RC_OK)
        end_earlier(id, parent.expires_us);
    return rc;
}

/* A code is good for being exchanged only, and a session for a browser only. */
static bool is_good_as(const struct store_token *row, bool is_session)
{
    return is_session ? row->kind == STORE_TOKEN_SESSION
                      : row->kind == STORE_TOKEN_BEARER || row->kind == STORE_TOKEN_PORTAL;
}

static enum rc from_row(struct access *a, struct store_tx *tx, const struct store_token *row,
                        struct arena *arena, struct access_identity *id, struct buf *why)
{
    id->token = row->num;
    id->org = row->org;
    id->app = row->app;
    id->expires_us = row->expires_us;
    id->kind = row->kind;
    id->name = row->name;
    id->parent = row->parent;
    id->used_us = row->used_us;
    id->proved_us = row->proved_us;
    id->user = row->user;
    if (row->kind == STORE_TOKEN_SESSION)
        end_earlier(id, row->used_us + ACCESS_SESSION_UNUSED_US);
    enum rc rc = end_with_parent(tx, arena, id);
    if (rc == RC_OK)
        rc = read_scopes(row->scopes, arena, id);
    if (rc == RC_OK)
        rc = name_owners(tx, arena, id);
    if (rc == RC_OK && id->expires_us != 0 &&
        id->expires_us <= clock_wall_us(store_clock_later(a->store)))
        return read_denied(why, "Invalid token (expired).");
    if (rc == RC_CONFLICT)
        return read_unknown(why, "Invalid token");
    return rc == RC_NOT_FOUND ? read_denied(why, "Invalid token") : rc;
}

/* --- JWT ------------------------------------------------------------------------------------------- */

/* A signed token names an organisation of the operator's choice: the first use makes it. RC_NOT_FOUND: several cells might. */
static enum rc org_of_jwt(struct access *a, struct str id, struct arena *arena, int64_t *num)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    struct store_org org;
    rc = store_org_find(tx, id, arena, &org);
    if (rc == RC_OK && has_gone(&org)) {
        rc = RC_NOT_FOUND;
    } else if (rc == RC_NOT_FOUND && a->makes_orgs) {
        org = (struct store_org){ .id = id, .name = id, .created_us = clock_wall_us(a->clock) };
        rc = store_org_insert(tx, &org);
        if (rc == RC_OK && core_events_is_management(id))
            rc = core_events_seed(tx, org.num, store_ids(a->store), org.created_us);
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
                          const struct access_jwt *jwt, struct arena *arena,
                          struct access_identity *id, struct buf *why)
{
    struct store_application app;
    enum rc rc = store_application_find(tx, id->org, jwt->subject, arena, &app);
    if (rc == RC_NOT_FOUND || (rc == RC_OK && !str_eq(app.id, jwt->subject)))
        return read_denied(why, "Invalid token");
    if (rc != RC_OK)
        return rc;
    int64_t end_s = INT64_MAX;
    rc = access_jwt_end(tx, app.num, arena, jwt->issued_s, &end_s);
    if (rc != RC_OK)
        return rc;
    if (clock_wall_us(clock) / INT64_C(1000000) >= end_s)
        return read_denied(why, "Invalid token (ended).");
    if (end_s != INT64_MAX && (id->expires_us == 0 || id->expires_us > end_s * INT64_C(1000000)))
        id->expires_us = end_s * INT64_C(1000000);
    id->app = app.num;
    id->app_id = app.id;
    id->feature_flags = jwt->feature_flags.ptr != NULL ? jwt->feature_flags : STR("[]");
    return RC_OK;
}

static enum rc from_jwt(struct access *a, struct str token, struct arena *arena,
                        struct access_identity *id, struct buf *why)
{
    struct access_jwt jwt;
    if (a->jwt_secret.len == 0)
        return read_denied(why, "Invalid token");
    if (str_eq_constant_time(token, a->jwt_secret))
        return read_denied(
            why, "Invalid token: this is the JWT secret (server.jwt_secret) itself. Sign a "
                 "JWT with it, or make a token with `grapnel token create`.");
    enum rc rc = access_jwt_check(a->jwt_secret, token, clock_wall_us(a->clock), arena, &jwt, why);
    if (rc != RC_OK)
        return rc;
    bool of_app = jwt.org.len > 0;
    struct str org = of_app ? jwt.org : jwt.subject;
    if (!str_starts(org, STR("org_")) || (of_app && !str_starts(jwt.subject, STR("app_"))) ||
        org.len > 64 || jwt.subject.len > 64)
        return read_denied(why,
                           "Invalid token (`sub` must be an org_ id, or an app_ id with `org`).");
    rc = org_of_jwt(a, org, arena, &id->org);
    if (rc == RC_NOT_FOUND)
        return read_unknown(why, "Invalid token (no cell has its organisation).");
    if (rc != RC_OK)
        return rc;
    id->org_id = org;
    id->capabilities = ACCESS_MAY_ALL;
    id->expires_us =
        jwt.expires_s == 0 ? 0 : (jwt.expires_s + ACCESS_JWT_LEEWAY_S) * INT64_C(1000000);
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

bool access_is_ours(struct str text)
{
    if (text.len != ACCESS_TOKEN_TEXT || text.ptr[0] != 'g' || text.ptr[2] != '_')
        return false;
    for (size_t i = TOKEN_PREFIX_LEN; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z'))
            return false;
    }
    return true;
}

/* What has no row is a JWT, or a token of ours that is not known here. */
static enum rc read_without_row(struct access *a, struct access_proof proof, struct arena *arena,
                                struct access_identity *id, struct buf *why)
{
    if (proof.is_session)
        return read_unknown(why, "Invalid session");
    enum rc rc = from_jwt(a, proof.text, arena, id, why);
    return rc == RC_DENIED && access_is_ours(proof.text) ? RC_NOT_FOUND : rc;
}

enum rc access_read(struct access *a, struct access_proof proof, struct access_identity **out,
                    struct buf *why)
{
    struct arena arena;
    struct access_identity id = { 0 };
    struct store_tx *tx = NULL;
    struct store_token row;
    bool has_row = false;
    arena_init(&arena);
    sign_sha256(proof.text, id.hash);
    enum rc rc = store_read(a->store, &tx);
    if (rc == RC_OK) {
        rc = store_token_find(tx, id.hash, &arena, &row);
        has_row = rc == RC_OK;
        if (has_row)
            rc = is_good_as(&row, proof.is_session) ? from_row(a, tx, &row, &arena, &id, why)
                                                    : read_denied(why, "Invalid token");
        store_end(tx);
    }
    if (rc == RC_NOT_FOUND && !has_row)
        rc = read_without_row(a, proof, &arena, &id, why);
    if (rc == RC_OK)
        *out = access_identity_new(&id);
    arena_fini(&arena);
    return rc;
}

bool access_sought(const struct access *a, struct access_proof proof, struct arena *arena,
                   struct store_sought *out)
{
    struct access_jwt jwt;
    if (proof.text.len == 0 || proof.text.len > ACCESS_TOKEN_MAX)
        return false;
    *out = (struct store_sought){ .kind = STORE_SOUGHT_TOKEN };
    sign_sha256(proof.text, out->hash);
    if (access_is_ours(proof.text))
        return true;
    if (proof.is_session || a->jwt_secret.len == 0 ||
        access_jwt_check(a->jwt_secret, proof.text, clock_wall_us(a->clock), arena, &jwt, NULL) !=
            RC_OK)
        return false;
    out->kind = STORE_SOUGHT_ORG;
    out->name = jwt.org.len > 0 ? jwt.org : jwt.subject;
    return out->name.len <= 64;
}

/* --- making ---------------------------------------------------------------------------------------- */

/* The prefix is for people who find one. */
static void new_text(struct access *a, enum store_token_kind kind,
                     char text[static ACCESS_TOKEN_TEXT + 1])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    static const char prefixes[][TOKEN_PREFIX_LEN + 1] = {
        [STORE_TOKEN_BEARER] = "gk_", [STORE_TOKEN_SESSION] = "gs_", [STORE_TOKEN_LOGIN] = "gc_",
        [STORE_TOKEN_LINK] = "gl_",   [STORE_TOKEN_PORTAL] = "gk_",
    };
    memcpy(text, prefixes[kind], TOKEN_PREFIX_LEN);
    for (size_t i = TOKEN_PREFIX_LEN; i < ACCESS_TOKEN_TEXT; i++)
        text[i] = digits[rng_below(a->rng, sizeof(digits) - 1)];
    text[ACCESS_TOKEN_TEXT] = '\0';
}

/* Nothing narrows what it may do: nothing is written down. */
static bool is_unlimited(const struct access_token_spec *spec, bool has_all)
{
    return !spec->read_only && has_all && spec->feature_flags.ptr == NULL &&
           spec->session.len == 0 && spec->role == ACCESS_OWNER;
}

static struct str scopes_text(const struct access_token_spec *spec, struct arena *arena)
{
    if (spec->scopes.ptr != NULL)
        return spec->scopes;
    bool all = spec->capabilities == 0 || spec->capabilities == ACCESS_MAY_ALL;
    if (is_unlimited(spec, all))
        return STR_NONE;
    json_t *o = json_object();
    if (spec->role != ACCESS_OWNER)
        json_object_set_new(o, "role", json_string(access_role_name(spec->role)));
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

/* Rows that nobody misses go as new ones come, so that their number stays that of the living. */
static enum rc read_insert(struct access *a, struct store_tx *tx, struct store_token *row)
{
    enum rc rc = RC_OK;
    if (row->kind != STORE_TOKEN_BEARER)
        rc = store_token_forget_expired(tx, clock_wall_us(store_clock(a->store)));
    if (rc == RC_OK && row->parent != 0)
        rc = store_token_trim(tx, row->parent, row->kind, ACCESS_CHILDREN_MAX - 1);
    return rc == RC_OK ? store_token_insert(tx, row) : rc;
}

enum rc access_create_in(struct access *a, struct store_tx *tx,
                         const struct access_token_spec *spec,
                         char text[static ACCESS_TOKEN_TEXT + 1], int64_t *num)
{
    struct arena arena;
    int64_t now_us = clock_wall_us(store_clock(a->store));
    bool is_session = spec->kind == STORE_TOKEN_SESSION;
    if (store_org_is_held(a->store, spec->org))
        return RC_BUSY;
    arena_init(&arena);
    struct store_token row = { .org = spec->org,
                               .app = spec->app,
                               .name = spec->name,
                               .created_us = clock_wall_us(a->clock),
                               .expires_us =
                                   spec->lifetime_us == 0 ? 0 : now_us + spec->lifetime_us,
                               .kind = spec->kind,
                               .parent = spec->parent,
                               .user = spec->user,
                               .used_us = is_session ? now_us : 0,
                               .proved_us = is_session ? now_us : 0,
                               .how = spec->how,
                               .peer = spec->peer,
                               .made_by = spec->made_by };
    row.scopes = scopes_text(spec, &arena);
    new_text(a, spec->kind, text);
    sign_sha256(str_of(text, ACCESS_TOKEN_TEXT), row.hash);
    enum rc rc = read_insert(a, tx, &row);
    if (rc == RC_OK && num != NULL)
        *num = row.num;
    arena_fini(&arena);
    return rc;
}

enum rc access_create(struct access *a, const struct access_token_spec *spec,
                      char text[static ACCESS_TOKEN_TEXT + 1], int64_t *num)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = access_create_in(a, tx, spec, text, num);
    return store_finish(tx, rc);
}

static enum rc find_or_make_org(struct access *a, struct store_tx *tx, struct str name,
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

enum rc access_default_org(struct access *a, struct str name, struct arena *arena, int64_t *num,
                           struct str *id)
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
