/* SPDX-License-Identifier: Apache-2.0
 *
 * The watch over issues. A timer on a loop, a look on a worker, and the timer again: so there is never more than one
 * look at once. An organisation without marks and rules is not looked at.
 *
 * What has ended is decided only by a look that saw everything. An alert is told first and noted afterwards: a crash
 * in between tells it twice, never not at all.
 */
#include "api/resource/issue_priv.h"

#include "store/held.h"

#include <stdlib.h>

static const int64_t soon_us = 200000; /* when the workers are busy */

struct api_watch {
    struct api *api;
    atomic_bool stopping;
    struct loop *loop;
    struct loop_timer timer;
    struct loop_task task;
    struct work_job job;
};

/* An issue by its key. */
struct seen {
    struct str key;
    const struct api_trouble *trouble;
};

struct watch_look {
    struct api_trouble_look trouble;
    struct seen *seen; /* by key */
    struct store_issue_mark *marks;
    size_t mark_count;
    struct store_alert_rule *rules;
    size_t rule_count;
    struct store_alert_sighting *sightings; /* by rule and key */
    size_t sighting_count;
};

/* --- looking things up ------------------------------------------------------------------------------------ */

static int seen_compare(const void *left, const void *right)
{
    return str_cmp(((const struct seen *)left)->key, ((const struct seen *)right)->key);
}

static const struct api_trouble *watch_find(const struct watch_look *w, struct str key)
{
    const struct seen wanted = { .key = key };
    const struct seen *found = w->trouble.count == 0 ? NULL
                                                     : bsearch(&wanted, w->seen, w->trouble.count,
                                                               sizeof(*w->seen), seen_compare);
    return found == NULL ? NULL : found->trouble;
}

static int sighting_compare(const void *left, const void *right)
{
    const struct store_alert_sighting *a = left;
    const struct store_alert_sighting *b = right;
    return a->rule != b->rule ? (a->rule < b->rule ? -1 : 1) : str_cmp(a->key, b->key);
}

static struct store_alert_sighting *sighting_of(const struct watch_look *w, int64_t rule,
                                                struct str key)
{
    const struct store_alert_sighting wanted = { .rule = rule, .key = key };
    return w->sighting_count == 0 ? NULL
                                  : bsearch(&wanted, w->sightings, w->sighting_count,
                                            sizeof(*w->sightings), sighting_compare);
}

static const struct store_alert_rule *rule_of(const struct watch_look *w, int64_t num)
{
    for (size_t i = 0; i < w->rule_count; i++)
        if (w->rules[i].num == num)
            return &w->rules[i];
    return NULL;
}

static bool rule_wants(const struct store_alert_rule *r, const struct api_trouble *t)
{
    json_t *kinds = NULL;
    size_t i;
    const json_t *kind;
    bool is_wanted = false;
    if (r->kinds.ptr == NULL)
        return true;
    if (json_parse(r->kinds, &kinds, NULL) != RC_OK)
        return false;
    json_array_foreach(kinds, i, kind) is_wanted =
        is_wanted || str_eq(json_str_of(kind), str_from(api_issue_kind(t)));
    json_decref(kinds);
    return is_wanted;
}

/* --- writing ---------------------------------------------------------------------------------------------- */

/* Each change is a transaction of its own: they are few, and the writer is everybody's. */
static enum rc watch_end_write(struct store_tx *tx, enum rc rc)
{
    return store_finish(tx, rc);
}

static enum rc drop_mark(struct watch_look *w, const struct store_issue_mark *m)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(w->trouble.api->o.store, &tx);
    return rc != RC_OK
               ? rc
               : watch_end_write(tx, store_issue_mark_remove(tx, m->org, m->key, m->made_us));
}

static enum rc save_sighting(struct watch_look *w, const struct store_alert_sighting *s)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(w->trouble.api->o.store, &tx);
    return rc != RC_OK ? rc : watch_end_write(tx, store_alert_sighting_set(tx, s));
}

static enum rc drop_sighting(struct watch_look *w, const struct store_alert_sighting *s)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(w->trouble.api->o.store, &tx);
    return rc != RC_OK ? rc : watch_end_write(tx, store_alert_sighting_remove(tx, s->rule, s->key));
}

/* --- telling ---------------------------------------------------------------------------------------------- */

static void watch_set(json_t *data, const char *name, struct str value)
{
    json_object_set_new(data, name,
                        value.ptr == NULL ? json_null() : json_stringn(value.ptr, value.len));
}

static void watch_set_date(json_t *data, const char *name, int64_t wall_us)
{
    char text[TIME_TEXT_LEN + 1];
    time_format(wall_us, text);
    json_object_set_new(data, name, wall_us == 0 ? json_null() : json_string(text));
}

