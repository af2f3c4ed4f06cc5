/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the events go is one setting of the server, but each webhook is an endpoint with an address of its
 * own. At each start those that point elsewhere are pointed to where the setting says.
 */
#include "dialect/gaia_priv.h"

#include "core/broker.h"
#include "store/endpoint.h"

enum { PAGE = 200, SEALED_MAX = 16384 };

/* Views may only be swapped by workers, and a start is none. */
struct changed {
    struct work_job job;
    struct core_directory *directory;
    size_t count;
    int64_t apps[PAGE];
};

struct following {
    const struct dialect_gaia_place *place;
    const struct broker_url *url;
    struct store_tx *tx;
    struct arena *a;
    struct changed *changed;
};

static void tell(void *arg)
{
    struct changed *c = arg;
    for (size_t i = 0; i < c->count; i++)
        core_directory_changed(c->directory, c->apps[i]);
    xfree(c);
}

/* The sealed options as they have to be; *same: as they are. */
static enum rc new_secrets(const struct following *f, const struct store_endpoint *ep, bool *same,
                           struct str *out)
{
    struct str now;
    json_t *secret = NULL;
    enum rc rc = core_open_json(f->place->vault, CORE_SECRET_OPTIONS, ep->id, ep->options_sealed,
                                f->a, &now);
    if (rc == RC_OK && json_parse(now, &secret, NULL) != RC_OK)
        rc = RC_CORRUPT;
    if (rc == RC_OK) {
        core_broker_keep_credentials(secret, f->url);
        *out = json_text(f->a, secret);
        *same = str_eq(*out, now) && str_eq(ep->url, f->url->shown);
    }
    json_decref(secret);
    return rc;
}

static enum rc follow(struct following *f, int64_t endpoint)
{
    struct store_endpoint ep;
    struct str secrets = STR_NONE;
    struct buf sealed;
    bool same = false;
    enum rc rc = store_endpoint_by_num(f->tx, endpoint, f->a, &ep);
    if (rc == RC_OK && !ep.deleted)
        rc = new_secrets(f, &ep, &same, &secrets);
    if (rc != RC_OK || ep.deleted || same)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    buf_init(&sealed, SEALED_MAX);
    rc = core_seal_json(f->place->vault, CORE_SECRET_OPTIONS, ep.id, secrets, &sealed);
    ep.url = f->url->shown;
    ep.options_sealed = buf_str(&sealed);
    ep.updated_us = clock_wall_us(f->place->clock);
    if (rc == RC_OK)
        rc = store_endpoint_update(f->tx, &ep);
    buf_fini(&sealed);
    if (rc == RC_OK)
        f->changed->apps[f->changed->count++] = ep.app;
    return rc;
}

/* A page in one transaction; *after: where to go on, empty at the end. */
static enum rc follow_page(struct following *f, struct buf *after)
{
    struct store_gaia_webhook *list = NULL;
    size_t count = 0;
    enum rc rc = store_write(f->place->store, &f->tx);
    if (rc != RC_OK)
        return rc;
    rc = store_gaia_walk(f->tx, f->place->org, buf_str(after), PAGE, f->a, &list, &count);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = follow(f, list[i].endpoint);
    buf_cut(after, 0);
    if (rc == RC_OK && count == PAGE)
        rc = buf_add_str(after, list[count - 1].token);
    if (rc == RC_OK)
        rc = store_commit(f->tx);
    else
        store_end(f->tx);
    return rc;
}

enum rc dialect_gaia_follow(const struct dialect_gaia_place *place, const struct broker_url *url,
                            struct work_pool *pool)
{
    struct buf after;
    struct arena a;
    struct following f = { .place = place, .url = url, .a = &a };
    enum rc rc;
    buf_init(&after, GAIA_TOKEN_MAX + 1);
    arena_init(&a);
    do {
        struct changed *c = XNEW(struct changed);
        *c = (struct changed){ .job = { .fn = tell, .arg = c }, .directory = place->directory };
        f.changed = c;
        rc = follow_page(&f, &after);
        bool is_needed = rc == RC_OK && c->count > 0;
        if (is_needed)
            rc = work_submit(pool, &c->job);
        if (rc != RC_OK || !is_needed)
            xfree(c);
        arena_reset(&a);
    } while (rc == RC_OK && after.len > 0);
    arena_fini(&a);
    buf_fini(&after);
    return rc;
}
