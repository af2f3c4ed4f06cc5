/* SPDX-License-Identifier: Apache-2.0
 *
 * From a source's row to its view: its scheme is read, its secrets are opened, its settings taken apart
 * once, so that receiving only looks. Worker threads.
 */
#include "inbound/view_priv.h"

#include "store/config.h"

enum { SECRETS_MAX = 256 * 1024, SETTING_TEXT_MAX = 512 };

struct inbound_view *inbound_view_ref(struct inbound_view *v)
{
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    return v;
}

void inbound_view_unref(struct inbound_view *v)
{
    if (v == NULL || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct arena arena = v->arena; /* cleanups may look at the view until the last of them ran */
    arena_fini(&arena);
    for (size_t i = 0; i < COUNT_OF(v->keys); i++)
        grapnel_key_free(v->keys[i]);
    verify_scheme_free(v->own);
    xfree(v);
}

bool inbound_view_has(const struct inbound_view *v, const uint8_t hash[static 32], int64_t now_us)
{
    for (size_t i = 0; i < v->token_count; i++) {
        bool is_alive = v->tokens[i].expires_us == 0 || v->tokens[i].expires_us > now_us;
        if (is_alive && memcmp(v->tokens[i].hash, hash, sizeof(v->tokens[i].hash)) == 0)
            return true;
    }
    return false;
}

bool inbound_view_is_pending(const struct inbound_view *v, int64_t now_us)
{
    if (!v->scheme->needs_secret)
        return false;
    for (size_t i = 0; i < v->secrets.count; i++)
        if (v->secrets.list[i].expires_us == 0 || v->secrets.list[i].expires_us > now_us)
            return false;
    return true;
}

static enum rc read_scheme(struct inbound *in, const struct store_source *row,
                           struct inbound_view *v, struct buf *why)
{
    struct str identity = v->settings.identity, text = row->scheme;
    if (text.ptr == NULL) {
        v->scheme = verify_book_find(in->o.book, row->kind);
        if (v->scheme == NULL) {
            buf_say(why, "there is no preset \"%.*s\" any more", STR_ARGS(row->kind));
            return RC_INVALID;
        }
        if (identity.len == 0)
            return RC_OK;
        text = v->scheme->text;
    }
    enum rc rc = verify_scheme_read_with(text, identity, &v->own, why);
    v->scheme = v->own;
    return rc;
}

static enum rc read_settings(const struct store_source *row, struct inbound_view *v,
                             struct buf *why)
{
    return inbound_settings_read(&v->arena, row->config, &v->settings, why);
}

static enum rc view_build(struct inbound *in, const struct store_source *row,
                          struct inbound_view *v)
{
    struct buf why;
    buf_init(&why, SETTING_TEXT_MAX);
    arena_init(&v->arena);
    atomic_init(&v->refs, 1);
    v->num = row->num;
    v->org = row->org;
    v->app = row->app;
    v->id = arena_str(&v->arena, row->id);
    v->paused = row->paused;
    v->token_count = row->token_count;
    for (size_t i = 0; i < row->token_count; i++) {
        v->tokens[i] = row->tokens[i];
        v->tokens[i].sealed = arena_str(&v->arena, row->tokens[i].sealed);
    }
    enum rc rc = read_settings(row, v, &why);
    if (rc == RC_OK)
        rc = read_scheme(in, row, v, &why);
    if (rc == RC_OK && inbound_secrets_open(in->o.vault, row, &v->arena, &v->secrets) != RC_OK) {
        buf_say(&why, "its secrets do not open with this main secret");
        rc = RC_CORRUPT;
    }
    for (size_t i = 0; rc == RC_OK && i < v->secrets.count; i++)
        v->keys[i] = grapnel_key_read(v->scheme->engine, verify_bytes(v->secrets.list[i].text));
    if (rc != RC_OK) {
        LOG(INBOUND_SOURCE_UNREADABLE, F_STR("source", row->id), F_STR("why", buf_str(&why)));
        rc = RC_CORRUPT;
    }
    buf_fini(&why);
    return rc;
}

enum rc inbound_view_load(struct inbound *in, const uint8_t *hash, int64_t num,
                          struct inbound_view **out)
{
    struct store_tx *tx = NULL;
    struct arena scratch;
    struct store_source row;
    enum rc rc = store_read(in->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    arena_init(&scratch);
    rc = hash != NULL ? store_source_by_token(tx, hash, &scratch, &row)
                      : store_source_by_num(tx, num, &scratch, &row);
    store_end(tx);
    if (rc == RC_OK) {
        struct inbound_view *v = XNEW(struct inbound_view);
        rc = view_build(in, &row, v);
        if (rc == RC_OK)
            *out = v;
        else
            inbound_view_unref(v);
    }
    arena_fini(&scratch);
    return rc;
}
