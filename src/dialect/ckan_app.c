/* SPDX-License-Identifier: Apache-2.0
 *
 * The application that CKAN's webhooks are endpoints of, its event types, and clearing it of webhooks that
 * nobody answers at any more.
 */
#include "dialect/ckan_app_priv.h"

#include "store/event_type.h"

static const int64_t sweep_us = INT64_C(3600000000);

bool ckan_is_plain(struct str s, size_t max)
{
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.ptr[i];
        bool is_fine = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                       (ch >= '0' && ch <= '9') || ch == '-' || ch == '_';
        if (!is_fine)
            return false;
    }
    return s.len > 0 && s.len <= max;
}

struct str ckan_event_type(struct arena *a, struct str topic)
{
    size_t slash = str_find(topic, '/');
    struct str what = str_sub(topic, 0, slash);
    struct str done = str_sub(topic, slash + 1, topic.len);
    if (topic.len > CKAN_TOPIC_MAX || !ckan_is_plain(what, CKAN_TOPIC_MAX) ||
        !ckan_is_plain(done, CKAN_TOPIC_MAX))
        return STR_NONE;
    return arena_fmt(a, "%.*s.%.*s", STR_ARGS(what), STR_ARGS(done));
}

enum rc ckan_app(struct ckan_call *c, struct store_tx *tx, bool make, struct store_application *out)
{
    enum rc rc = store_application_find(tx, c->set->o.org, STR("ckan"), c->arena, out);
    if (rc != RC_NOT_FOUND || !make)
        return rc;
    char text[ID_TEXT_MAX + 1];
    struct id id = id_new(store_ids(c->set->o.store));
    *out = (struct store_application){ .org = c->set->o.org,
                                       .id = arena_str(c->arena, id_format(STR("app_"), &id, text)),
                                       .uid = STR("ckan"),
                                       .name = STR("CKAN"),
                                       .metadata = STR("{}"),
                                       .created_us = c->now_us,
                                       .updated_us = c->now_us };
    return store_application_insert(tx, out);
}

enum rc ckan_topic_register(struct ckan_call *c, struct store_tx *tx, struct str topic)
{
    struct store_event_type et;
    struct str name = ckan_event_type(c->arena, topic);
    enum rc rc = store_event_type_find(tx, c->set->o.org, name, c->arena, &et);
    if (rc != RC_NOT_FOUND)
        return rc;
    char text[ID_TEXT_MAX + 1];
    struct id id = id_new(store_ids(c->set->o.store));
    et = (struct store_event_type){ .org = c->set->o.org,
                                    .id = arena_str(c->arena, id_format(STR("evtype_"), &id, text)),
                                    .name = name,
                                    .description =
                                        arena_fmt(c->arena, "CKAN: %.*s", STR_ARGS(topic)),
                                    .created_us = c->now_us,
                                    .updated_us = c->now_us };
    return store_event_type_insert(tx, &et);
}

enum rc ckan_topic_known(struct ckan_call *c, struct store_tx *tx, struct str topic, bool *out)
{
    static const char *const whats[] = { "dataset", "resource", "organization", "group", "user" };
    static const char *const dones[] = { "create", "update", "delete" };
    struct store_event_type et;
    struct str name = ckan_event_type(c->arena, topic);
    *out = false;
    if (name.ptr == NULL)
        return RC_OK;
    struct str what = str_sub(name, 0, str_find(name, '.'));
    struct str done = str_sub(name, what.len + 1, name.len);
    bool is_what = false, is_done = false;
    for (size_t i = 0; i < COUNT_OF(whats); i++)
        is_what = is_what || str_eq(what, str_from(whats[i]));
    for (size_t i = 0; i < COUNT_OF(dones); i++)
        is_done = is_done || str_eq(done, str_from(dones[i]));
    *out = is_what && is_done;
    if (*out)
        return RC_OK;
    enum rc rc = store_event_type_find(tx, c->set->o.org, name, c->arena, &et);
    *out = rc == RC_OK && !et.archived;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

void ckan_tell(struct ckan_call *c, const char *what, const struct store_application *app,
               const struct store_endpoint *ep)
{
    core_events_emit(c->set->o.events, c->set->o.org, what,
                     core_events_endpoint_data(app->id, app->uid, ep->id, ep->uid));
}

/* --- stale webhooks ------------------------------------------------------------------------------ */

/* The engine disabled it, and nobody has touched it since. */
static bool is_stale(const struct ckan_call *c, const struct store_endpoint *ep)
{
    return ep->disabled && ep->options.ptr != NULL &&
           (str_eq(ep->disabled_reason, STR("failing")) ||
            str_eq(ep->disabled_reason, STR("gone"))) &&
           ep->updated_us + c->ckan->conf->ckan_stale_delete <= c->now_us;
}

/* Leaves in eps what was deleted. */
static enum rc delete_stale(struct ckan_call *c, struct store_tx *tx, struct store_endpoint *eps,
                            size_t *count)
{
    size_t total = *count;
    enum rc rc = RC_OK;
    *count = 0;
    for (size_t i = 0; i < total && rc == RC_OK; i++) {
        if (!is_stale(c, &eps[i]))
            continue;
        rc = store_endpoint_delete(tx, eps[i].num, c->now_us);
        eps[(*count)++] = eps[i];
    }
    return rc;
}

static void tell_deleted(struct ckan_call *c, const struct store_application *app,
                         const struct store_endpoint *eps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        LOG(CKAN_WEBHOOK_REMOVED, F_STR("endpoint", eps[i].id),
            F_STR("reason", eps[i].disabled_reason));
        ckan_tell(c, "endpoint.deleted", app, &eps[i]);
    }
}

/* One worker at a time: whoever moves the time of the last look on. */
static bool is_time(struct ckan_call *c)
{
    int64_t pause = c->ckan->conf->ckan_stale_delete / 2 < sweep_us
                        ? c->ckan->conf->ckan_stale_delete / 2
                        : sweep_us;
    long long last = atomic_load(&c->ckan->swept_us);
    return last + pause <= c->now_us &&
           atomic_compare_exchange_strong(&c->ckan->swept_us, &last, c->now_us);
}

void ckan_sweep(struct ckan_call *c)
{
    struct store_tx *tx = NULL;
    struct store_application app;
    struct store_endpoint *eps = NULL;
    size_t count = 0;
    if (!is_time(c) || store_write(c->set->o.store, &tx) != RC_OK)
        return;
    enum rc rc = ckan_app(c, tx, false, &app);
    if (rc == RC_OK)
        rc = store_endpoint_all(tx, app.num, c->arena, &eps, &count);
    if (rc == RC_OK)
        rc = delete_stale(c, tx, eps, &count);
    if (rc != RC_OK || count == 0) {
        store_end(tx);
        return;
    }
    if (store_commit(tx) == RC_OK)
        tell_deleted(c, &app, eps, count);
}
