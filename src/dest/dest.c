/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of kinds, and what is done for all of them in turn.
 */
#include "dest/dest.h"

#define DEST_KIND(name, NAME, urls) extern const struct dest_kind dest_##name;
#include "dest/kinds.def"

const struct dest_kind *const dest_kinds[DEST_COUNT] = {
#define DEST_KIND(name, NAME, urls) [DEST_##NAME] = &dest_##name,
#include "dest/kinds.def"
};

const struct dest_kind *dest_find(struct str name)
{
    if (name.len == 0)
        return dest_kinds[DEST_HTTP];
    for (size_t i = 0; i < DEST_COUNT; i++)
        if (str_eq(name, str_from(dest_kinds[i]->name)))
            return dest_kinds[i];
    return NULL;
}

const struct dest_kind *dest_of_url(struct str url)
{
    size_t end = str_find(url, ':');
    bool has_scheme = str_starts(str_sub(url, end, url.len), STR("://"));
    for (size_t i = 0; has_scheme && i < DEST_COUNT; i++)
        for (const char *const *s = dest_kinds[i]->schemes; *s != NULL; s++)
            if (str_eq(str_sub(url, 0, end), str_from(*s)))
                return dest_kinds[i];
    return dest_kinds[DEST_HTTP];
}

void dest_refuse(struct dest_call *c, bool is_permanent, struct str error, struct str detail)
{
    c->done(
        c, &(struct dest_result){ .is_permanent = is_permanent, .error = error, .detail = detail });
}

/* --- pools and clients ------------------------------------------------------------------------ */

void dest_pools_start(struct dest_pools *pools, const struct dest_server *s)
{
    for (size_t i = 0; i < DEST_COUNT; i++)
        if (dest_kinds[i]->pool_new != NULL)
            pools->of[i] = dest_kinds[i]->pool_new(s);
}

void dest_clients_start(const struct dest_pools *pools, const struct dest_loop *on,
                        struct dest_clients *clients)
{
    for (size_t i = 0; i < DEST_COUNT; i++)
        clients->of[i] = dest_kinds[i]->client_new(pools->of[i], on);
}

void dest_pools_stop(struct dest_pools *pools)
{
    for (size_t i = 0; i < DEST_COUNT; i++)
        if (dest_kinds[i]->pool_stop != NULL)
            dest_kinds[i]->pool_stop(pools->of[i]);
}

void dest_clients_free(struct dest_clients *clients)
{
    for (size_t i = 0; i < DEST_COUNT; i++)
        if (dest_kinds[i]->client_free != NULL)
            dest_kinds[i]->client_free(clients->of[i]);
}

void dest_pools_free(struct dest_pools *pools)
{
    for (size_t i = 0; i < DEST_COUNT; i++)
        if (dest_kinds[i]->pool_free != NULL)
            dest_kinds[i]->pool_free(pools->of[i]);
}
