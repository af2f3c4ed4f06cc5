/* SPDX-License-Identifier: Apache-2.0
 *
 * See dest/url.h.
 */
#include "dest/url.h"

#include "core/options.h"

void dest_url_keep_credentials(json_t *sealed, const struct dest_kind *kind,
                               const struct dest_url *url)
{
    json_t *credentials = NULL;
    for (size_t i = 0; i < DEST_COUNT; i++)
        json_object_del(sealed, dest_kinds[i]->name);
    if (url->credentials.ptr == NULL)
        return;
    enum rc rc = json_parse(url->credentials, &credentials, NULL);
    MUST(rc == RC_OK); /* the kind made it */
    json_object_set_new(sealed, kind->name, credentials);
}

static enum rc keep_credentials(const struct sign_vault *v, struct arena *a,
                                const struct dest_kind *kind, const struct dest_url *url,
                                struct store_endpoint *row)
{
    json_t *options = NULL;
    if (url->credentials.ptr == NULL && row->options_sealed.ptr == NULL)
        return RC_OK;
    enum rc rc = core_options_open(v, a, row, &options);
    if (rc != RC_OK)
        return rc;
    dest_url_keep_credentials(options, kind, url);
    rc = core_options_seal(v, a, options, row);
    json_decref(options);
    return rc;
}

enum rc dest_url_put(const struct sign_vault *v, struct arena *a, const struct dest_kind *kind,
                     const struct dest_url *url, struct store_endpoint *row)
{
    bool is_same = str_eq(row->kind, str_from(kind->name)) && str_eq(row->url, url->shown);
    row->kind = str_from(kind->name);
    row->url = url->shown;
    return is_same && !url->has_user ? RC_OK : keep_credentials(v, a, kind, url, row);
}

enum rc dest_url_set(const struct sign_vault *v, struct arena *a, struct str url,
                     struct store_endpoint *row)
{
    struct dest_url read;
    const struct dest_kind *kind = dest_of_url(url);
    enum rc rc = kind->read_url(url, a, &read, NULL);
    return rc == RC_OK ? dest_url_put(v, a, kind, &read, row) : rc;
}

/* The proof that stands for a URL is made anew for what the row's URL is from now on. */
static void move_proof(struct arena *a, struct str before, struct store_endpoint *row)
{
    json_t *options = NULL;
    char proof[CORE_PROOF_LEN + 1];
    if (row->options.ptr == NULL || json_parse(row->options, &options, NULL) != RC_OK)
        return;
    json_t *handshake = json_object_get(options, "handshake");
    if (json_is_object(handshake) && core_handshake_stands(options, before)) {
        core_handshake_proof(json_str_member(handshake, "kind"), row->url, proof);
        json_object_set_new(handshake, "proof", json_string(proof));
        row->options = json_text(a, options);
    }
    json_decref(options);
}

/* The kind is asked for nothing here: what older builds accepted must not stay in clear. */
enum rc dest_url_seal(const struct sign_vault *v, struct arena *a, struct store_endpoint *row)
{
    struct dest_url url = { .has_user = true };
    struct str user;
    struct str before = row->url;
    url.shown = text_url_split(before, a, &user);
    if (user.ptr == NULL)
        return RC_NOT_FOUND;
    url.credentials = dest_url_userinfo(a, user);
    enum rc rc = row->deleted ? RC_OK : keep_credentials(v, a, dest_kinds[DEST_HTTP], &url, row);
    if (rc != RC_OK)
        return rc;
    row->url = url.shown;
    move_proof(a, before, row);
    return RC_OK;
}

struct str dest_url_userinfo(struct arena *a, struct str user)
{
    if (user.len == 0)
        return STR_NONE;
    json_t *object = json_pack("{s:s%}", "userinfo", user.ptr, user.len);
    struct str text = json_text(a, object);
    json_decref(object);
    return text;
}

struct str dest_url_with(struct arena *a, const json_t *credentials, struct str url)
{
    struct str user = json_str_member(credentials, "userinfo");
    return user.len == 0 ? url : arena_secret(a, text_url_join(url, user, a));
}

enum rc dest_url_full(const struct sign_vault *v, struct arena *a, const struct store_endpoint *row,
                      struct str *out)
{
    json_t *options = NULL;
    enum rc rc = core_options_open(v, a, row, &options);
    if (rc == RC_OK)
        *out = dest_url_with(a, json_object_get(options, "http"), row->url);
    json_decref(options);
    return rc;
}
