/* SPDX-License-Identifier: Apache-2.0
 *
 * Subscriptions: each is an endpoint of the tenant's application "preservica", whose one event type is
 * the trigger and whose scheme is "preservica". The application is made with the first subscription;
 * messages published to it under a trigger's name are what triggers.
 */
#include "dialect/preservica_priv.h"

#include "core/events.h"
#include "core/options.h"
#include "deliver/handshake.h"
#include "dest/url.h"
#include "dialect/envelopes_priv.h"
#include "http/url.h"
#include "store/endpoint.h"
#include "store/event_type.h"

enum { SUBSCRIPTIONS_MAX = 1000, URL_LEN_MAX = 8192 };

static const struct trigger {
    const char *name, *description;
} triggers[] = {
    { "MOVED", "An entity was moved." },
    { "FULL_TEXT_INDEXED", "An entity's text was indexed." },
    { "CHANGED_SECURITY_DESCRIPTOR", "An entity's security tag was changed." },
    { "INGEST_FAILED", "An ingest failed." },
    { "CHANGE_ASSET_VISIBILITY", "An asset was shown or hidden." },
};

static bool is_trigger(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(triggers); i++)
        if (str_eq(name, str_from(triggers[i].name)))
            return true;
    return false;
}

/* --- out ------------------------------------------------------------------------------------------- */

static json_t *preservica_subscriptions_parsed(struct str text)
{
    json_t *value = NULL;
    return text.ptr != NULL && json_parse(text, &value, NULL) == RC_OK ? value : NULL;
}

/* NULL: the endpoint is no subscription. */
static json_t *subscription_of(const struct store_endpoint *ep)
{
    json_t *options = preservica_subscriptions_parsed(ep->options);
    json_t *types = preservica_subscriptions_parsed(ep->event_types);
    const char *scheme = json_string_value(json_object_get(options, "scheme"));
    json_t *shown = NULL;
    if (scheme != NULL && strcmp(scheme, "preservica") == 0 && json_array_size(types) == 1)
        shown = json_pack("{s:o, s:o, s:O, s:b, s:b}", "id", preservica_text(ep->id), "url",
                          preservica_text(ep->url), "triggerType", json_array_get(types, 0),
                          "includeIdentifiers",
                          !json_is_false(json_object_get(options, "includeIdentifiers")), "active",
                          !ep->disabled);
    json_decref(options);
    json_decref(types);
    return shown;
}

static void store_failed(struct http_request *req, enum rc rc)
{
    preservica_fail(req, rc == RC_BUSY ? 503 : 500, "The store failed: %s.", rc_name(rc));
}

static void list_subscriptions(struct http_request *req)
{
    const struct dialect_options *o = preservica_of(req)->o;
    struct access_user user;
    struct store_tx *tx = NULL;
    struct store_application app;
    struct store_endpoint *eps = NULL;
    size_t count = 0;
    if (!preservica_begin(req, true, &user))
        return;
    enum rc rc = store_read(o->store, &tx);
    if (rc == RC_OK)
        rc = store_application_find(tx, user.org.num, STR(PRESERVICA_APP_UID), req->arena, &app);
    if (rc == RC_OK)
        rc = store_endpoint_all(tx, app.num, req->arena, &eps, &count);
    store_end(tx);
    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        store_failed(req, rc);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *shown = subscription_of(&eps[i]);
        if (shown != NULL)
            json_array_append_new(list, shown);
    }
    preservica_reply(req, 200, list);
}

/* --- in -------------------------------------------------------------------------------------------- */

struct wanted {
    struct str url, trigger, secret;
    bool includes_identifiers;
};

static bool is_secret(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return false;
    return s.len > 0 && s.len <= CORE_SCHEME_SECRET_MAX;
}

static bool read_wanted(struct http_request *req, const json_t *body, struct wanted *w)
{
    const json_t *identifiers = json_object_get(body, "includeIdentifiers");
    struct http_url url;
    struct str text = json_str_member(body, "includeIdentifiers");
    *w = (struct wanted){ .url = http_url_cleaned(json_str_member(body, "url"), req->arena),
                          .trigger = json_str_member(body, "triggerType"),
                          .secret = json_str_member(body, "secret") };
    w->includes_identifiers = json_is_true(identifiers) || str_ieq(text, STR("true"));
    if (w->url.len > URL_LEN_MAX || http_url_parse(w->url, &url, NULL) != RC_OK)
        preservica_fail(req, 400, "url is not an absolute http or https URL.");
    else if (preservica_of(req)->o->conf->fetch_https_only && !url.tls)
        preservica_fail(req, 400, "url must be https here.");
    else if (!is_trigger(w->trigger))
        preservica_fail(req, 400,
                        "triggerType is none of MOVED, FULL_TEXT_INDEXED, "
                        "CHANGED_SECURITY_DESCRIPTOR, INGEST_FAILED, CHANGE_ASSET_VISIBILITY.");
    else if (!is_secret(w->secret))
        preservica_fail(req, 400, "secret is not 1 to %d printable ASCII characters.",
                        CORE_SCHEME_SECRET_MAX);
    else
        return true;
    return false;
}

