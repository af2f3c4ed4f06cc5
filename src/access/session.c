/* SPDX-License-Identifier: Apache-2.0
 *
 * See access/session.h.
 */
#include "access/session.h"

#include "access/access_priv.h"
#include "sign/sign.h"

static const int64_t touch_gap_us = INT64_C(10) * 60 * 1000000;

enum rc access_session_open(struct access *a, const struct access_session_of *of,
                            char text[static ACCESS_TOKEN_TEXT + 1])
{
    struct access_token_spec spec = { .org = of->org,
                                      .name = str_cut_utf8(of->name, ACCESS_SESSION_NAME_MAX),
                                      .read_only = of->read_only,
                                      .role = of->role,
                                      .lifetime_us = ACCESS_SESSION_US,
                                      .kind = STORE_TOKEN_SESSION,
                                      .parent = of->parent,
                                      .user = of->user,
                                      .how = of->how,
                                      .peer = of->peer };
    return access_create(a, &spec, text, NULL);
}

void access_session_touch(struct access *a, const struct access_identity *id)
{
    struct store_tx *tx = NULL;
    int64_t now_us = clock_wall_us(store_clock(a->store));
    if (id->kind != STORE_TOKEN_SESSION || now_us - id->used_us < touch_gap_us ||
        store_write(a->store, &tx) != RC_OK)
        return;
    enum rc rc = store_token_use(tx, id->token, now_us);
    rc = store_finish(tx, rc);
    (void)rc; /* the next request notes it */
}

bool access_session_is_proved(const struct access *a, const struct access_identity *id)
{
    return id->kind != STORE_TOKEN_SESSION ||
           clock_wall_us(store_clock_later(a->store)) - id->proved_us < ACCESS_PROOF_US;
}

enum rc access_session_prove(struct access *a, const struct access_identity *id)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_write(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_token_prove(tx, id->token, clock_wall_us(store_clock(a->store)));
    return store_finish(tx, rc);
}

enum rc access_login_code_new(struct access *a, int64_t org,
                              char text[static ACCESS_TOKEN_TEXT + 1])
{
    struct access_token_spec spec = { .org = org,
                                      .name = STR("grapnel console"),
                                      .lifetime_us = ACCESS_LOGIN_CODE_US,
                                      .kind = STORE_TOKEN_LOGIN };
    return access_create(a, &spec, text, NULL);
}

enum rc access_link_new(struct access *a, const struct access_token_spec *of, int64_t token,
                        int64_t lifetime_us, char text[static ACCESS_TOKEN_TEXT + 1])
{
    struct access_token_spec spec = *of;
    spec.kind = STORE_TOKEN_LINK;
    spec.parent = token;
    spec.lifetime_us = lifetime_us;
    return access_create(a, &spec, text, NULL);
}

/* It has to be removed some day, and its token may never end: this is when it ends at the latest. */
static const int64_t portal_us = INT64_C(7) * 24 * 3600 * 1000000;

enum rc access_portal_open(struct access *a, const struct store_token *link,
                           char text[static ACCESS_TOKEN_TEXT + 1])
{
    struct access_token_spec spec = { .org = link->org,
                                      .app = link->app,
                                      .name = link->name,
                                      .lifetime_us = portal_us,
                                      .kind = STORE_TOKEN_PORTAL,
                                      .parent = link->parent,
                                      .scopes = link->scopes };
    return access_create(a, &spec, text, NULL);
}

static enum rc session_take(struct access *a, struct store_tx *tx, enum store_token_kind kind,
                            struct str text, bool once, struct arena *arena,
                            struct store_token *out)
{
    uint8_t hash[32];
    sign_sha256(text, hash);
    enum rc rc = store_token_find(tx, hash, arena, out);
    if (rc != RC_OK)
        return rc;
    if (out->kind != kind || out->expires_us <= clock_wall_us(store_clock_later(a->store)))
        return RC_NOT_FOUND;
    return once ? store_token_delete(tx, out->num) : RC_OK;
}

enum rc access_code_take(struct access *a, enum store_token_kind kind, struct str text, bool once,
                         struct arena *arena, struct store_token *out)
{
    struct store_tx *tx = NULL;
    if (text.len != ACCESS_TOKEN_TEXT)
        return RC_NOT_FOUND;
    enum rc rc = once ? store_write(a->store, &tx) : store_read(a->store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = session_take(a, tx, kind, text, once, arena, out);
    if (rc == RC_OK && once)
        return store_commit(tx);
    store_end(tx);
    return rc;
}

enum rc access_console_rights(const struct access_user *user, enum access_role *role)
{
    static const struct {
        const char *name;
        enum access_role role;
    } rights[] = { { "ROLE_SDB_ADMIN_USER", ACCESS_OWNER },
                   { "ROLE_OPERATOR", ACCESS_OPERATOR },
                   { "ROLE_VIEWER", ACCESS_VIEWER } };
    for (size_t i = 0; i < COUNT_OF(rights); i++) {
        if (!access_user_has_role(user, &rights[i].name, 1))
            continue;
        *role = rights[i].role;
        return RC_OK;
    }
    return RC_DENIED;
}
