/* SPDX-License-Identifier: Apache-2.0
 *
 * Issues: what is wrong now, with what somebody said of it. Acknowledging and muting are rows beside the trouble
 * (store/issue.h), which is found anew with each call: so whatever is said, nothing that is wrong is ever hidden.
 */
#include "api/resource/issue_priv.h"

#include "api/kit/actor.h"
#include "api/schemas/schemas.h"

#include <stdlib.h>

enum { MUTED_DAYS_MAX = 366 };
#define MUTED_MAX_US (MUTED_DAYS_MAX * API_TROUBLE_DAY_US)

/* In the order of the list. */
enum issue_state { ISSUE_OPEN, ISSUE_ACKNOWLEDGED, ISSUE_MUTED, ISSUE_STATES };
static const char *const states[ISSUE_STATES] = {
    [ISSUE_OPEN] = "open",
    [ISSUE_ACKNOWLEDGED] = "acknowledged",
    [ISSUE_MUTED] = "muted",
};

struct issue {
    const struct api_trouble *trouble;
    struct str key;
    enum issue_state state;
    const struct store_issue_mark *mark; /* NULL: it is open */
};

struct issue_list {
    struct api_trouble_look look;
    struct issue *items;
    int64_t by_state[ISSUE_STATES];
    int64_t open[API_TROUBLE_RANKS];
};

/* --- what an issue is ------------------------------------------------------------------------------------- */

const char *api_issue_kind(const struct api_trouble *t)
{
    return api_trouble_kind(t->rank == API_TROUBLE_PARKED ? API_TROUBLE_FAILING : t->rank);
}

bool api_issue_kind_is_known(struct str kind)
{
    struct api_trouble t = { 0 };
    for (t.rank = 0; t.rank < API_TROUBLE_RANKS; t.rank++)
        if (str_eq(kind, str_from(api_issue_kind(&t))))
            return true;
    return false;
}

struct str api_issue_key(struct arena *a, const struct api_trouble *t)
{
    uint8_t hash[32];
    char text[ID_TEXT_MAX + 1];
    struct id id;
    struct str of = arena_fmt(a, "%s %lld %lld %lld %lld %.*s", api_issue_kind(t),
                              (long long)t->app, (long long)t->ep.num, (long long)t->source.num,
                              (long long)t->filter.num, STR_ARGS(t->event));
    sign_sha256(of, hash);
    memcpy(id.bytes, hash, ID_BYTES);
    return arena_str(a, id_format(STR("issue_"), &id, text));
}

/* Failing begins at a time that is kept; what is disabled fails no more until somebody enables it. */
int64_t api_issue_episode(const struct api_trouble *t)
{
    if (t->ep.num == 0 || t->rank == API_TROUBLE_AGEING)
        return 0;
    return t->ep.disabled ? t->ep.last_failure_us : t->ep.failing_since_us;
}

int64_t api_issue_lasts_until(const struct api_trouble *t, int64_t now_us)
{
    return t->rank == API_TROUBLE_REFUSING || t->rank == API_TROUBLE_HALTING ? t->last_us : now_us;
}

bool api_issue_mark_holds(const struct store_issue_mark *m, const struct api_trouble *t,
                          int64_t now_us)
{
    if (m->until_us != 0)
        return m->until_us > now_us;
    return m->episode == api_issue_episode(t);
}

static int mark_compare(const void *key, const void *row)
{
    return str_cmp(*(const struct str *)key, ((const struct store_issue_mark *)row)->key);
}

const struct store_issue_mark *api_issue_mark_of(const struct store_issue_mark *marks, size_t count,
                                                 struct str key)
{
    return count == 0 ? NULL : bsearch(&key, marks, count, sizeof(*marks), mark_compare);
}

/* --- the list --------------------------------------------------------------------------------------------- */

static enum rc load_marks(struct api_ctx *c, struct store_issue_mark **marks, size_t *count)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_read(c->api->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_issue_mark_all(tx, c->who->org, c->arena, marks, count);
    store_end(tx);
    return rc;
}

static void issue_judge(struct issue_list *l, struct issue *i, const struct store_issue_mark *marks,
                        size_t count)
{
    const struct store_issue_mark *mark = api_issue_mark_of(marks, count, i->key);
    if (mark != NULL && api_issue_mark_holds(mark, i->trouble, l->look.now_us)) {
        i->mark = mark;
        i->state = mark->until_us != 0 ? ISSUE_MUTED : ISSUE_ACKNOWLEDGED;
    } else {
        l->open[i->trouble->rank]++;
    }
    l->by_state[i->state]++;
}