static bool shake_hands(struct http_request *req, const struct wanted *w, int64_t org)
{
    struct buf why;
    struct deliver_handshake s = { .kind = &preservica_handshake,
                                   .app = -org, /* the application may not be there yet */
                                   .org = org,
                                   .url = w->url,
                                   .secret = w->secret };
    buf_init(&why, 400);
    enum rc rc = deliver_handshake_run(preservica_of(req)->o->handshaker, &s, &why);
    if (rc == RC_BUSY || rc == RC_LIMIT)
        preservica_fail(req, rc == RC_BUSY ? 503 : 429, "Not subscribed: %s.", why.ptr);
    else if (rc != RC_OK)
        preservica_fail(req, 400, "Not subscribed: the receiver did not pass the handshake: %s.",
                        why.ptr);
    buf_fini(&why);
    return rc == RC_OK;
}

/* --- storing --------------------------------------------------------------------------------------- */

struct making {
    const struct dialect_options *o;
    struct store_tx *tx;
    struct arena *arena;
    const struct access_user *user;
    int64_t now_us;
    struct store_application app;
};

static struct str new_id(struct making *m, const char *prefix)
{
    char text[ID_TEXT_MAX + 1];
    struct id id = id_new(store_ids(m->o->store));
    return arena_str(m->arena, id_format(str_from(prefix), &id, text));
}

static enum rc ensure_event_types(struct making *m)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(triggers); i++) {
        struct store_event_type et = { .org = m->user->org.num,
                                       .id = new_id(m, "evtype_"),
                                       .name = str_from(triggers[i].name),
                                       .description = str_from(triggers[i].description),
                                       .created_us = m->now_us,
                                       .updated_us = m->now_us };
        struct store_event_type known;
        rc = store_event_type_find(m->tx, et.org, et.name, m->arena, &known);
        if (rc == RC_NOT_FOUND)
            rc = store_event_type_insert(m->tx, &et);
    }
    return rc;
}

static enum rc ensure_app(struct making *m)
{
    enum rc rc =
        store_application_find(m->tx, m->user->org.num, STR(PRESERVICA_APP_UID), m->arena, &m->app);
    if (rc != RC_NOT_FOUND)
        return rc;
    m->app = (struct store_application){ .org = m->user->org.num,
                                         .id = new_id(m, "app_"),
                                         .uid = STR(PRESERVICA_APP_UID),
                                         .name = STR("Preservica"),
                                         .metadata = STR("{}"),
                                         .created_us = m->now_us,
                                         .updated_us = m->now_us };
    rc = store_application_insert(m->tx, &m->app);
    return rc == RC_OK ? ensure_event_types(m) : rc;
}

static enum rc preservica_subscriptions_has_room(struct making *m)
{
    struct store_endpoint *eps = NULL;
    size_t count = 0;
    enum rc rc = store_endpoint_all(m->tx, m->app.num, m->arena, &eps, &count);
    return rc == RC_OK && count >= SUBSCRIPTIONS_MAX ? RC_LIMIT : rc;
}

static struct str options_text(struct making *m, const struct wanted *w, struct str url)
{
    char proof[CORE_PROOF_LEN + 1];
    core_handshake_proof(STR("preservica"), url, proof);
    json_t *options = json_pack("{s:s, s:b, s:{s:s, s:s, s:I}}", "scheme", "preservica",
                                "includeIdentifiers", w->includes_identifiers, "handshake", "kind",
                                "preservica", "proof", proof, "at", (json_int_t)m->now_us);
    struct str text = json_text(m->arena, options);
    json_decref(options);
    return text;
}

/* The signing key is one of ours, as every endpoint has; the secret signs beside it. */
static enum rc preservica_subscriptions_seal(struct making *m, const struct wanted *w,
                                             struct store_endpoint *ep)
{
    json_t *secret = json_pack("{s:o}", "schemeSecret", preservica_text(w->secret));
    enum rc rc = core_options_make_key(m->o->vault, m->o->rng, SIGN_HMAC256, m->arena, ep);
    if (rc == RC_OK)
        rc = core_options_seal(m->o->vault, m->arena, secret, ep);
    json_decref(secret);
    return rc;
}

