/* SPDX-License-Identifier: Apache-2.0
 *
 * Older versions kept the credentials in http URLs as they came. They are sealed at the first start, and config.db is
 * written anew, as its free pages and its log would still hold them. Where that fails, a full disk for one, the server
 * starts all the same: nothing shows them, and the next start goes on.
 */
#include "server/urls_priv.h"

#include "dest/url.h"
#include "store/sealed.h"
#include "store/source.h"
#include "webfilter/set.h"
#include "json/json.h"

enum { PAGE = 200 };

/* "forget": the rows are sealed and the file is to be written anew; "sealed": all is done; "partly": all but endpoints
 * whose other secrets do not open any more. */
static const char progress[] = "credentials of URLs";

struct sealing {
    struct store_tx *tx;
    const struct sign_vault *vault;
    struct arena arena; /* of a page */
    int64_t count, left;
    bool forgets; /* the file is to be written anew */
};

static enum rc seal_endpoint(struct sealing *s, struct store_endpoint *ep)
{
    enum rc rc = dest_url_seal(s->vault, &s->arena, ep);
    if (rc == RC_NOT_FOUND)
        return RC_OK; /* the '@' is elsewhere */
    if (rc == RC_CORRUPT) {
        s->left++;
        return RC_OK;
    }
    if (rc == RC_OK)
        rc = store_endpoint_put_url(s->tx, ep);
    s->count++;
    return rc;
}

static enum rc seal_endpoints(struct sealing *s)
{
    struct store_endpoint *list = NULL;
    size_t count = 0;
    int64_t after = 0;
    enum rc rc;
    do {
        rc = store_endpoint_unsealed(s->tx, after, PAGE, &s->arena, &list, &count);
        for (size_t i = 0; rc == RC_OK && i < count; i++)
            rc = seal_endpoint(s, &list[i]);
        after = count > 0 ? list[count - 1].num : after;
        arena_reset(&s->arena);
    } while (rc == RC_OK && count == PAGE);
    return rc;
}

static enum rc seal_filter(struct sealing *s, struct store_filter *f)
{
    struct str user;
    struct str url = f->url;
    (void)text_url_split(url, &s->arena, &user);
    if (user.ptr == NULL)
        return RC_OK;
    enum rc rc = webfilter_url_set(s->vault, &s->arena, url, f);
    if (rc == RC_OK)
        rc = store_filter_update(s->tx, f);
    s->count++;
    return rc;
}

static enum rc seal_filters(struct sealing *s)
{
    struct store_filter *list = NULL;
    size_t count = 0;
    int64_t after = 0;
    enum rc rc;
    do {
        rc = store_filter_unsealed(s->tx, after, PAGE, &s->arena, &list, &count);
        for (size_t i = 0; rc == RC_OK && i < count; i++)
            rc = seal_filter(s, &list[i]);
        after = count > 0 ? list[count - 1].num : after;
        arena_reset(&s->arena);
    } while (rc == RC_OK && count == PAGE);
    return rc;
}

/* A source is known by its URL, and nothing is sent there: the credentials only go. */
static enum rc strip_source(struct sealing *s, const struct store_source *source)
{
    struct json_member url = { .name = STR("publicUrl") };
    struct str config = source->config;
    struct str user = STR_NONE;
    if (json_scan_object(config, &url, 1, NULL) != RC_OK || url.value.text.ptr == NULL)
        return RC_OK;
    struct str bare = text_url_split(url.value.text, &s->arena, &user);
    if (user.ptr == NULL)
        return RC_OK;
    size_t at = (size_t)(url.value.text.ptr - config.ptr);
    struct str rest = str_sub(config, at + url.value.text.len, config.len);
    s->count++;
    return store_source_put_config(s->tx, source->num,
                                   arena_fmt(&s->arena, "%.*s%.*s%.*s",
                                             STR_ARGS(str_sub(config, 0, at)), STR_ARGS(bare),
                                             STR_ARGS(rest)));
}

static enum rc strip_sources(struct sealing *s)
{
    struct store_source *list = NULL;
    size_t count = 0;
    int64_t after = 0;
    enum rc rc;
    do {
        rc = store_source_unsealed(s->tx, after, PAGE, &s->arena, &list, &count);
        for (size_t i = 0; rc == RC_OK && i < count; i++)
            rc = strip_source(s, &list[i]);
        after = count > 0 ? list[count - 1].num : after;
        arena_reset(&s->arena);
    } while (rc == RC_OK && count == PAGE);
    return rc;
}

static enum rc seal_rows(struct sealing *s)
{
    int64_t answers = 0;
    enum rc rc = seal_endpoints(s);
    if (rc == RC_OK)
        rc = seal_filters(s);
    if (rc == RC_OK)
        rc = strip_sources(s);
    if (rc == RC_OK)
        rc = store_answer_hide_users(s->tx, &answers);
    s->count += answers;
    return rc;
}

static const char *urls_settled(const struct sealing *s)
{
    return s->left > 0 ? "partly" : "sealed";
}

/* In the transaction: what is left to seal is, and how far that is. */
static enum rc urls_proceed(struct sealing *s)
{
    struct arena a;
    struct str before = STR_NONE;
    arena_init(&a);
    enum rc rc = store_setting_get(s->tx, progress, &a, &before);
    bool is_done = rc == RC_OK && str_eq(before, STR("sealed"));
    s->forgets = rc == RC_OK && str_eq(before, STR("forget"));
    arena_fini(&a);
    if (is_done || (rc != RC_OK && rc != RC_NOT_FOUND))
        return rc;
    rc = seal_rows(s);
    s->forgets = s->forgets || s->count > 0;
    const char *now = s->forgets ? "forget" : urls_settled(s);
    return rc == RC_OK ? store_setting_set(s->tx, progress, str_from(now)) : rc;
}

static enum rc urls_forget(const struct sealing *s, struct store *store)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_config_forget(store);
    if (rc == RC_OK)
        rc = store_write(store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_setting_set(tx, progress, str_from(urls_settled(s)));
    return store_finish(tx, rc);
}

void server_seal_urls(struct store *store, const struct sign_vault *vault)
{
    struct sealing s = { .vault = vault };
    enum rc rc = store_write(store, &s.tx);
    arena_init(&s.arena);
    if (rc == RC_OK) {
        rc = urls_proceed(&s);
        rc = store_finish(s.tx, rc);
    }
    if (rc == RC_OK && s.forgets)
        rc = urls_forget(&s, store);
    if (rc == RC_OK && s.left > 0)
        rc = RC_CORRUPT;
    if (rc != RC_OK)
        LOG(SERVER_URLS_IN_CLEAR, F_TEXT("rc", rc_name(rc)), F_INT("left", s.left));
    else if (s.forgets)
        LOG(SERVER_URLS_SEALED, F_INT("count", s.count));
    arena_fini(&s.arena);
}
