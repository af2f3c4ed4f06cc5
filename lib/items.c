/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches: one request, many events.
 */
#include "engine.h"

enum grapnel_status gn_load_items(struct gn_run *run, struct grapnel_bytes **items, size_t *count)
{
    struct grapnel_bytes array;
    *count = 0;
    *items = gn_alloc(&run->arena, GRAPNEL_ITEMS_MAX * sizeof(**items));
    if (*items == NULL) {
        return GRAPNEL_TOO_LARGE;
    }
    enum grapnel_status status =
        gn_json_find(&run->arena, run->request->body, run->scheme->items, &array);
    return status == GRAPNEL_VERIFIED ? gn_json_elements(array, *items, GRAPNEL_ITEMS_MAX, count)
                                      : status;
}

static bool is_bad(enum grapnel_status status)
{
    return status == GRAPNEL_DUPLICATE_HEADER || status == GRAPNEL_TOO_LARGE;
}

/* Id and type as far as the item has them; an ambiguous one is an error. */
static enum grapnel_status items_describe(struct gn_run *run, struct grapnel_item *item)
{
    const struct grapnel_scheme *s = run->scheme;
    enum grapnel_status found = gn_identity(run, true, &item->id, &item->id_signed);
    if (is_bad(found)) {
        return found;
    }
    for (size_t i = 0; i < s->type_count && item->type.len == 0; i++) {
        enum grapnel_status status = gn_expand(run, &s->types[i], &item->type);
        if (is_bad(status)) {
            return status;
        }
    }
    return GRAPNEL_VERIFIED;
}

static enum grapnel_status items_visit(struct gn_run *run, grapnel_item_fn *fn, void *ctx)
{
    struct grapnel_bytes *items;
    size_t count;
    enum grapnel_status status = gn_load_items(run, &items, &count);
    for (size_t i = 0; i < count && status == GRAPNEL_VERIFIED; i++) {
        struct grapnel_item item = { .json = items[i] };
        run->item = items[i];
        status = items_describe(run, &item);
        if (status == GRAPNEL_VERIFIED && !fn(ctx, i, &item)) {
            break;
        }
    }
    return status;
}

enum grapnel_status grapnel_each_item(const struct grapnel_scheme *scheme,
                                      const struct grapnel_request *request, grapnel_item_fn *fn,
                                      void *ctx)
{
    static const struct grapnel_config none = { .secret_count = 0 };
    struct gn_run run;
    if (!scheme->has_items) {
        return GRAPNEL_UNSUPPORTED;
    }
    gn_run_init(&run, scheme, &none, request);
    enum grapnel_status status = items_visit(&run, fn, ctx);
    gn_run_fini(&run);
    return status;
}
