/* SPDX-License-Identifier: Apache-2.0
 *
 * See deliver/given_up_priv.h. An endpoint is remembered from its first line to the end of its minute.
 */
#include "deliver/given_up_priv.h"

static const int64_t minute_us = 60000000;

struct endpoint {
    struct endpoint *next; /* begun later */
    int64_t num;
    struct str app, id; /* owned, in one piece with this */
    int64_t since_us;
    int64_t line_count;
    int64_t left_out;
    char text[];
};

struct deliver_given_up {
    struct map64 *endpoints;        /* at most DELIVER_GIVEN_UP_ENDPOINTS */
    struct endpoint *first, **last; /* the same, in the order their minutes end */
    int64_t since_us;               /* the shard's own minute */
    int64_t line_count;
    int64_t left_out; /* of endpoints there was no room for */
};

struct deliver_given_up *deliver_given_up_new(void)
{
    struct deliver_given_up *g = XNEW(struct deliver_given_up);
    g->endpoints = map64_new();
    g->last = &g->first;
    return g;
}

static void given_up_tell(struct str app, struct str id, int64_t count)
{
    if (count > 0)
        LOG(DELIVER_GIVEN_UP_MORE, F_STR("app", app), F_STR("endpoint", id), F_INT("count", count));
}

static void end_minutes(struct deliver_given_up *g, int64_t started_until_us)
{
    while (g->first != NULL && g->first->since_us <= started_until_us) {
        struct endpoint *e = g->first;
        g->first = e->next;
        given_up_tell(e->app, e->id, e->left_out);
        (void)map64_remove(g->endpoints, (uint64_t)e->num);
        xfree(e);
    }
    if (g->first == NULL)
        g->last = &g->first;
    if (g->since_us <= started_until_us) {
        given_up_tell(STR("-"), STR("-"), g->left_out);
        g->left_out = g->line_count = 0;
    }
}

void deliver_given_up_free(struct deliver_given_up *g)
{
    if (g == NULL)
        return;
    end_minutes(g, INT64_MAX);
    map64_free(g->endpoints);
    xfree(g);
}

void deliver_given_up_sweep(struct deliver_given_up *g, int64_t now_us)
{
    end_minutes(g, now_us - minute_us);
}

/* NULL: there is no room. */
static struct endpoint *find_or_add(struct deliver_given_up *g, int64_t num, struct str app,
                                    struct str id, int64_t now_us)
{
    struct endpoint *e = map64_get(g->endpoints, (uint64_t)num);
    if (e != NULL || map64_count(g->endpoints) >= DELIVER_GIVEN_UP_ENDPOINTS)
        return e;
    e = xcalloc(1, sizeof(*e) + app.len + id.len + 1);
    if (app.len > 0)
        memcpy(e->text, app.ptr, app.len);
    if (id.len > 0)
        memcpy(e->text + app.len, id.ptr, id.len);
    e->app = str_of(e->text, app.len);
    e->id = str_of(e->text + app.len, id.len);
    e->num = num;
    e->since_us = now_us;
    *g->last = e;
    g->last = &e->next;
    (void)map64_set(g->endpoints, (uint64_t)num, e);
    return e;
}

bool deliver_given_up_may_log(struct deliver_given_up *g, int64_t endpoint, struct str app,
                              struct str id, int64_t now_us)
{
    deliver_given_up_sweep(g, now_us);
    struct endpoint *e = find_or_add(g, endpoint, app, id, now_us);
    if (g->line_count == 0)
        g->since_us = now_us;
    if (e == NULL) {
        g->left_out++;
        return false;
    }
    if (e->line_count >= DELIVER_GIVEN_UP_LINES || g->line_count >= DELIVER_GIVEN_UP_LINES_ALL) {
        e->left_out++;
        return false;
    }
    e->line_count++;
    g->line_count++;
    return true;
}
