/* SPDX-License-Identifier: Apache-2.0
 *
 * When an application's JWTs end: they have no rows, so a setting says it. "<since>:<at> ..." in
 * seconds: what was issued before `since` is refused from `at` on; 0: at once. A pair that ends more
 * tokens no later replaces the others, so that the list holds what is still to come and one that came.
 */
#include "access/access_priv.h"

enum { PAIRS_MAX = 64, PAIR_TEXT_MAX = 48 };

struct pair {
    int64_t since_s, at_s;
};

static void setting_name(int64_t app, char name[static ACCESS_JWT_SETTING_MAX])
{
    (void)snprintf(name, ACCESS_JWT_SETTING_MAX, "jwt_not_before.%lld", (long long)app);
}

/* A number by itself ends at once. */
static enum rc ended_parse(struct str text, struct pair out[static PAIRS_MAX], size_t *count)
{
    struct str word;
    *count = 0;
    while (*count < PAIRS_MAX && str_split(&text, ' ', &word)) {
        struct pair *p = &out[(*count)++];
        size_t colon = str_find(word, ':');
        p->at_s = 0;
        if (str_to_i64(str_sub(word, 0, colon), &p->since_s) != RC_OK ||
            (colon < word.len && str_to_i64(str_sub(word, colon + 1, word.len), &p->at_s) != RC_OK))
            return RC_CORRUPT;
    }
    return RC_OK;
}

static enum rc ended_load(struct store_tx *tx, int64_t app, struct arena *arena,
                          struct pair out[static PAIRS_MAX], size_t *count)
{
    char name[ACCESS_JWT_SETTING_MAX];
    struct str text;
    *count = 0;
    setting_name(app, name);
    enum rc rc = store_setting_get(tx, name, arena, &text);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    return ended_parse(text, out, count);
}

enum rc access_jwt_end(struct store_tx *tx, int64_t app, struct arena *arena, int64_t issued_s,
                       int64_t *at_s)
{
    struct pair pairs[PAIRS_MAX];
    size_t count;
    enum rc rc = ended_load(tx, app, arena, pairs, &count);
    *at_s = INT64_MAX;
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        if (issued_s < pairs[i].since_s && pairs[i].at_s < *at_s)
            *at_s = pairs[i].at_s;
    return rc;
}

/* `added` is the latest to say. Pairs stay that end something before it does; one too many is drawn
 * together with it, which ends some tokens sooner than asked, and none later. */
static size_t ended_add(struct pair pairs[static PAIRS_MAX], size_t count, struct pair added)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (pairs[i].at_s < added.at_s)
            pairs[kept++] = pairs[i];
    if (kept == PAIRS_MAX)
        added.at_s = pairs[--kept].at_s;
    pairs[kept++] = added;
    return kept;
}

static int64_t latest_end(int64_t at_s, int64_t now_s)
{
    return at_s <= now_s ? 0 : at_s;
}

enum rc access_jwt_set_end(struct store_tx *tx, int64_t app, int64_t now_s, int64_t at_s)
{
    struct arena arena;
    struct pair pairs[PAIRS_MAX];
    size_t count, kept = 0;
    char name[ACCESS_JWT_SETTING_MAX];
    char text[PAIRS_MAX * PAIR_TEXT_MAX];
    size_t len = 0;
    arena_init(&arena);
    enum rc rc = ended_load(tx, app, &arena, pairs, &count);
    arena_fini(&arena);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < count; i++)
        kept = ended_add(pairs, kept,
                         (struct pair){ pairs[i].since_s, latest_end(pairs[i].at_s, now_s) });
    /* To the second, as JWTs say it: one issued within this second ends, too. */
    kept = ended_add(pairs, kept, (struct pair){ now_s + 1, latest_end(at_s, now_s) });
    for (size_t i = 0; i < kept; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%lld:%lld", i == 0 ? "" : " ",
                                (long long)pairs[i].since_s, (long long)pairs[i].at_s);
    setting_name(app, name);
    return store_setting_set(tx, name, str_of(text, len));
}
