/* SPDX-License-Identifier: Apache-2.0
 *
 * Events of the CKAN site, from its plugin: published with the channels of those who may see the entity. What
 * nobody says is public is private. Rights are asked of the site at that moment; if it cannot be asked,
 * the event is refused with 503 and the plugin comes again: an event is neither lost nor leaked.
 */
#include "dialect/ckan_event_priv.h"

#include "dialect/ckan_answer_priv.h"
#include "dialect/ckan_app_priv.h"
#include "dialect/ckan_site_priv.h"

#include "core/refusal.h"
#include "store/event_type.h"

#include <stdlib.h>

enum { NAMES_MAX = 3, EVENT_ID_MAX = 256 };

struct event {
    struct str topic, type, id;
    struct str entity; /* JSON text, byte for byte */
    const json_t *parsed;
    struct str names[NAMES_MAX]; /* that a webhook about one entity may have */
    size_t name_count;
    struct str *channels;
    size_t channel_count;
};

static struct str first_segment(struct str topic)
{
    return str_sub(topic, 0, str_find(topic, '/'));
}

static bool read_event(struct ckan_call *c, struct event *e)
{
    json_t *errors = json_object();
    struct json_member entity = { .name = STR("entity") };
    *e = (struct event){ .topic = ckan_input(c, "topic"),
                         .id = ckan_input(c, "id"),
                         .parsed = json_object_get(c->in, "entity") };
    e->type = ckan_event_type(c->arena, e->topic);
    if (e->type.ptr == NULL)
        ckan_complain(errors, "topic", "Must be of the form dataset/create");
    if (!json_is_object(e->parsed) ||
        json_scan_object(c->req->call->body, &entity, 1, NULL) != RC_OK)
        ckan_complain(errors, "entity", "Must be an object");
    if (e->id.len > EVENT_ID_MAX)
        ckan_complain(errors, "id", "Is too long");
    e->entity = entity.value.text;
    return !ckan_refused(c, errors);
}

static void read_names(struct event *e)
{
    bool is_resource = str_eq(first_segment(e->topic), STR("resource"));
    struct str names[NAMES_MAX] = { json_str_member(e->parsed,
                                                    "id"), /* a resource's name is any text */
                                    is_resource ? STR_NONE : json_str_member(e->parsed, "name"),
                                    json_str_member(e->parsed, "package_id") };
    for (size_t i = 0; i < NAMES_MAX; i++)
        if (ckan_is_plain(names[i], CKAN_ENTITY_MAX))
            e->names[e->name_count++] = names[i];
}

static bool is_public(const struct ckan_call *c, const struct event *e)
{
    const json_t *said = json_object_get(c->in, "private");
    struct str what = first_segment(e->topic);
    if (said != NULL)
        return json_is_false(said);
    if (str_eq(what, STR("dataset")))
        return json_is_false(json_object_get(e->parsed, "private")) &&
               !str_eq(json_str_member(e->parsed, "state"), STR("draft"));
    return str_eq(what, STR("organization")) || str_eq(what, STR("group"));
}

/* --- who may see it ------------------------------------------------------------------------------ */

static void add_public(struct ckan_call *c, struct event *e)
{
    e->channels = arena_array(c->arena, NAMES_MAX + 1, sizeof(*e->channels));
    e->channels[e->channel_count++] = STR("public");
    for (size_t i = 0; i < e->name_count; i++)
        e->channels[e->channel_count++] = arena_fmt(c->arena, "public.%.*s", STR_ARGS(e->names[i]));
}

static bool ckan_event_wants(const struct core_endpoint *ep, struct str type)
{
    for (size_t i = 0; i < ep->event_type_count; i++)
        if (str_eq(ep->event_types[i], type))
            return true;
    return ep->event_types == NULL;
}

/* The endpoint's channel for this user and entity, if it listens on one. */
static struct str channel_for(struct ckan_call *c, const struct core_endpoint *ep,
                              const struct event *e, struct str user)
{
    struct str own = arena_fmt(c->arena, "user.%.*s", STR_ARGS(user));
    for (size_t i = 0; i < ep->channel_count; i++) {
        struct str rest = ep->channels[i];
        if (!str_skip_prefix(&rest, own))
            continue;
        bool fits = rest.len == 0;
        bool is_about_one = str_skip_prefix(&rest, STR("."));
        for (size_t k = 0; k < e->name_count && is_about_one; k++)
            fits = fits || str_eq(rest, e->names[k]);
        if (fits)
            return ep->channels[i];
    }
    return STR_NONE;
}

struct viewers {
    struct ckan_call *c;
    json_t *members;   /* ids; NULL: nobody is known to be one */
    struct map *known; /* user to YES or NO */
};
static char yes, no;

static bool is_member(const struct viewers *v, struct str user)
{
    for (size_t i = 0; i < json_array_size(v->members); i++) {
        const json_t *id = json_array_get(v->members, i);
        if (str_eq(json_str_of(id), user))
            return true;
    }
    return false;
}

/* RC_BUSY, RC_IO: the site cannot be asked. A refusal counts as no. */
static enum rc may_see(struct viewers *v, struct str user, bool ask_sysadmin, bool *out)
{
    void *known = map_get(v->known, user);
    enum rc rc = RC_OK;
    *out = known == &yes;
    if (known == &yes || (known == &no && !ask_sysadmin))
        return RC_OK;
    *out = is_member(v, user);
    if (!*out && ask_sysadmin)
        rc = ckan_site_is_sysadmin(v->c->ckan, user, v->c->arena, out);
    if (rc == RC_OK || rc == RC_DENIED)
        (void)map_set(v->known, user, *out ? &yes : &no);
    return rc == RC_DENIED ? RC_OK : rc;
}

