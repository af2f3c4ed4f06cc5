/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the CKAN site who somebody is and what they may see, with its own actions. What it says is kept for
 * ckan.auth_cache, refusals too, so that neither a busy client nor a guesser makes us ask for every call. A
 * credential is kept as its SHA-256 only.
 */
#include "dialect/ckan_site_priv.h"

#include "dialect/ckan_app_priv.h"
#include "dialect/ckan_cache_priv.h"

enum { REPLY_MAX = 4 * 1024 * 1024, URL_MAX = 4096 };

static void ckan_site_run(struct dialect_ckan *ckan, struct fetch_call *call)
{
    struct fetch_options o = { .policy = ckan->policy, .tls = ckan->tls };
    call->method = HTTP_GET;
    call->deadline_us = ckan->conf->ckan_site_timeout;
    call->connect_us = ckan->conf->ckan_site_timeout;
    call->response_keep = REPLY_MAX;
    call->response_read = REPLY_MAX;
    fetch_run(&o, call);
}

/* The result of an answer; RC_DENIED: the site refuses, or knows no such thing. */
static enum rc ckan_site_judge(const struct fetch_call *call, struct str what, json_t **result)
{
    json_t *whole = NULL;
    bool is_refusal = call->status >= 400 && call->status < 500 && call->status != 429;
    if (call->error == FETCH_OK && is_refusal)
        return RC_DENIED;
    if (call->error == FETCH_OK && call->status == 200 && !call->response_cut &&
        json_parse(call->response, &whole, NULL) == RC_OK &&
        json_is_true(json_object_get(whole, "success"))) {
        *result = json_incref(json_object_get(whole, "result"));
        json_decref(whole);
        return *result == NULL ? RC_IO : RC_OK;
    }
    json_decref(whole);
    LOG(CKAN_SITE_FAILED, F_STR("action", what), F_INT("status", call->status),
        F_TEXT("detail", call->detail));
    return RC_IO;
}

/* Of the last call, for who wants to see more than its result. */
static void ckan_site_note(const struct fetch_call *call, struct arena *a, struct ckan_probe *out)
{
    out->status = call->error == FETCH_OK ? call->status : 0;
    if (call->detail[0] != '\0')
        out->detail = arena_str(a, str_from(call->detail));
}

/* `probe`: NULL where nobody looks at the call. */
static enum rc ckan_site_call(struct dialect_ckan *ckan, struct str action, struct str credential,
                              struct arena *a, struct ckan_probe *probe, json_t **result)
{
    struct http_url url;
    struct fetch_call call;
    struct str text = arena_fmt(a, "%s/api/3/action/%.*s", ckan->api_url, STR_ARGS(action));
    if (text.len > URL_MAX || http_url_parse(text, &url, NULL) != RC_OK)
        return RC_DENIED;
    if (atomic_fetch_add(&ckan->asking, 1) >= ckan->conf->ckan_site_at_once) {
        atomic_fetch_sub(&ckan->asking, 1);
        return RC_BUSY;
    }
    fetch_call_init(&call);
    call.url = &url;
    call.headers = credential.len == 0
                       ? STR("Accept: application/json\r\n")
                       : arena_fmt(a, "Accept: application/json\r\nAuthorization: %.*s\r\n",
                                   STR_ARGS(credential));
    ckan_site_run(ckan, &call);
    atomic_fetch_sub(&ckan->asking, 1);
    enum rc rc = ckan_site_judge(&call, action, result);
    if (probe != NULL)
        ckan_site_note(&call, a, probe);
    fetch_call_fini(&call);
    return rc;
}

static enum rc ckan_site_ask(struct dialect_ckan *ckan, struct str action, struct str credential,
                             struct arena *a, json_t **result)
{
    return ckan_site_call(ckan, action, credential, a, NULL, result);
}

/* What is remembered under `key`: JSON text, "null" for a refusal. */
static bool ckan_site_remembered(struct dialect_ckan *ckan, struct str key, struct arena *a,
                                 json_t **out, enum rc *rc)
{
    struct str text;
    if (!ckan_cache_get(ckan->cache, key, a, &text))
        return false;
    *rc = RC_DENIED;
    if (!str_eq(text, STR("null")))
        *rc = json_parse(text, out, NULL);
    return true;
}

