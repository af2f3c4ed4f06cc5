/* SPDX-License-Identifier: Apache-2.0
 *
 * Who fills the disk: whose payloads were most bytes within the last day, which is also what the forecast is made from.
 * From the roll-ups, so it does not depend on how many messages there were.
 */
#include "server/system_largest_priv.h"

#include "api/kit/run.h"
#include "server/server_priv.h"
#include "store/source.h"

enum { LARGEST_MAX = 10, LARGEST_LOOKED = 40 /* some of them may be deleted */ };

/* Whose it is, as it is shown. */
struct largest_owner {
    const char *kind;
    struct str id, name;
    int64_t org;
    struct str org_name;
};

/* What a hidden application stands for: its uid is the id of a source, or of an organisation, whose operational webhooks
 * it sends. */
static enum rc largest_hidden_find(struct api_ctx *c, struct str uid, struct largest_owner *out)
{
    struct store_source source;
    struct store_org org;
    enum rc rc = store_source_by_id(c->tx, uid, c->arena, &source);
    if (rc == RC_OK) {
        *out = (struct largest_owner){ "source", source.id, source.name, source.org, STR_NONE };
        return RC_OK;
    }
    if (rc == RC_NOT_FOUND)
        rc = store_org_find(c->tx, uid, c->arena, &org);
    if (rc == RC_OK)
        *out = (struct largest_owner){ "operational", org.id, org.name, org.num, STR_NONE };
    return rc;
}

/* `internal`: the organisation of hidden applications. RC_NOT_FOUND: it is deleted. */
static enum rc largest_owner_find(struct api_ctx *c, int64_t internal, int64_t num,
                                  struct largest_owner *out)
{
    struct store_application app;
    struct store_org org;
    enum rc rc = store_application_by_num(c->tx, num, c->arena, &app);
    if (rc == RC_OK && app.deleted)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK && app.org == internal)
        rc = largest_hidden_find(c, app.uid, out);
    else if (rc == RC_OK)
        *out = (struct largest_owner){ "application", app.id, app.name, app.org, STR_NONE };
    if (rc == RC_OK)
        rc = store_org_by_num(c->tx, out->org, c->arena, &org);
    if (rc == RC_OK)
        out->org_name = org.name;
    return rc;
}

static void largest_write_row(struct api_ctx *c, struct api_out *o, const struct largest_owner *of,
                              const struct stats_ranked *sum)
{
    api_out_key(o, NULL);
    api_out_begin(o, '{');
    api_out_str(o, "kind", str_from(of->kind));
    api_out_str(o, "id", of->id);
    api_out_opt(o, "name", of->org == c->who->org ? of->name : STR_NONE);
    api_out_str(o, "organisation", of->org_name);
    api_out_int(o, "bytes", (int64_t)sum->bytes);
    api_out_int(o, "messages", (int64_t)sum->messages);
    api_out_end(o, '}');
}

/* False: answered. */
static bool largest_write_rows(struct api_ctx *c, struct api_out *o,
                               const struct stats_ranked *sums, size_t count)
{
    const struct server *s = api_owner(c->api);
    size_t shown = 0;
    int64_t internal = 0;
    enum rc rc = core_events_org(s->events, &internal);
    if (!api_ok(c, rc) || !api_tx_read(c))
        return false;
    for (size_t i = 0; i < count && shown < LARGEST_MAX && rc == RC_OK; i++) {
        struct largest_owner of;
        rc = largest_owner_find(c, internal, sums[i].id, &of);
        if (rc == RC_OK) {
            largest_write_row(c, o, &of, &sums[i]);
            shown++;
        } else if (rc == RC_NOT_FOUND) {
            rc = RC_OK;
        }
    }
    api_tx_end(c);
    return api_ok(c, rc);
}

/* RC_NOT_FOUND: there are no statistics. */
static enum rc largest_read(struct server *s, int64_t from_us, int64_t until_us,
                            struct stats_ranked *sums, size_t *count, uint64_t *bytes)
{
    struct stats_ranked whole;
    size_t is_any = 0;
    enum rc rc = stats_largest(s->stats, STATS_SERVER, from_us, until_us, &whole, 1, &is_any);
    *bytes = rc == RC_OK && is_any == 1 ? whole.bytes : 0;
    if (rc == RC_OK)
        rc = stats_largest(s->stats, STATS_APP, from_us, until_us, sums, LARGEST_LOOKED, count);
    return rc;
}

void server_reply_largest(struct api_ctx *c)
{
    struct server *s = api_owner(c->api);
    struct stats_ranked sums[LARGEST_LOOKED];
    struct api_out o;
    size_t count = 0;
    uint64_t bytes = 0;
    int64_t until_us = clock_wall_us(clock_system());
    int64_t from_us = until_us - until_us % STATS_HOUR_US - STATS_DAY_US;
    enum rc rc = largest_read(s, from_us, until_us, sums, &count, &bytes);
    if (rc == RC_NOT_FOUND) {
        http_error(
            c->req, 404, "not_found",
            "This server keeps no statistics. Set stats.size_max above 0 to switch them on.");
        return;
    }
    if (rc != RC_OK) {
        http_error(c->req, 503, "unavailable",
                   "The statistics cannot be read now. Try again in a minute.");
        return;
    }
    api_out_open(c, &o);
    api_out_begin(&o, '{');
    api_out_date(&o, "from", from_us);
    api_out_date(&o, "to", until_us);
    api_out_int(&o, "bytes", (int64_t)bytes);
    api_out_key(&o, "data");
    api_out_begin(&o, '[');
    if (!largest_write_rows(c, &o, sums, count))
        return;
    api_out_end(&o, ']');
    api_out_end(&o, '}');
    api_reply(c, 200, &o);
}
