/* SPDX-License-Identifier: Apache-2.0
 *
 * See lists_priv.h. A list with a filter reads the application's endpoints 250 at a time until its page is full: they
 * are at most some thousands, because each dialect has a limit for them.
 */
#include "dialect/lists_priv.h"

#include "store/application.h"

enum { CHUNK = 250 };

json_t *dialect_options_of(const struct store_endpoint *ep)
{
    json_t *options = NULL;
    if (ep->options.ptr == NULL || json_parse(ep->options, &options, NULL) != RC_OK)
        return NULL;
    return options;
}

void dialect_write_state(struct api_out *o, const struct store_endpoint *ep)
{
    api_out_str(o, "endpointId", ep->id);
    api_out_bool(o, "disabled", ep->disabled);
    api_out_opt(o, "disabledReason", ep->disabled ? ep->disabled_reason : STR_NONE);
    api_out_date(o, "createdAt", ep->created_us);
    api_out_date(o, "updatedAt", ep->updated_us);
}

struct filling {
    const struct dialect_listing *l;
    struct store_endpoint
        *rows; /* in the order in which they are met: backwards on a page before */
    size_t count, limit;
    bool is_full; /* one more fits than there is room for */
};

static void lists_take(struct filling *f, const struct store_endpoint *ep)
{
    if (f->is_full || !f->l->fits(ep, f->l->arg))
        return;
    f->is_full = f->count == f->limit;
    if (!f->is_full)
        f->rows[f->count++] = *ep;
}

static enum rc lists_fill(struct api_ctx *c, int64_t app, const struct store_page *page,
                          struct filling *f)
{
    struct store_page next = *page;
    struct store_page_end end = { 0 };
    struct store_endpoint *chunk = arena_array(c->arena, CHUNK, sizeof(*chunk));
    enum rc rc = RC_OK;
    next.limit = CHUNK;
    while (rc == RC_OK && !end.done && !f->is_full) {
        rc = store_endpoint_list(c->tx, app, &next, c->arena, chunk, &end);
        if (rc != RC_OK || end.count == 0)
            break;
        for (size_t i = 0; i < end.count; i++)
            lists_take(f, &chunk[page->backwards ? end.count - 1 - i : i]);
        next.after = chunk[page->backwards ? 0 : end.count - 1].id;
    }
    return rc;
}

static void lists_reverse(struct store_endpoint *rows, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct store_endpoint kept = rows[i];
        rows[i] = rows[count - 1 - i];
        rows[count - 1 - i] = kept;
    }
}

void dialect_list_endpoints(struct api_ctx *c, const struct dialect_listing *l)
{
    struct store_application app;
    struct store_page page;
    if (!api_page(c, "ep_", true, &page))
        return;
    struct filling f = { .l = l,
                         .rows = api_page_room(c, &page, sizeof(*f.rows)),
                         .limit = (size_t)page.limit };
    enum rc rc = store_application_find(c->tx, c->who->org, str_from(l->app_uid), c->arena, &app);
    if (rc == RC_OK)
        rc = lists_fill(c, app.num, &page, &f);
    else if (rc == RC_NOT_FOUND)
        rc = RC_OK;
    if (page.backwards)
        lists_reverse(f.rows, f.count);
    struct store_page_end end = { .count = f.count, .done = !f.is_full };
    api_reply_page(c, rc, &page, &end, API_ROWS(f.rows, id, NULL, l->write, l->arg));
}