static bool find_issues(struct api_ctx *c, int64_t app, struct issue_list **out)
{
    struct issue_list *l = ARENA_NEW(c->arena, struct issue_list);
    struct store_issue_mark *marks = NULL;
    size_t count = 0;
    l->look = (struct api_trouble_look){
        .api = c->api, .arena = c->arena, .org = c->who->org, .app = app, .now_us = c->now_us
    };
    enum rc rc = api_trouble_find(&l->look);
    if (rc == RC_OK)
        rc = load_marks(c, &marks, &count);
    if (!api_ok(c, rc))
        return false;
    l->items = arena_array(c->arena, l->look.count + 1, sizeof(*l->items));
    for (size_t i = 0; i < l->look.count; i++) {
        l->items[i] = (struct issue){ .trouble = l->look.items[i],
                                      .key = api_issue_key(c->arena, l->look.items[i]) };
        issue_judge(l, &l->items[i], marks, count);
    }
    *out = l;
    return true;
}

static void write_issue(struct api_ctx *c, struct api_out *o, const struct issue *i, size_t written,
                        int64_t until_us)
{
    const struct store_issue_mark *m = i->mark;
    api_out_begin(o, '{');
    api_trouble_write(c, o, i->trouble, written, until_us);
    api_out_str(o, "issueId", i->key);
    api_out_str(o, "state", str_from(states[i->state]));
    api_out_opt(o, "note", m != NULL && m->note.len > 0 ? m->note : STR_NONE);
    api_out_raw(o, "by", m != NULL ? m->by : STR_NONE);
    api_out_opt_date(o, "at", m != NULL ? m->made_us : 0);
    api_out_opt_date(o, "mutedUntil", m != NULL ? m->until_us : 0);
    api_out_end(o, '}');
}

static bool read_state(struct api_ctx *c, enum issue_state *state)
{
    struct str given = STR_NONE;
    *state = ISSUE_STATES;
    if (!http_query(c->req, "state", 0, &given) || given.len == 0)
        return true;
    for (enum issue_state i = 0; i < ISSUE_STATES; i++)
        if (str_eq(given, str_from(states[i])))
            *state = i;
    if (*state == ISSUE_STATES)
        http_invalid(c->req, "query.state", "value_error",
                     "There are no issues '%.*s': expected open, acknowledged or muted.",
                     STR_ARGS(given));
    return *state != ISSUE_STATES;
}

static void write_list(struct api_ctx *c, struct api_out *o, const struct issue_list *l,
                       struct str kind, enum issue_state only, size_t limit)
{
    int64_t until_us = clock_mono_us(c->api->o.clock) + API_TROUBLE_LOOK_US;
    size_t shown = 0;
    for (enum issue_state state = 0; state < ISSUE_STATES; state++)
        for (size_t i = 0; i < l->look.count && shown < limit; i++) {
            const struct issue *issue = &l->items[i];
            struct str of = str_from(api_trouble_kind(issue->trouble->rank));
            if (issue->state != state || (only != ISSUE_STATES && only != state) ||
                (kind.len > 0 && !str_eq(kind, of)))
                continue;
            api_out_key(o, NULL);
            write_issue(c, o, issue, shown, until_us);
            shown++;
        }
}

static void list_issues(struct api_ctx *c)
{
    struct issue_list *l = NULL;
    struct api_out o;
    struct str kind;
    enum issue_state state;
    int64_t limit = 0, app = 0;
    if (!api_query_int(c, "limit", 1, API_LIMIT_MAX, API_LIMIT_DEFAULT, &limit) ||
        !api_trouble_query(c, &kind, &app) || !read_state(c, &state) || !find_issues(c, app, &l) ||
        !api_tx_read(c))
        return;
    api_list_open(c, &o);
    write_list(c, &o, l, kind, state, (size_t)limit);
    api_out_end(&o, ']');
    api_trouble_counts_write(&o, "counts", l->look.counts);
    api_trouble_counts_write(&o, "openCounts", l->open);
    api_out_int(&o, "openCount", l->by_state[ISSUE_OPEN]);
    api_out_int(&o, "acknowledgedCount", l->by_state[ISSUE_ACKNOWLEDGED]);
    api_out_int(&o, "mutedCount", l->by_state[ISSUE_MUTED]);
    api_out_bool(&o, "complete", l->look.is_complete);
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}

