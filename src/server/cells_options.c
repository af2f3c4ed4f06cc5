/* SPDX-License-Identifier: Apache-2.0
 *
 * See server/cells_options_priv.h.
 */
#include "server/cells_options_priv.h"

#include "db/db.h"
#include "server/options_priv.h"

/* A URL may list several hosts, with commas: an entry begins with a name and a scheme. */
static bool begins_entry(struct str part)
{
    size_t at = str_find(part, '=');
    struct str url = str_sub(part, at + 1, part.len);
    return at < part.len && store_cell_is_name(str_trim(str_sub(part, 0, at))) &&
           (str_starts(url, STR("postgresql://")) || str_starts(url, STR("postgres://")));
}

static enum rc add_entry(struct str entry, struct arena *a, struct cells_other *out, size_t *count,
                         struct buf *why)
{
    size_t at = str_find(entry, '=');
    if (*count == CELLS_OTHERS_MAX) {
        buf_say(why, "cell.others: more than %d cells", CELLS_OTHERS_MAX);
        return RC_LIMIT;
    }
    struct str name = str_trim(str_sub(entry, 0, at));
    out[*count] = (struct cells_other){ arena_cstr(a, name),
                                        arena_cstr(a, str_sub(entry, at + 1, entry.len)) };
    buf_say(why, "cell.others, cell \"%.*s\"", STR_ARGS(name));
    enum rc rc = db_check_url(out[*count].url, why);
    if (rc == RC_OK)
        buf_reset(why);
    (*count)++;
    return rc;
}

enum rc server_cells_read(const struct conf *c, struct arena *a, struct cells_other *out,
                          size_t *count, struct buf *why)
{
    struct str rest = str_from(c->cell_others), part, entry = STR_NONE;
    enum rc rc = RC_OK;
    *count = 0;
    while (rc == RC_OK && str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (!begins_entry(part) && entry.ptr == NULL) {
            buf_say(why,
                    "cell.others: an entry is name=postgresql://..., and a name has letters, "
                    "digits and hyphens, at most %d",
                    STORE_CELL_NAME_MAX);
            return RC_INVALID;
        }
        if (!begins_entry(part)) { /* another host of the URL before */
            entry = str_of(entry.ptr, (size_t)(part.ptr + part.len - entry.ptr));
            continue;
        }
        if (entry.ptr != NULL)
            rc = add_entry(entry, a, out, count, why);
        entry = part;
    }
    return rc == RC_OK && entry.ptr != NULL ? add_entry(entry, a, out, count, why) : rc;
}

static enum rc check_names(const struct conf *c, const struct cells_other *others, size_t count,
                           struct buf *why)
{
    for (size_t i = 0; i < count; i++) {
        bool is_twice = strcmp(others[i].name, c->cell_name) == 0;
        for (size_t k = 0; k < i; k++)
            is_twice = is_twice || strcmp(others[i].name, others[k].name) == 0;
        if (is_twice) {
            buf_say(why,
                    "cell.others: \"%s\" is the name of two cells, or of this one: each has a "
                    "name of its own, and cell.others leaves out this cell",
                    others[i].name);
            return RC_INVALID;
        }
        if (strcmp(others[i].url, c->store_url) == 0) {
            buf_say(why,
                    "cell.others: cell \"%s\" has the database of store.url: each cell has "
                    "one of its own",
                    others[i].name);
            return RC_INVALID;
        }
    }
    return RC_OK;
}

enum rc server_cells_check(const struct conf *c, struct buf *why)
{
    struct cells_other others[CELLS_OTHERS_MAX];
    struct arena a;
    size_t count;
    if (server_text(c->cell_name) == NULL && server_text(c->cell_others) == NULL)
        return RC_OK;
    if (!store_cell_is_name(str_from(c->cell_name))) {
        buf_say(why,
                "cell.name: \"%s\" is not letters, digits and hyphens, at most %d of them; "
                "cell.others needs it",
                c->cell_name, STORE_CELL_NAME_MAX);
        return RC_INVALID;
    }
    if (server_text(c->store_url) == NULL) {
        buf_say(why, "cell.name needs store.url: a cell is a PostgreSQL database with its nodes");
        return RC_INVALID;
    }
    arena_init(&a);
    enum rc rc = server_cells_read(c, &a, others, &count, why);
    if (rc == RC_OK)
        rc = check_names(c, others, count, why);
    arena_fini(&a);
    return rc;
}