static enum rc preservica_subscriptions_insert(struct making *m, const struct wanted *w,
                                               struct store_endpoint *ep)
{
    enum rc rc = ensure_app(m);
    if (rc == RC_OK)
        rc = preservica_subscriptions_has_room(m);
    if (rc != RC_OK)
        return rc;
    *ep = (struct store_endpoint){ .app = m->app.num,
                                   .id = new_id(m, "ep_"),
                                   .description = STR(""),
                                   .metadata = STR("{}"),
                                   .event_types =
                                       arena_fmt(m->arena, "[\"%.*s\"]", STR_ARGS(w->trigger)),
                                   .version = 1,
                                   .disabled_reason = STR(""),
                                   .created_us = m->now_us,
                                   .updated_us = m->now_us };
    rc = preservica_subscriptions_seal(m, w, ep);
    if (rc == RC_OK)
        rc = dest_url_set(m->o->vault, m->arena, w->url, ep);
    ep->options = options_text(m, w, ep->url);
    return rc == RC_OK ? store_endpoint_insert(m->tx, ep) : rc;
}

static void preservica_subscriptions_tell(const struct dialect_options *o, const char *event,
                                          int64_t org, const struct store_application *app,
                                          const struct store_endpoint *ep)
{
    core_events_emit(o->events, org, event,
                     core_events_endpoint_data(app->id, app->uid, ep->id, ep->uid));
}

static void keep_subscription(struct http_request *req, const struct access_user *user,
                              const struct wanted *w)
{
    const struct dialect_options *o = preservica_of(req)->o;
    struct making m = {
        .o = o, .arena = req->arena, .user = user, .now_us = clock_wall_us(o->clock)
    };
    struct store_endpoint ep;
    enum rc rc = store_write(o->store, &m.tx);
    if (rc == RC_OK)
        rc = preservica_subscriptions_insert(&m, w, &ep);
    rc = store_finish(m.tx, rc);
    if (rc == RC_LIMIT) {
        preservica_fail(req, 400, "A tenant has at most %d subscriptions.", SUBSCRIPTIONS_MAX);
    } else if (rc != RC_OK) {
        store_failed(req, rc);
    } else {
        preservica_subscriptions_tell(o, "endpoint.created", user->org.num, &m.app, &ep);
        preservica_reply(req, 200, subscription_of(&ep));
    }
}

static void preservica_subscriptions_subscribe(struct http_request *req)
{
    struct access_user user;
    struct wanted w;
    json_t *body = NULL;
    if (!preservica_begin(req, true, &user))
        return;
    if (json_parse(req->call->body, &body, NULL) != RC_OK || !json_is_object(body))
        preservica_fail(req, 400, "The body is not a JSON object.");
    else if (read_wanted(req, body, &w) && shake_hands(req, &w, user.org.num))
        keep_subscription(req, &user, &w);
    json_decref(body);
}

/* --- ending ---------------------------------------------------------------------------------------- */

static enum rc find_subscription(struct http_request *req, struct store_tx *tx, int64_t org,
                                 struct store_application *app, struct store_endpoint *ep)
{
    enum rc rc = store_application_find(tx, org, STR(PRESERVICA_APP_UID), req->arena, app);
    if (rc == RC_OK)
        rc = store_endpoint_find(tx, app->num, req->params[0], req->arena, ep);
    if (rc != RC_OK)
        return rc;
    json_t *shown = subscription_of(ep);
    rc = shown == NULL ? RC_NOT_FOUND : RC_OK;
    json_decref(shown);
    return rc;
}

static void preservica_subscriptions_unsubscribe(struct http_request *req)
{
    const struct dialect_options *o = preservica_of(req)->o;
    struct access_user user;
    struct store_application app;
    struct store_endpoint ep;
    struct store_tx *tx = NULL;
    if (!preservica_begin(req, true, &user))
        return;
    enum rc rc = store_write(o->store, &tx);
    if (rc == RC_OK)
        rc = find_subscription(req, tx, user.org.num, &app, &ep);
    if (rc == RC_OK)
        rc = store_endpoint_delete(tx, ep.num, clock_wall_us(o->clock));
    rc = store_finish(tx, rc);
    if (rc == RC_NOT_FOUND) {
        preservica_fail(req, 404, "There is no such subscription.");
    } else if (rc != RC_OK) {
        store_failed(req, rc);
    } else {
        preservica_subscriptions_tell(o, "endpoint.deleted", user.org.num, &app, &ep);
        req->reply.status = 204;
    }
}

#define BASE "/api/webhook/subscriptions"
const struct http_route preservica_subscription_routes[] = {
    { HTTP_GET, BASE, HTTP_WORKER, list_subscriptions, API_OPEN, NULL, "List subscriptions" },
    { HTTP_POST, BASE, HTTP_WORKER, preservica_subscriptions_subscribe, API_OPEN, NULL,
      "Subscribe" },
    { HTTP_DELETE, BASE "/{id}", HTTP_WORKER, preservica_subscriptions_unsubscribe, API_OPEN, NULL,
      "End a subscription" },
};
const size_t preservica_subscription_route_count = COUNT_OF(preservica_subscription_routes);