static enum rc add_viewer(struct viewers *v, const struct core_endpoint *ep, struct event *e)
{
    json_t *options = NULL;
    bool may = false;
    if (!ep->is_personal || !ckan_event_wants(ep, e->type) ||
        json_parse(ep->options, &options, NULL) != RC_OK)
        return RC_OK;
    const json_t *own = json_object_get(options, "ckan");
    struct str user = json_str_member(own, "user");
    struct str channel = user.len == 0 ? STR_NONE : channel_for(v->c, ep, e, user);
    enum rc rc = RC_OK;
    if (channel.len > 0)
        rc = may_see(v, user, json_is_true(json_object_get(own, "sysadmin")), &may);
    if (rc == RC_OK && may)
        e->channels[e->channel_count++] = arena_str(v->c->arena, channel);
    json_decref(options);
    return rc;
}

static enum rc add_viewers(struct ckan_call *c, const struct core_app *app, struct event *e)
{
    struct viewers v = { .c = c, .known = map_new() };
    struct str organisation = ckan_input(c, "owner_org");
    enum rc rc = RC_OK;
    if (organisation.ptr == NULL)
        organisation = json_str_member(e->parsed, "owner_org");
    if (organisation.len > 0)
        rc = ckan_site_members(c->ckan, organisation, c->arena, &v.members);
    if (rc == RC_DENIED) {
        LOG(CKAN_MEMBERS_REFUSED, F_STR("organisation", organisation));
        rc = RC_OK; /* nobody, then */
    }
    e->channels = arena_array(c->arena, app->endpoint_count + 1, sizeof(*e->channels));
    for (size_t i = 0; i < app->endpoint_count && rc == RC_OK; i++)
        rc = add_viewer(&v, core_app_endpoint_at(app, i), e);
    if (e->channel_count == 0)
        e->channels[e->channel_count++] =
            STR("nobody"); /* a message without channels is everybody's */
    json_decref(v.members);
    map_free(v.known);
    return rc;
}

/* --- publishing ---------------------------------------------------------------------------------- */

static int ckan_event_compare(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct str channels_text(struct ckan_call *c, struct event *e)
{
    json_t *list = json_array();
    size_t kept = 0;
    qsort(e->channels, e->channel_count, sizeof(*e->channels), ckan_event_compare);
    for (size_t i = 0; i < e->channel_count; i++)
        if (kept == 0 || !str_eq(e->channels[i], e->channels[kept - 1]))
            e->channels[kept++] = e->channels[i];
    e->channel_count = kept;
    for (size_t i = 0; i < kept; i++)
        json_array_append_new(list, json_stringn(e->channels[i].ptr, e->channels[i].len));
    struct str text = json_text(c->arena, list);
    json_decref(list);
    return text;
}

static void cannot_take(struct ckan_call *c, enum rc rc)
{
    c->req->refusal = (int)core_refusal_of(rc);
    ckan_unavailable(c, "The event cannot be taken now.");
}

static void ckan_event_publish(struct ckan_call *c, const struct core_app *app, struct event *e)
{
    char text[ID_TEXT_MAX + 1];
    struct store_message m = { .org = app->org,
                               .app = app->num,
                               .event_type = e->type,
                               .event_id = e->id,
                               .channels = channels_text(c, e),
                               .payload = e->entity };
    store_stamp(c->set->o.store, &m, c->set->o.retention_us);
    struct core_publish *p =
        core_publish_new(c->set->o.publisher, app, &m, e->channels, e->channel_count);
    enum rc rc = core_publish_wait(p);
    if (rc == RC_OK)
        ckan_succeed(c, json_string(id_format(STR("msg_"), &m.id, text).ptr));
    else if (rc == RC_CONFLICT)
        ckan_succeed(c, json_null()); /* it came before: the plugin had not heard our answer */
    else
        cannot_take(c, rc);
}

static enum rc ckan_event_find(struct ckan_call *c, const struct event *e, int64_t *app)
{
    struct store_tx *tx = NULL;
    struct store_application row = { 0 };
    struct store_event_type et;
    enum rc rc = store_read(c->set->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = ckan_app(c, tx, false, &row);
    if (rc == RC_OK)
        rc = store_event_type_find(tx, c->set->o.org, e->type, c->arena, &et);
    store_end(tx);
    *app = row.num;
    return rc;
}

static enum rc ckan_event_make(struct ckan_call *c, const struct event *e, int64_t *app)
{
    struct store_tx *tx = NULL;
    struct store_application row = { 0 };
    enum rc rc = store_write(c->set->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = ckan_app(c, tx, true, &row);
    *app = row.num;
    if (rc == RC_OK)
        rc = ckan_topic_register(c, tx, e->topic);
    return store_finish(tx, rc);
}

/* The application's view, with the event type registered. */
static enum rc ckan_event_prepare(struct ckan_call *c, const struct event *e, struct core_app **app)
{
    int64_t num = 0;
    enum rc rc = ckan_event_find(c, e, &num);
    if (rc == RC_NOT_FOUND)
        rc = ckan_event_make(c, e, &num);
    return rc == RC_OK ? core_directory_load(c->set->o.directory, num, app) : rc;
}

void ckan_webhook_event(struct ckan_call *c)
{
    struct event e;
    struct core_app *app = NULL;
    if (!read_event(c, &e))
        return;
    ckan_sweep(c);
    read_names(&e);
    enum rc rc = ckan_event_prepare(c, &e, &app);
    if (rc == RC_OK && is_public(c, &e))
        add_public(c, &e);
    else if (rc == RC_OK)
        rc = add_viewers(c, app, &e);
    if (rc == RC_OK)
        ckan_event_publish(c, app, &e);
    else
        ckan_unavailable(c, "The event cannot be taken now.");
    core_app_unref(app);
}