static void ckan_site_remember(struct dialect_ckan *ckan, struct str key, struct arena *a,
                               enum rc rc, const json_t *value)
{
    if (rc == RC_OK)
        ckan_cache_put(ckan->cache, key, json_text(a, value));
    else if (rc == RC_DENIED)
        ckan_cache_put(ckan->cache, key, STR("null"));
}

static enum rc with_id(struct arena *a, const char *action, struct str id, const char *more,
                       struct str *out)
{
    struct buf b;
    buf_init(&b, URL_MAX);
    enum rc rc = buf_addf(&b, "%s?id=", action);
    if (rc == RC_OK)
        rc = percent_encode(id, &b);
    if (rc == RC_OK)
        rc = buf_add_str(&b, str_from(more));
    if (rc == RC_OK)
        *out = arena_str(a, buf_str(&b));
    buf_fini(&b);
    return rc == RC_OK ? RC_OK : RC_DENIED;
}

static struct str ckan_site_key_of(struct arena *a, const char *kind, struct str what)
{
    uint8_t hash[32];
    char hex[HEX_LEN(sizeof(hash)) + 1];
    sign_sha256(what, hash);
    hex_encode(hash, sizeof(hash), hex);
    return arena_fmt(a, "%s:%s", kind, hex);
}

/* --- who asks ---------------------------------------------------------------------------------- */

static void read_roles(const json_t *organisations, bool *is_editor, bool *is_admin)
{
    for (size_t i = 0; i < json_array_size(organisations); i++) {
        struct str role = json_str_member(json_array_get(organisations, i), "capacity");
        *is_admin = *is_admin || str_eq(role, STR("admin"));
        *is_editor = *is_editor || *is_admin || str_eq(role, STR("editor"));
    }
}

/* {"id", "sysadmin", "editor", "admin"}. Roles are asked for only where they decide. */
static enum rc ckan_site_learn(struct dialect_ckan *ckan, struct str credential, struct arena *a,
                               json_t **out)
{
    json_t *user = NULL, *organisations = NULL;
    bool is_editor = false, is_admin = false;
    bool roles_decide = ckan->minimum == CKAN_AUTH_EDITOR || ckan->minimum == CKAN_AUTH_ADMIN;
    enum rc rc = ckan_site_ask(ckan, STR("user_show"), credential, a, &user);
    if (rc != RC_OK)
        return rc;
    struct str id = json_str_member(user, "id");
    struct str state = json_str_member(user, "state");
    bool is_sysadmin = json_is_true(json_object_get(user, "sysadmin"));
    if (!ckan_is_plain(id, CKAN_USER_MAX) || (state.ptr != NULL && !str_eq(state, STR("active"))))
        rc = RC_DENIED;
    if (rc == RC_OK && roles_decide && !is_sysadmin) {
        struct str action = STR("");
        rc = with_id(a, "organization_list_for_user", id, "&permission=read", &action);
        if (rc == RC_OK)
            rc = ckan_site_ask(ckan, action, credential, a, &organisations);
        read_roles(organisations, &is_editor, &is_admin);
    }
    if (rc == RC_OK)
        *out = json_pack("{s:O, s:b, s:b, s:b}", "id", json_object_get(user, "id"), "sysadmin",
                         is_sysadmin, "editor", is_editor, "admin", is_admin);
    json_decref(user);
    json_decref(organisations);
    return rc;
}

enum rc ckan_site_user(struct dialect_ckan *ckan, struct str credential, struct arena *a,
                       struct ckan_user *out)
{
    json_t *facts = NULL;
    enum rc rc = RC_DENIED;
    struct str key = ckan_site_key_of(a, "user", credential);
    if (!ckan_site_remembered(ckan, key, a, &facts, &rc)) {
        rc = ckan_site_learn(ckan, credential, a, &facts);
        ckan_site_remember(ckan, key, a, rc, facts);
    }
    if (rc == RC_OK)
        *out = (struct ckan_user){ .id = arena_str(a, json_str_member(facts, "id")),
                                   .is_sysadmin = json_is_true(json_object_get(facts, "sysadmin")),
                                   .is_editor = json_is_true(json_object_get(facts, "editor")),
                                   .is_admin = json_is_true(json_object_get(facts, "admin")) };
    json_decref(facts);
    return rc;
}