static void set_owner(struct watch_look *w, const struct api_trouble *t, json_t *data)
{
    struct store_application app = { 0 };
    struct store_source source = { 0 };
    struct arena *a = w->trouble.arena;
    struct store_tx *tx = NULL;
    bool has_source = false, has_app = false;
    if (store_read(w->trouble.api->o.store, &tx) == RC_OK) {
        has_source = store_source_by_app(tx, t->app, a, &source) == RC_OK;
        has_app = !has_source && store_application_by_num(tx, t->app, a, &app) == RC_OK;
        store_end(tx);
    }
    watch_set(data, "appId", has_app ? app.id : STR_NONE);
    watch_set(data, "appUid", has_app ? app.uid : STR_NONE);
    watch_set(data, "appName", has_app ? app.name : STR_NONE);
    watch_set(data, "sourceId", has_source ? source.id : STR_NONE);
    watch_set(data, "sourceName", has_source ? source.name : STR_NONE);
}

static json_t *alert_data(struct watch_look *w, const struct store_alert_rule *r,
                          const struct store_alert_sighting *s, const struct api_trouble *t)
{
    json_t *data = json_object();
    watch_set(data, "issueId", s->key);
    watch_set(data, "kind", str_from(api_issue_kind(t)));
    watch_set(data, "ruleId", r->id);
    watch_set(data, "ruleName", r->name);
    watch_set_date(data, "since", s->first_us);
    set_owner(w, t, data);
    watch_set(data, "endpointId", t->ep.num != 0 ? t->ep.id : STR_NONE);
    watch_set(data, "endpointUid", t->ep.num != 0 ? t->ep.uid : STR_NONE);
    watch_set(data, "filterId", t->filter.num != 0 ? t->filter.id : STR_NONE);
    watch_set(data, "event", t->event.len > 0 ? t->event : STR_NONE);
    watch_set(data, "description", t->ep.num != 0 ? t->ep.description : STR_NONE);
    return data;
}

static enum rc watch_tell(struct watch_look *w, const struct store_alert_rule *r,
                          struct store_alert_sighting *s, const struct api_trouble *t)
{
    struct api *api = w->trouble.api;
    json_t *data = alert_data(w, r, s, t);
    s->what = json_text(w->trouble.arena, data);
    s->told_us = w->trouble.now_us;
    core_events_emit(api->o.events, w->trouble.org, "issue.alert", data);
    return save_sighting(w, s);
}

static void tell_ended(struct watch_look *w, const struct store_alert_sighting *s)
{
    json_t *data = NULL;
    if (s->what.ptr == NULL || json_parse(s->what, &data, NULL) != RC_OK)
        return;
    watch_set_date(data, "toldAt", s->told_us);
    watch_set_date(data, "endedAt", w->trouble.now_us);
    core_events_emit(w->trouble.api->o.events, w->trouble.org, "issue.ended", data);
}

/* --- one look --------------------------------------------------------------------------------------------- */

/* Muted ones wait for their time, acknowledged ones for their end. */
static enum rc watch_marks(struct watch_look *w)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < w->mark_count; i++) {
        const struct store_issue_mark *m = &w->marks[i];
        const struct api_trouble *t = watch_find(w, m->key);
        bool is_over = m->until_us != 0 ? m->until_us <= w->trouble.now_us
                       : t == NULL      ? w->trouble.is_complete
                                        : !api_issue_mark_holds(m, t, w->trouble.now_us);
        if (is_over)
            rc = drop_mark(w, m);
        rc = rc == RC_NOT_FOUND ? RC_OK : rc; /* it was taken back meanwhile */
    }
    return rc;
}

static enum rc watch_ended(struct watch_look *w)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < w->sighting_count; i++) {
        const struct store_alert_sighting *s = &w->sightings[i];
        const struct store_alert_rule *r = rule_of(w, s->rule);
        const struct api_trouble *t = watch_find(w, s->key);
        bool is_over = t == NULL && w->trouble.is_complete;
        bool is_dropped = r == NULL || !r->enabled || (t != NULL && !rule_wants(r, t));
        if (is_over && !is_dropped)
            tell_ended(w, s);
        if (is_over || is_dropped)
            rc = drop_sighting(w, s);
    }
    return rc;
}

static enum rc watch_issue(struct watch_look *w, const struct store_alert_rule *r,
                           const struct seen *seen)
{
    const struct api_trouble *t = seen->trouble;
    const struct store_issue_mark *m = api_issue_mark_of(w->marks, w->mark_count, seen->key);
    int64_t now_us = w->trouble.now_us;
    struct store_alert_sighting fresh = { .rule = r->num,
                                          .key = seen->key,
                                          .first_us = t->since_us != 0 ? t->since_us : now_us };
    struct store_alert_sighting *s = sighting_of(w, r->num, seen->key);
    bool is_fresh = s == NULL;
    s = is_fresh ? &fresh : s;
    bool is_due = s->told_us == 0 && api_issue_lasts_until(t, now_us) - s->first_us >= r->after_us;
    bool is_marked = m != NULL && api_issue_mark_holds(m, t, now_us);
    if (!is_fresh && (!is_due || is_marked))
        return RC_OK;
    if (is_fresh) {
        enum rc rc = save_sighting(w, s);
        if (rc != RC_OK || !is_due || is_marked)
            return rc == RC_LIMIT ? RC_OK : rc; /* a rule watches so many and no more */
    }
    return watch_tell(w, r, s, t);
}

