/* SPDX-License-Identifier: Apache-2.0
 *
 * Webhooks: the actions that make, show, list and delete them. A webhook is its creator's; sysadmins may
 * see and delete everybody's.
 */
#include "dialect/ckan_hook_priv.h"

#include "dialect/ckan_answer_priv.h"
#include "dialect/ckan_app_priv.h"

#include "core/options.h"
#include "dest/url.h"
#include "http/url.h"

enum { ADDRESS_MAX = 2048 };

/* What a webhook is made of, checked. */
struct wanted {
    struct str id; /* of an imported one; ptr NULL: ours */
    struct str topic, address, entity, user;
    bool is_sysadmin;
    int64_t created_us;
};

/* --- checking ------------------------------------------------------------------------------------ */

static void check_address(json_t *errors, struct str address)
{
    struct http_url url;
    if (address.ptr == NULL)
        ckan_complain(errors, "address", "Missing value");
    else if (address.len > ADDRESS_MAX || http_url_parse(address, &url, NULL) != RC_OK)
        ckan_complain(errors, "address", "Please provide a valid URL");
}

/* False: answered. Needs a transaction, because the site's topics are in the store. */
static bool ckan_hook_check(struct ckan_call *c, struct store_tx *tx, const struct wanted *w)
{
    bool is_known = false;
    json_t *errors = json_object();
    enum rc rc = RC_OK;
    if (w->topic.ptr == NULL)
        ckan_complain(errors, "topic", "Missing value");
    else
        rc = ckan_topic_known(c, tx, w->topic, &is_known);
    if (w->topic.ptr != NULL && rc == RC_OK && !is_known)
        ckan_complain(errors, "topic", "There is no such topic");
    check_address(errors, w->address);
    if (w->entity.ptr != NULL && !ckan_is_plain(w->entity, CKAN_ENTITY_MAX))
        ckan_complain(errors, "entity_id",
                      "Must be the id or name of a dataset, resource, organization or group");
    if (w->user.ptr == NULL || !ckan_is_plain(w->user, CKAN_USER_MAX))
        ckan_complain(errors, "user_id", "Must be the id of a user");
    if (rc != RC_OK) {
        json_decref(errors);
        ckan_fail(c, rc);
        return false;
    }
    return !ckan_refused(c, errors);
}

static struct str user_of(const json_t *options)
{
    return json_str_member(json_object_get(options, "ckan"), "user");
}

/* The row's options, if it is a webhook of CKAN's; else NULL. The caller releases. */
static json_t *ckan_hook_options_of(const struct store_endpoint *ep)
{
    json_t *options = NULL;
    if (ep->options.ptr == NULL || json_parse(ep->options, &options, NULL) != RC_OK)
        return NULL;
    if (user_of(options).ptr != NULL)
        return options;
    json_decref(options);
    return NULL;
}

static bool is_of(const struct store_endpoint *ep, struct str user)
{
    json_t *options = ckan_hook_options_of(ep);
    bool is_his = options != NULL && str_eq(user_of(options), user);
    json_decref(options);
    return is_his;
}

