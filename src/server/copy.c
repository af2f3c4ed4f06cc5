/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/copy.h.
 */
#include "server/copy.h"

#include "server/folder_command_priv.h"
#include "server/secret_priv.h"
#include "stats/copy.h"

struct server_copying {
    const struct conf *conf;
    struct server_copy *how;
};

/* Nothing that is sealed: any secret will do. */
static enum rc check_secret(void *ctx, struct db *config, struct buf *why)
{
    const struct conf *c = ((const struct server_copying *)ctx)->conf;
    struct sign_vault *vault = NULL;
    enum rc rc = server_knows_main_secret(c) ? server_vault(c, &vault, why) : RC_OK;
    if (rc != RC_OK)
        return rc;
    rc = server_vault_fits(vault, config);
    sign_vault_free(vault);
    if (rc == RC_DENIED)
        server_say_wrong_secret(c, why);
    else if (rc != RC_OK && rc != RC_NOT_FOUND)
        buf_say(why, "cannot read what is configured: %s", db_error(config));
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void tell_progress(void *ctx, int64_t done, int64_t of, bool was_there,
                          const struct store_copy_counts *segment)
{
    const struct server_copy *how = ((const struct server_copying *)ctx)->how;
    how->progress(how->ctx, done, of, was_there, segment);
}

static struct stats_home home_of(const char *place)
{
    bool is_url = store_is_url(place);
    return (struct stats_home){ .dir = is_url ? "" : place, .url = is_url ? place : NULL };
}

/* Charts are no reason to keep a store from moving: a server would make damaged ones anew, too. */
static enum rc copy_statistics(void *ctx, struct buf *why)
{
    struct server_copy *how = ((const struct server_copying *)ctx)->how;
    struct stats_home from = home_of(how->from), to = home_of(how->to);
    enum rc rc = stats_copy(&from, &to, &how->statistics, why);
    how->is_damaged = rc == RC_CORRUPT;
    return how->is_damaged ? RC_OK : rc;
}

enum rc server_store_copy(const struct conf *c, struct server_copy *how,
                          struct store_copy_counts *out, struct buf *why)
{
    struct conf with = *c; /* texts are borrowed */
    const char *folder = store_is_url(how->from) ? how->to : how->from;
    char *dir = xstrdup(folder);
    if (!server_knows_main_secret(c))
        with.data_dir = dir;
    struct server_copying copying = { &with, how };
    const struct store_copy_options o = { .from = how->from,
                                          .to = how->to,
                                          .clock = clock_system(),
                                          .idempotency_us = c->store_idempotency,
                                          .is_dry = how->is_dry,
                                          .check = check_secret,
                                          .progress = tell_progress,
                                          .beside = copy_statistics,
                                          .ctx = &copying };
    *out = (struct store_copy_counts){ 0 };
    enum rc rc = server_become_owner(folder, why);
    if (rc == RC_OK)
        rc = store_copy(&o, out, why);
    xfree(dir);
    return rc;
}
