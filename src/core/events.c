/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/events.h. Nothing is cached here: the names of the internal applications lead to views
 * the directory keeps, and the two settings are read on a worker.
 */
#include "core/events.h"

#include "store/application.h"
#include "store/config.h"
#include "store/event_type.h"
#include "store/source.h"
#include "json/json.h"

#include <stdio.h>

#define ORG_SETTING "operational_org"
/* As Svix has it: who sends operational webhooks through its API makes an application there for each organisation. */
#define MANAGEMENT_ORG "org_00000000000SvixManagement00"

struct core_events {
    struct core_events_options o;
};

#define CORE_EVENT(name, words, example) { name, words, example },
static const struct core_event_kind known[] = {
#include "core/events.def"
};
#undef CORE_EVENT

const struct core_event_kind *core_events_kinds(size_t *count)
{
    *count = COUNT_OF(known);
    return known;
}

static const struct core_event_kind *event_kind_of(struct str type)
{
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_eq(type, str_from(known[i].name)))
            return &known[i];
    return NULL;
}

bool core_events_known(struct str type)
{
    return event_kind_of(type) != NULL;
}

struct str core_events_example(struct str type, struct arena *a)
{
    const struct core_event_kind *kind = event_kind_of(type);
    return kind == NULL ? STR_NONE
                        : arena_fmt(a, "{\"type\":\"%s\",\"data\":%s}", kind->name, kind->example);
}

struct core_events *core_events_new(const struct core_events_options *o)
{
    struct core_events *e = XNEW(struct core_events);
    e->o = *o;
    return e;
}

void core_events_free(struct core_events *e)
{
    xfree(e);
}

/* --- the internal organisation and its applications ------------------------------------------------ */

static enum rc known_org(struct store_tx *tx, struct arena *a, int64_t *num)
{
    struct str id;
    struct store_org org;
    enum rc rc = store_setting_get(tx, ORG_SETTING, a, &id);
    if (rc == RC_OK)
        rc = store_org_find(tx, id, a, &org);
    if (rc == RC_OK)
        *num = org.num;
    return rc;
}

static enum rc make_org(struct core_events *e, struct store_tx *tx, struct arena *a, int64_t *num)
{
    enum rc rc = known_org(tx, a, num);
    if (rc != RC_NOT_FOUND)
        return rc;
    char text[ID_TEXT_MAX + 1];
    struct id id = id_new(store_ids(e->o.store));
    struct store_org org = { .id = id_format(STR("org_"), &id, text),
                             .name = STR("operational webhooks"),
                             .created_us = clock_wall_us(e->o.clock) };
    rc = store_setting_set(tx, ORG_SETTING,
                           org.id); /* first: the audit log passes it over by that */
    if (rc == RC_OK)
        rc = store_org_insert(tx, &org);
    *num = org.num;
    return rc;
}

enum rc core_events_org(struct core_events *e, int64_t *num)
{
    struct arena a;
    arena_init(&a);
    struct store_tx *tx = NULL;
    enum rc rc = store_read(e->o.store, &tx);
    if (rc == RC_OK) {
        rc = known_org(tx, &a, num);
        store_end(tx);
    }
    if (rc == RC_NOT_FOUND) {
        rc = store_write(e->o.store, &tx);
        if (rc == RC_OK) {
            rc = make_org(e, tx, &a, num);
            rc = store_finish(tx, rc);
        }
    }
    arena_fini(&a);
    return rc;
}

static enum rc find_app(struct store_tx *tx, int64_t internal, int64_t org, struct arena *a,
                        struct store_org *owner, int64_t *num)
{
    struct store_application app;
    enum rc rc = store_org_by_num(tx, org, a, owner);
    if (rc == RC_OK)
        rc = store_application_find(tx, internal, owner->id, a, &app);
    if (rc == RC_OK)
        *num = app.num;
    return rc;
}