/* --- who may see -------------------------------------------------------------------------------- */

/* member_list gives [[id, "user", "Editor"], ...]; kept as [id, ...]. */
static json_t *ids_of(const json_t *members)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < json_array_size(members); i++) {
        json_t *id = json_array_get(json_array_get(members, i), 0);
        if (json_is_string(id))
            json_array_append(ids, id);
    }
    return ids;
}

enum rc ckan_site_members(struct dialect_ckan *ckan, struct str organisation, struct arena *a,
                          json_t **out)
{
    json_t *members = NULL;
    struct str action = STR("");
    enum rc rc = RC_DENIED;
    struct str key = ckan_site_key_of(a, "members", organisation);
    if (ckan_site_remembered(ckan, key, a, out, &rc))
        return rc;
    rc = with_id(a, "member_list", organisation, "&object_type=user", &action);
    if (rc == RC_OK)
        rc = ckan_site_ask(ckan, action, str_from(ckan->conf->ckan_token), a, &members);
    if (rc == RC_OK)
        *out = ids_of(members);
    ckan_site_remember(ckan, key, a, rc, *out);
    json_decref(members);
    return rc;
}

enum rc ckan_site_is_sysadmin(struct dialect_ckan *ckan, struct str user, struct arena *a,
                              bool *out)
{
    json_t *shown = NULL;
    struct str action = STR("");
    enum rc rc = RC_DENIED;
    struct str key = ckan_site_key_of(a, "sysadmin", user);
    if (!ckan_site_remembered(ckan, key, a, &shown, &rc)) {
        rc = with_id(a, "user_show", user, "", &action);
        if (rc == RC_OK)
            rc = ckan_site_ask(ckan, action, str_from(ckan->conf->ckan_token), a, &shown);
        if (rc == RC_OK) {
            bool is_active = str_eq(json_str_member(shown, "state"), STR("active"));
            bool is_sysadmin = json_is_true(json_object_get(shown, "sysadmin"));
            json_decref(shown);
            shown = json_pack("[b]", is_active && is_sysadmin);
        }
        ckan_site_remember(ckan, key, a, rc, shown);
    }
    *out = rc == RC_OK && json_is_true(json_array_get(shown, 0));
    json_decref(shown);
    return rc;
}

/* --- for operators ------------------------------------------------------------------------------- */

enum rc ckan_site_name(struct dialect_ckan *ckan, struct str user, struct arena *a, struct str *out)
{
    json_t *shown = NULL;
    struct str action = STR("");
    enum rc rc = RC_DENIED;
    struct str key = ckan_site_key_of(a, "name", user);
    if (!ckan_site_remembered(ckan, key, a, &shown, &rc)) {
        rc = with_id(a, "user_show", user, "", &action);
        if (rc == RC_OK)
            rc = ckan_site_ask(ckan, action, str_from(ckan->conf->ckan_token), a, &shown);
        if (rc == RC_OK) {
            json_t *kept = json_pack("[O]", json_object_get(shown, "name"));
            json_decref(shown);
            shown = kept != NULL ? kept : json_array();
        }
        ckan_site_remember(ckan, key, a, rc, shown);
    }
    if (rc == RC_OK)
        *out = arena_str(a, json_str_of(json_array_get(shown, 0)));
    json_decref(shown);
    return rc;
}

enum rc ckan_site_probe(struct dialect_ckan *ckan, struct arena *a, struct ckan_probe *out)
{
    json_t *user = NULL;
    const char *token = ckan->conf->ckan_token;
    int64_t begun_us = clock_mono_us(clock_system());
    enum rc rc =
        ckan_site_call(ckan, STR("user_show"), str_from(token != NULL ? token : ""), a, out, &user);
    out->took_us = clock_mono_us(clock_system()) - begun_us;
    if (rc == RC_OK) {
        out->user = arena_str(a, json_str_member(user, "name"));
        out->is_sysadmin = json_is_true(json_object_get(user, "sysadmin"));
    }
    json_decref(user);
    return rc;
}