/* --- what is said of one ---------------------------------------------------------------------------------- */

/* The issue of the path, as it is now. False: answered. */
static bool find_issue(struct api_ctx *c, struct issue *out)
{
    struct issue_list *l = NULL;
    struct str key = api_param(c, "issue_id");
    if (!find_issues(c, 0, &l))
        return false;
    for (size_t i = 0; i < l->look.count; i++)
        if (str_eq(l->items[i].key, key)) {
            *out = l->items[i];
            return true;
        }
    http_error(c->req, 404, "not_found",
               "There is no issue '%.*s' now: it is over, or never was. List /api/v1/issue.",
               STR_ARGS(key));
    return false;
}

static void reply_issue(struct api_ctx *c, const struct issue *i)
{
    struct api_out o;
    api_out_open(c, &o);
    write_issue(c, &o, i, 0, 0);
    api_reply(c, 200, &o);
}

/* until_us 0: acknowledged. */
static void mark_issue(struct api_ctx *c, int64_t until_us)
{
    struct issue i;
    struct str note = api_get_str(c, "note");
    if (!find_issue(c, &i) || !api_tx_write(c))
        return;
    struct store_issue_mark m = { .org = c->who->org,
                                  .key = i.key,
                                  .note = note.ptr == NULL ? STR("") : note,
                                  .by = api_actor(c),
                                  .made_us = c->now_us,
                                  .until_us = until_us,
                                  .episode = api_issue_episode(i.trouble) };
    enum rc rc = store_issue_mark_set(c->tx, &m);
    if (rc == RC_LIMIT) {
        http_error(c->req, 409, "too_many",
                   "%d issues are acknowledged or muted, which is the most an organisation may "
                   "have: reopen one first.",
                   STORE_ISSUE_MARKS_MAX);
        return;
    }
    if (!api_ok(c, rc))
        return;
    i.mark = &m;
    i.state = until_us != 0 ? ISSUE_MUTED : ISSUE_ACKNOWLEDGED;
    reply_issue(c, &i);
}

static void acknowledge_issue(struct api_ctx *c)
{
    mark_issue(c, 0);
}

static void mute_issue(struct api_ctx *c)
{
    int64_t until_us = api_get_date(c, "until", 0);
    if (until_us <= c->now_us || until_us > c->now_us + MUTED_MAX_US) {
        http_invalid(c->req, "body.until", "value_error",
                     "Expected a time to come, at most %d days from now.", MUTED_DAYS_MAX);
        return;
    }
    mark_issue(c, until_us);
}

static void reopen_issue(struct api_ctx *c)
{
    struct issue i;
    if (!find_issue(c, &i) || !api_tx_write(c))
        return;
    enum rc rc = store_issue_mark_remove(c->tx, c->who->org, i.key, 0);
    if (!api_ok(c, rc == RC_NOT_FOUND ? RC_OK : rc))
        return;
    i.mark = NULL;
    i.state = ISSUE_OPEN;
    reply_issue(c, &i);
}

#define ISSUE "/api/v1/issue/{issue_id}"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, "/api/v1/issue", API_ORG, "v1.issue.list",
                "What is wrong now, and what was said of it"),
      .run = list_issues, .out = &api_schema_IssueListOut, .status = 200,
      .query = "limit kind app_id state" },
    { API_ROUTE(HTTP_POST, ISSUE "/acknowledge", API_ORG | API_WRITE, "v1.issue.acknowledge",
                "Say that somebody looks after an issue, until it ends"),
      .run = acknowledge_issue, .steps = API_BODY_MAYBE, .in = &api_schema_IssueAcknowledgeIn,
      .out = &api_schema_IssueOut, .status = 200 },
    { API_ROUTE(HTTP_POST, ISSUE "/mute", API_ORG | API_WRITE, "v1.issue.mute",
                "Do not show an issue until a time"),
      .run = mute_issue, .in = &api_schema_IssueMuteIn, .out = &api_schema_IssueOut,
      .status = 200 },
    { API_ROUTE(HTTP_POST, ISSUE "/reopen", API_ORG | API_WRITE, "v1.issue.reopen",
                "Take back that an issue was acknowledged or muted"),
      .run = reopen_issue, .out = &api_schema_IssueOut, .status = 200 },
};
API_ROUTES(issue, routes);