static enum rc make_app(struct core_events *e, struct store_tx *tx, int64_t internal, int64_t org,
                        struct arena *a, int64_t *num)
{
    struct store_org owner;
    enum rc rc = find_app(tx, internal, org, a, &owner, num);
    if (rc != RC_NOT_FOUND || *num != 0)
        return rc;
    char text[ID_TEXT_MAX + 1];
    struct id id = id_new(store_ids(e->o.store));
    int64_t now = clock_wall_us(e->o.clock);
    struct store_application app = { .org = internal,
                                     .id = id_format(STR("app_"), &id, text),
                                     .uid = owner.id,
                                     .name = owner.name,
                                     .metadata = STR("{}"),
                                     .created_us = now,
                                     .updated_us = now };
    rc = store_application_insert(tx, &app);
    *num = app.num;
    return rc;
}

/* Reads in one snapshot: most calls come before an organisation ever asked for operational webhooks. */
static enum rc look_up(struct core_events *e, int64_t org, struct arena *a, int64_t *num)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_read(e->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    int64_t internal = 0;
    struct store_org owner;
    rc = known_org(tx, a, &internal);
    if (rc == RC_OK)
        rc = find_app(tx, internal, org, a, &owner, num);
    store_end(tx);
    return rc;
}

enum rc core_events_app(struct core_events *e, int64_t org, bool make, int64_t *num)
{
    struct arena a;
    arena_init(&a);
    *num = 0;
    enum rc rc = look_up(e, org, &a, num);
    if (rc == RC_NOT_FOUND && make) {
        int64_t internal = 0;
        struct store_tx *tx = NULL;
        rc = core_events_org(e, &internal);
        if (rc == RC_OK)
            rc = store_write(e->o.store, &tx);
        if (rc == RC_OK) {
            rc = make_app(e, tx, internal, org, &a, num);
            rc = store_finish(tx, rc);
        }
    }
    arena_fini(&a);
    return rc;
}

/* --- who listens ----------------------------------------------------------------------------------- */

bool core_events_is_management(struct str org_id)
{
    return str_eq(org_id, STR(MANAGEMENT_ORG));
}

/* Applications that are told what happens to an organisation; 0: none. */
struct listeners {
    int64_t own;     /* of endpoints made under /operational-webhook */
    int64_t managed; /* in the management organisation, with the organisation's id as its uid */
};

/* What happens in the management organisation is told to nobody there: each message about a failing one would be
 * another that fails. */
static enum rc find_managed(struct store_tx *tx, int64_t org, struct arena *a, int64_t *num)
{
    struct store_org management, owner;
    struct store_application app;
    enum rc rc = store_org_find(tx, STR(MANAGEMENT_ORG), a, &management);
    if (rc == RC_OK && management.num == org)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        rc = store_org_by_num(tx, org, a, &owner);
    if (rc == RC_OK)
        rc = store_application_find(tx, management.num, owner.id, a, &app);
    if (rc == RC_OK)
        *num = app.num;
    return rc;
}

/* RC_NOT_FOUND: nobody listens. */
static enum rc find_listeners(struct core_events *e, int64_t org, struct listeners *out)
{
    struct arena a;
    struct store_tx *tx = NULL;
    *out = (struct listeners){ 0 };
    arena_init(&a);
    enum rc own = look_up(e, org, &a, &out->own);
    enum rc managed = store_read(e->o.store, &tx);
    if (managed == RC_OK) {
        managed = find_managed(tx, org, &a, &out->managed);
        store_end(tx);
    }
    arena_fini(&a);
    if (own != RC_OK && own != RC_NOT_FOUND)
        return own;
    return own == RC_OK ? RC_OK : managed;
}

enum rc core_events_seed(struct store_tx *tx, int64_t org, struct id_source *ids, int64_t now_us)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < COUNT_OF(known); i++) {
        char text[ID_TEXT_MAX + 1];
        struct id id = id_new(ids);
        struct store_event_type type = { .org = org,
                                         .id = id_format(STR("evtype_"), &id, text),
                                         .name = str_from(known[i].name),
                                         .description = str_from(known[i].words),
                                         .created_us = now_us,
                                         .updated_us = now_us };
        rc = store_event_type_insert(tx, &type);
    }
    return rc;
}

/* --- publishing ------------------------------------------------------------------------------------ */

static void events_set_text(json_t *data, const char *name, struct str value)
{
    json_object_set_new(data, name,
                        value.ptr == NULL ? json_null() : json_stringn(value.ptr, value.len));
}

