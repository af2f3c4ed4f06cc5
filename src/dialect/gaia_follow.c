/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the events go is one setting of the server, but each webhook is an endpoint with an address of its
 * own. At each start those that point elsewhere are pointed to where the setting says.
 */
#include "dialect/gaia_follow_priv.h"

#include "core/options.h"
#include "dest/url.h"
#include "store/endpoint.h"

enum { PAGE = 200 };

struct following {
    const struct dialect_gaia_place *place;
    const struct dest_url *url;
    struct store_tx *tx;
    struct arena *a;
};

/* The row as it has to be; *same: as it is. */
static enum rc gaia_follow_point(const struct following *f, struct store_endpoint *ep, bool *same)
{
    json_t *secret = NULL;
    enum rc rc = core_options_open(f->place->vault, f->a, ep, &secret);
    if (rc != RC_OK)
        return rc;
    json_t *before = json_deep_copy(secret);
    dest_url_keep_credentials(secret, dest_kinds[DEST_AMQP], f->url);
    *same = json_equal(before, secret) && str_eq(ep->url, f->url->shown);
    ep->url = f->url->shown;
    ep->updated_us = clock_wall_us(f->place->clock);
    rc = core_options_seal(f->place->vault, f->a, secret, ep);
    json_decref(before);
    json_decref(secret);
    return rc;
}

static enum rc follow_endpoint(struct following *f, int64_t endpoint)
{
    struct store_endpoint ep;
    bool same = false;
    enum rc rc = store_endpoint_by_num(f->tx, endpoint, f->a, &ep);
    if (rc == RC_OK && !ep.deleted)
        rc = gaia_follow_point(f, &ep, &same);
    if (rc != RC_OK || ep.deleted || same)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    return store_endpoint_update(f->tx, &ep);
}

/* A page in one transaction; *after: where to go on, empty at the end. */
static enum rc follow_page(struct following *f, struct buf *after)
{
    struct gaia_row *list = NULL;
    size_t count = 0;
    enum rc rc = store_write(f->place->store, &f->tx);
    if (rc != RC_OK)
        return rc;
    rc = gaia_row_walk(f->tx, f->place->org, buf_str(after), PAGE, f->a, &list, &count);
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = follow_endpoint(f, list[i].endpoint);
    buf_cut(after, 0);
    if (rc == RC_OK && count == PAGE)
        rc = buf_add_str(after, list[count - 1].token);
    rc = store_finish(f->tx, rc);
    return rc;
}

enum rc dialect_gaia_follow(const struct dialect_gaia_place *place, const struct dest_url *url)
{
    struct buf after;
    struct arena a;
    struct following f = { .place = place, .url = url, .a = &a };
    enum rc rc;
    buf_init(&after, GAIA_TOKEN_MAX + 1);
    arena_init(&a);
    do {
        rc = follow_page(&f, &after);
        arena_reset(&a);
    } while (rc == RC_OK && after.len > 0);
    arena_fini(&a);
    buf_fini(&after);
    return rc;
}