/* False: answered. `own_max` is not asked of imported ones. */
static bool ckan_hook_has_room(struct ckan_call *c, struct store_tx *tx, int64_t app,
                               struct str user, int64_t own_max)
{
    struct store_endpoint *all = NULL;
    size_t count = 0;
    int64_t own = 0;
    enum rc rc = store_endpoint_all(tx, app, c->arena, &all, &count);
    if (rc != RC_OK) {
        ckan_fail(c, rc);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        own += is_of(&all[i], user) ? 1 : 0;
    json_t *errors = json_object();
    if (count >= CKAN_HOOKS_MAX)
        ckan_complain(errors, "address", "There are as many webhooks as this server holds");
    else if (own >= own_max)
        ckan_complain(errors, "address", "You have as many webhooks as a user may have");
    return !ckan_refused(c, errors);
}

/* --- making -------------------------------------------------------------------------------------- */

static struct str channels_text(struct ckan_call *c, const struct wanted *w)
{
    struct str dot = w->entity.ptr == NULL ? STR("") : STR(".");
    return arena_fmt(c->arena, "[\"public%.*s%.*s\",\"user.%.*s%.*s%.*s\"]", STR_ARGS(dot),
                     STR_ARGS(w->entity), STR_ARGS(w->user), STR_ARGS(dot), STR_ARGS(w->entity));
}

static struct str options_text(struct ckan_call *c, const struct wanted *w, struct str id)
{
    json_t *options =
        json_pack("{s:I, s:{s:s%, s:s%, s:s%, s:b, s:s}}", "timeoutMs",
                  (json_int_t)(c->ckan->conf->ckan_timeout / 1000), "ckan", "id", id.ptr, id.len,
                  "topic", w->topic.ptr, w->topic.len, "user", w->user.ptr, w->user.len, "sysadmin",
                  w->is_sysadmin, "site", c->ckan->conf->ckan_site_url);
    struct str text = json_text(c->arena, options);
    json_decref(options);
    return text;
}

static enum rc ckan_hook_insert(struct ckan_call *c, struct store_tx *tx, int64_t app,
                                const struct wanted *w, struct store_endpoint *ep)
{
    char text[ID_TEXT_MAX + 1];
    struct id id = id_new(store_ids(c->set->o.store));
    struct str type = ckan_event_type(c->arena, w->topic);
    *ep = (struct store_endpoint){ .app = app,
                                   .id = arena_str(c->arena, id_format(STR("ep_"), &id, text)),
                                   .uid = w->id,
                                   .description = arena_fmt(c->arena, "CKAN: %.*s for %.*s",
                                                            STR_ARGS(w->topic), STR_ARGS(w->user)),
                                   .event_types = arena_fmt(c->arena, "[\"%.*s\"]", STR_ARGS(type)),
                                   .channels = channels_text(c, w),
                                   .metadata = STR("{}"),
                                   .version = 1,
                                   .created_us = w->created_us,
                                   .updated_us = c->now_us };
    ep->options = options_text(c, w, w->id.ptr == NULL ? ep->id : w->id);
    enum rc rc = core_options_make_key(c->set->o.vault, c->set->o.rng, SIGN_HMAC256, c->arena, ep);
    if (rc == RC_OK)
        rc = dest_url_set(c->set->o.vault, c->arena, w->address, ep);
    if (rc == RC_OK)
        rc = ckan_topic_register(c, tx, w->topic);
    return rc == RC_OK ? store_endpoint_insert(tx, ep) : rc;
}

/* Ends the transaction and answers with the webhook's id. */
static void finish_create(struct ckan_call *c, struct store_tx *tx, enum rc rc,
                          const struct store_application *app, const struct store_endpoint *ep)
{
    rc = store_finish(tx, rc);
    if (rc != RC_OK) {
        ckan_fail(c, rc);
        return;
    }
    struct str id = ep->uid.ptr == NULL ? ep->id : ep->uid;
    ckan_tell(c, "endpoint.created", app, ep);
    ckan_succeed(c, json_stringn(id.ptr, id.len));
}

void ckan_webhook_create(struct ckan_call *c)
{
    struct store_tx *tx = NULL;
    struct store_application app;
    struct store_endpoint ep;
    struct wanted w = { .topic = ckan_input(c, "topic"),
                        .address = http_url_cleaned(ckan_input(c, "address"), c->arena),
                        .entity = ckan_input(c, "entity_id"),
                        .user = c->user.id,
                        .is_sysadmin = c->user.is_sysadmin,
                        .created_us = c->now_us };
    ckan_sweep(c);
    enum rc rc = store_write(c->set->o.store, &tx);
    if (rc != RC_OK) {
        ckan_fail(c, rc);
        return;
    }
    if (!ckan_hook_check(c, tx, &w)) {
        store_end(tx);
        return;
    }
    rc = ckan_app(c, tx, true, &app);
    if (rc == RC_OK &&
        !ckan_hook_has_room(c, tx, app.num, w.user, c->ckan->conf->ckan_webhooks_max)) {
        store_end(tx);
        return;
    }
    if (rc == RC_OK)
        rc = ckan_hook_insert(c, tx, app.num, &w, &ep);
    finish_create(c, tx, rc, &app, &ep);
}

/* --- reading ------------------------------------------------------------------------------------- */

/* The webhook `id`, if the caller may see it. False: answered; else a transaction is open. */
static bool ckan_hook_find(struct ckan_call *c, bool writes, struct store_tx **tx,
                           struct store_application *app, struct store_endpoint *ep)
{
    struct str id = ckan_input(c, "id");
    json_t *errors = json_object();
    if (id.ptr == NULL)
        ckan_complain(errors, "id", "Missing value");
    if (ckan_refused(c, errors))
        return false;
    enum rc rc = writes ? store_write(c->set->o.store, tx) : store_read(c->set->o.store, tx);
    if (rc != RC_OK) {
        ckan_fail(c, rc);
        return false;
    }
    rc = ckan_app(c, *tx, false, app);
    if (rc == RC_OK)
        rc = store_endpoint_find(*tx, app->num, id, c->arena, ep);
    json_t *options = rc == RC_OK ? ckan_hook_options_of(ep) : NULL;
    bool is_his = c->user.is_sysadmin || str_eq(user_of(options), c->user.id);
    if (rc == RC_OK && options == NULL)
        rc = RC_NOT_FOUND; /* an endpoint that an operator put here */
    json_decref(options);
    if (rc == RC_OK && is_his)
        return true;
    store_end(*tx);
    if (rc == RC_OK)
        ckan_not_authorized(c, "the webhook is somebody else's");
    else
        ckan_fail(c, rc);
    return false;
}

void ckan_webhook_show(struct ckan_call *c)
{
    struct store_tx *tx = NULL;
    struct store_application app;
    struct store_endpoint ep;
    char created[TIME_TEXT_LEN + 1];
    if (!ckan_hook_find(c, false, &tx, &app, &ep))
        return;
    store_end(tx);
    json_t *options = ckan_hook_options_of(&ep);
    const json_t *own = json_object_get(options, "ckan");
    time_format(ep.created_us, created);
    ckan_succeed(c, json_pack("{s:O, s:s%, s:O, s:O, s:s%}", "id", json_object_get(own, "id"),
                              "address", ep.url.ptr, ep.url.len, "topic",
                              json_object_get(own, "topic"), "user_id",
                              json_object_get(own, "user"), "created_at", created,
                              (size_t)TIME_TEXT_LEN - 1)); /* CKAN's dates carry no zone */
    json_decref(options);
}

static void add_own(struct ckan_call *c, const struct store_endpoint *ep, struct str topic,
                    json_t *ids)
{
    json_t *options = ckan_hook_options_of(ep);
    json_t *own = json_object_get(options, "ckan");
    struct str its = str_from(json_string_value(json_object_get(own, "topic")));
    if (options != NULL && str_eq(user_of(options), c->user.id) &&
        (topic.ptr == NULL || str_eq(topic, its)))
        json_array_append(ids, json_object_get(own, "id"));
    json_decref(options);
}

void ckan_webhook_list(struct ckan_call *c)
{
    struct store_tx *tx = NULL;
    struct store_application app;
    struct store_endpoint *eps = NULL;
    size_t count = 0;
    enum rc rc = store_read(c->set->o.store, &tx);
    if (rc == RC_OK)
        rc = ckan_app(c, tx, false, &app);
    if (rc == RC_OK)
        rc = store_endpoint_all(tx, app.num, c->arena, &eps, &count);
    store_end(tx);
    if (rc != RC_OK && rc != RC_NOT_FOUND) {
        ckan_fail(c, rc);
        return;
    }
    json_t *ids = json_array();
    for (size_t i = 0; i < count; i++)
        add_own(c, &eps[i], ckan_input(c, "topic"), ids);
    ckan_succeed(c, ids);
}

void ckan_webhook_delete(struct ckan_call *c)
{
    struct store_tx *tx = NULL;
    struct store_application app;
    struct store_endpoint ep;
    if (!ckan_hook_find(c, true, &tx, &app, &ep))
        return;
    enum rc rc = store_endpoint_delete(tx, ep.num, c->now_us);
    rc = store_finish(tx, rc);
    if (rc != RC_OK) {
        ckan_fail(c, rc);
        return;
    }
    ckan_tell(c, "endpoint.deleted", &app, &ep);
    ckan_succeed(c, json_incref(json_object_get(c->in, "id")));
}

void ckan_webhook_secret(struct ckan_call *c)
{
    struct store_tx *tx = NULL;
    struct store_application app;
    struct store_endpoint ep;
    struct sign_key key;
    char text[SIGN_SECRET_TEXT_MAX];
    if (!ckan_hook_find(c, false, &tx, &app, &ep))
        return;
    store_end(tx);
    enum rc rc = ep.key_count == 0 ? RC_CORRUPT
                                   : core_open_key(c->set->o.vault, ep.id, ep.keys[0].sealed, &key);
    if (rc != RC_OK) {
        ckan_fail(c, rc);
        return;
    }
    struct str shown = sign_key_show(&key, text);
    ckan_succeed(c, json_stringn(shown.ptr, shown.len));
    mem_wipe(&key, sizeof(key));
    mem_wipe(text, sizeof(text));
}

/* --- taking over --------------------------------------------------------------------------------- */

/* Of a database dump or of JSON: with 'T' or a space, with a zone or (meaning UTC) without. */
static bool read_date(struct ckan_call *c, struct str text, int64_t *out)
{
    struct str date = str_sub(text, 0, str_find(text, ' '));
    struct str time = str_sub(text, date.len + 1, text.len);
    if (time.len == 0)
        return time_parse(text, out) == RC_OK ||
               time_parse(arena_fmt(c->arena, "%.*sZ", STR_ARGS(text)), out) == RC_OK;
    return time_parse(arena_fmt(c->arena, "%.*sT%.*sZ", STR_ARGS(date), STR_ARGS(time)), out) ==
               RC_OK ||
           time_parse(arena_fmt(c->arena, "%.*sT%.*s", STR_ARGS(date), STR_ARGS(time)), out) ==
               RC_OK ||
           time_parse(arena_fmt(c->arena, "%.*sT%.*s:00", STR_ARGS(date), STR_ARGS(time)), out) ==
               RC_OK;
}

static bool read_import(struct ckan_call *c, struct wanted *w)
{
    struct str created = ckan_input(c, "created_at");
    json_t *errors = json_object();
    *w = (struct wanted){ .id = ckan_input(c, "id"),
                          .topic = ckan_input(c, "topic"),
                          .address = http_url_cleaned(ckan_input(c, "address"), c->arena),
                          .user = ckan_input(c, "user_id"),
                          .is_sysadmin = true, /* perhaps: the site is asked whenever it matters */
                          .created_us = c->now_us };
    if (w->id.ptr == NULL || !ckan_is_plain(w->id, CKAN_ENTITY_MAX))
        ckan_complain(errors, "id", "Must be 1 to 80 letters, digits, '-' and '_'");
    if (created.ptr != NULL && !read_date(c, created, &w->created_us))
        ckan_complain(errors, "created_at", "Must be a date and time");
    return !ckan_refused(c, errors);
}

void ckan_webhook_import(struct ckan_call *c)
{
    struct store_tx *tx = NULL;
    struct store_application app;
    struct store_endpoint ep;
    struct wanted w;
    if (!read_import(c, &w))
        return;
    enum rc rc = store_write(c->set->o.store, &tx);
    if (rc != RC_OK) {
        ckan_fail(c, rc);
        return;
    }
    if (!ckan_hook_check(c, tx, &w)) {
        store_end(tx);
        return;
    }
    rc = ckan_app(c, tx, true, &app);
    if (rc == RC_OK && store_endpoint_find(tx, app.num, w.id, c->arena, &ep) == RC_OK) {
        store_end(tx); /* imported before */
        ckan_succeed(c, json_stringn(w.id.ptr, w.id.len));
        return;
    }
    if (rc == RC_OK && !ckan_hook_has_room(c, tx, app.num, w.user, INT64_MAX)) {
        store_end(tx);
        return;
    }
    if (rc == RC_OK)
        rc = ckan_hook_insert(c, tx, app.num, &w, &ep);
    finish_create(c, tx, rc, &app, &ep);
}