json_t *core_events_endpoint_data(struct str app_id, struct str app_uid, struct str endpoint_id,
                                  struct str endpoint_uid)
{
    json_t *data = json_object();
    events_set_text(data, "appId", app_id);
    events_set_text(data, "appUid", app_uid);
    events_set_text(data, "endpointId", endpoint_id);
    events_set_text(data, "endpointUid", endpoint_uid);
    return data;
}

json_t *core_events_source_data(struct str source_id, struct str endpoint_id,
                                struct str endpoint_uid)
{
    json_t *data = json_object();
    events_set_text(data, "sourceId", source_id);
    events_set_text(data, "endpointId", endpoint_id);
    events_set_text(data, "endpointUid", endpoint_uid);
    return data;
}

static enum rc events_publish(struct core_events *e, int64_t num, const char *type, json_t *data)
{
    enum { KEPT_DAYS = 90 };
    struct core_app *app = NULL;
    enum rc rc = core_directory_load(e->o.directory, num, &app);
    if (rc != RC_OK)
        return rc;
    if (app->endpoint_count == 0) {
        core_app_unref(app);
        return RC_OK;
    }
    struct arena a;
    arena_init(&a);
    json_t *body = json_object();
    json_object_set_new(body, "type", json_string(type));
    json_object_set(body, "data", data);
    struct store_message message = { .org = app->org,
                                     .app = app->num,
                                     .event_type = str_from(type),
                                     .payload = json_text(&a, body) };
    json_decref(body);
    store_stamp(e->o.store, &message, KEPT_DAYS * INT64_C(86400000000));
    struct core_publish *p = core_publish_new(e->o.publisher, app, &message, NULL, 0);
    p->is_own = true;
    rc = core_publish_wait(p);
    arena_fini(&a);
    core_app_unref(app);
    return rc;
}

static void publish_or_log(struct core_events *e, int64_t app, const char *type, json_t *data)
{
    enum rc rc = events_publish(e, app, type, data);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        LOG(CORE_EVENT_LOST, F_TEXT("type", type), F_TEXT("rc", rc_name(rc)));
}

void core_events_emit(struct core_events *e, int64_t org, const char *type, json_t *data)
{
    struct listeners l;
    enum rc rc = find_listeners(e, org, &l);
    if (rc == RC_OK && l.own != 0)
        publish_or_log(e, l.own, type, data);
    if (rc == RC_OK && l.managed != 0)
        publish_or_log(e, l.managed, type, data);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        LOG(CORE_EVENT_LOST, F_TEXT("type", type), F_TEXT("rc", rc_name(rc)));
    json_decref(data);
}

/* --- from deliver ---------------------------------------------------------------------------------- */

enum { PAYLOAD_ALONG_MAX = 64 * 1024 }; /* bytes */

struct notice {
    struct work_job job;
    struct core_events *events;
    char type[40];
    struct id message, attempt;
    int64_t app, endpoint;
    int http_status;
    int64_t started_us;
};

static json_t *id_json(const char *prefix, const struct id *id)
{
    char text[ID_TEXT_MAX + 1];
    struct str s = id_format(str_from(prefix), id, text);
    return json_stringn(s.ptr, s.len);
}

/* Whom it is about, and whom it is told. */
struct subjects {
    struct store_application app;
    struct store_endpoint ep;
    struct store *store;
    int64_t org;
    struct str source; /* the hidden application's; ptr NULL: an application of somebody's own */
};

static json_t *subject_data(const struct subjects *s)
{
    if (s->source.ptr != NULL)
        return core_events_source_data(s->source, s->ep.id, s->ep.uid);
    return core_events_endpoint_data(s->app.id, s->app.uid, s->ep.id, s->ep.uid);
}

/* The payload as JSON; null when it is gone, no JSON, or too large to go along. */
static json_t *payload_json(struct str payload)
{
    json_t *value = NULL;
    if (payload.ptr == NULL || payload.len > PAYLOAD_ALONG_MAX ||
        json_parse(payload, &value, NULL) != RC_OK)
        return json_null();
    return value;
}