static enum rc watch_rules(struct watch_look *w)
{
    enum rc rc = watch_ended(w);
    for (size_t i = 0; i < w->rule_count; i++)
        for (size_t k = 0; rc == RC_OK && w->rules[i].enabled && k < w->trouble.count; k++)
            if (rule_wants(&w->rules[i], w->seen[k].trouble))
                rc = watch_issue(w, &w->rules[i], &w->seen[k]);
    return rc;
}

static enum rc watch_load(struct watch_look *w)
{
    struct store_tx *tx = NULL;
    struct arena *a = w->trouble.arena;
    int64_t org = w->trouble.org;
    enum rc rc = store_read(w->trouble.api->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_issue_mark_all(tx, org, a, &w->marks, &w->mark_count);
    if (rc == RC_OK)
        rc = store_alert_rule_all(tx, org, a, &w->rules, &w->rule_count);
    if (rc == RC_OK)
        rc = store_alert_sighting_all(tx, org, a, &w->sightings, &w->sighting_count);
    store_end(tx);
    return rc;
}

static void sort_seen(struct watch_look *w)
{
    w->seen = arena_array(w->trouble.arena, w->trouble.count + 1, sizeof(*w->seen));
    for (size_t i = 0; i < w->trouble.count; i++)
        w->seen[i] = (struct seen){ api_issue_key(w->trouble.arena, w->trouble.items[i]),
                                    w->trouble.items[i] };
    if (w->trouble.count > 0)
        qsort(w->seen, w->trouble.count, sizeof(*w->seen), seen_compare);
}

/* Marks are read before the trouble is looked for: one that is set meanwhile is of the next look. */
enum rc api_watch_look(struct api *api, int64_t org)
{
    struct arena a;
    arena_init(&a);
    struct watch_look w = {
        .trouble = { .api = api, .arena = &a, .org = org, .now_us = clock_wall_us(api->o.clock) }
    };
    enum rc rc = watch_load(&w);
    if (rc == RC_OK)
        rc = api_trouble_find(&w.trouble);
    if (rc == RC_OK) {
        sort_seen(&w);
        rc = watch_marks(&w);
    }
    if (rc == RC_OK)
        rc = watch_rules(&w);
    arena_fini(&a);
    return rc;
}

/* --- again and again -------------------------------------------------------------------------------------- */

static void watch_all(struct api *api)
{
    struct arena a;
    struct store_tx *tx = NULL;
    int64_t *orgs = NULL;
    size_t count = 0;
    arena_init(&a);
    enum rc rc = store_read(api->o.store, &tx);
    if (rc == RC_OK) {
        rc = store_issue_orgs(tx, &a, &orgs, &count);
        store_end(tx);
    }
    for (size_t i = 0; rc == RC_OK && i < count && !atomic_load(&api->watch->stopping); i++) {
        enum rc looked =
            store_org_is_held(api->o.store, orgs[i]) ? RC_OK : api_watch_look(api, orgs[i]);
        if (looked != RC_OK)
            LOG(API_WATCH_FAILED, F_TEXT("rc", rc_name(looked)));
    }
    arena_fini(&a);
}

static void watch_wait(void *arg);

static void watch_run(void *arg)
{
    struct api_watch *w = arg;
    if (!atomic_load(&w->stopping))
        watch_all(w->api);
    if (atomic_load(&w->stopping))
        return;
    w->task = (struct loop_task){ .fn = watch_wait, .arg = w };
    loop_post(w->loop, &w->task);
}

static void watch_submit(void *arg)
{
    struct api_watch *w = arg;
    if (atomic_load(&w->stopping))
        return;
    w->job = (struct work_job){ .fn = watch_run, .arg = w };
    if (work_submit(w->api->o.pool, &w->job) != RC_OK)
        loop_timer_set(w->loop, &w->timer, loop_now_us(w->loop) + soon_us);
}

static void watch_wait(void *arg)
{
    struct api_watch *w = arg;
    if (!atomic_load(&w->stopping))
        loop_timer_set(w->loop, &w->timer, loop_now_us(w->loop) + w->api->o.issue_look_us);
}

void api_watch_init(struct api *api)
{
    struct api_watch *w = XNEW(struct api_watch);
    w->api = api;
    w->loop = api->o.loops[0];
    w->timer.fn = watch_submit;
    w->timer.arg = w;
    atomic_init(&w->stopping, false);
    api->watch = w;
}

void api_watch_fini(struct api *api)
{
    loop_timer_stop(api->watch->loop, &api->watch->timer);
    xfree(api->watch);
}

void api_watch_start(struct api *api)
{
    api->watch->task = (struct loop_task){ .fn = watch_wait, .arg = api->watch };
    loop_post(api->watch->loop, &api->watch->task);
}

void api_watch_stop(struct api *api)
{
    atomic_store(&api->watch->stopping, true);
}