static json_t *attempt_data(const struct notice *n, const struct subjects *s,
                            const struct store_message *m)
{
    struct str event_id = m->event_id;
    char time[TIME_TEXT_LEN + 1];
    time_format(n->started_us, time);
    json_t *data = subject_data(s);
    json_object_set_new(data, "msgId", id_json("msg_", &n->message));
    json_object_set_new(data, "msgEventId",
                        event_id.ptr == NULL ? json_null()
                                             : json_stringn(event_id.ptr, event_id.len));
    events_set_text(data, "eventType", m->event_type);
    json_object_set_new(data, "payload", payload_json(m->payload));
    json_t *last = json_object();
    json_object_set_new(last, "id", id_json("atmpt_", &n->attempt));
    json_object_set_new(last, "responseStatusCode", json_integer(n->http_status));
    json_object_set_new(last, "timestamp", json_string(time));
    json_object_set_new(data, "lastAttempt", last);
    return data;
}

static json_t *disabled_data(const struct subjects *s)
{
    json_t *data = subject_data(s);
    json_object_set_new(data, "trigger", json_string("automatic"));
    if (s->ep.failing_since_us != 0) {
        char time[TIME_TEXT_LEN + 1];
        time_format(store_shown_us(s->store, s->ep.failing_since_us), time);
        json_object_set_new(data, "failSince", json_string(time));
    }
    return data;
}

/* The hidden application of a source has the source's id as its own uid. */
static enum rc find_source(struct store_tx *tx, struct arena *a, struct subjects *s)
{
    int64_t internal = 0;
    struct store_source source;
    s->org = s->app.org;
    enum rc rc = known_org(tx, a, &internal);
    if (rc == RC_OK && internal == s->app.org)
        rc = store_source_by_id(tx, s->app.uid, a, &source);
    else
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    if (rc == RC_OK) {
        s->org = source.org;
        s->source = source.id;
    }
    return rc;
}

/* RC_NOT_FOUND: something of it is gone, or it is about operational webhooks themselves. */
static enum rc read_subjects(struct core_events *e, const struct notice *n, struct arena *a,
                             struct subjects *s)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_read(e->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_application_by_num(tx, n->app, a, &s->app);
    if (rc == RC_OK)
        rc = store_endpoint_by_num(tx, n->endpoint, a, &s->ep);
    if (rc == RC_OK)
        rc = find_source(tx, a, s);
    store_end(tx);
    return rc;
}

static void events_tell(void *arg)
{
    struct notice *n = arg;
    struct core_events *e = n->events;
    struct arena a;
    arena_init(&a);
    struct subjects s = { .store = e->o.store };
    struct listeners listeners;
    enum rc rc = read_subjects(e, n, &a, &s);
    if (rc == RC_OK)
        rc = find_listeners(e, s.org, &listeners);
    if (rc == RC_OK) {
        char type[sizeof(n->type) + 8];
        struct store_message_row row = { 0 };
        (void)snprintf(type, sizeof(type), "%s%s", s.source.ptr != NULL ? "ingest." : "", n->type);
        bool disabled = str_eq(str_from(n->type), STR("endpoint.disabled"));
        if (!disabled && store_message_get(e->o.store, n->app, &n->message, &a, &row) != RC_OK)
            row = (struct store_message_row){ 0 };
        core_events_emit(e, s.org, type,
                         disabled ? disabled_data(&s) : attempt_data(n, &s, &row.message));
    }
    arena_fini(&a);
    xfree(n);
}

void core_events_notice(void *ctx, const char *what, const struct store_outcome *o)
{
    struct core_events *e = ctx;
    struct notice *n = XNEW(struct notice);
    n->events = e;
    n->job = (struct work_job){ .fn = events_tell, .arg = n };
    (void)snprintf(n->type, sizeof(n->type), "%s", what);
    n->message = o->message;
    n->attempt = o->attempt;
    n->app = o->app;
    n->endpoint = o->endpoint;
    n->http_status = o->http_status;
    n->started_us = o->started_us;
    if (work_submit(e->o.pool, &n->job) != RC_OK) {
        LOG(CORE_EVENT_LOST, F_TEXT("type", what), F_TEXT("rc", "busy"));
        xfree(n);
    }
}
