/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/resource/handshake_priv.h.
 */
#include "api/resource/handshake_priv.h"

#include "api/resource/endpoint_fill_priv.h"
#include "api/resource/scheme_priv.h"

#include "core/options.h"
#include "deliver/handshake.h"
#include "dest/url.h"
#include "http/url.h"

struct api_proof {
    char text[CORE_PROOF_LEN + 1];
    int64_t allowed_per_minute;
};

static json_t *handshake_options_of(const struct store_endpoint *ep)
{
    json_t *options = NULL;
    if (ep->options.ptr == NULL || json_parse(ep->options, &options, NULL) != RC_OK)
        return json_object();
    return options;
}

/* --- what the request would make of the endpoint --------------------------------------------------- */

/* `draft` is the endpoint as it would be stored. False: answered. */
static bool draft_endpoint(struct api_ctx *c, struct store_tx *tx, struct store_endpoint *draft,
                           int64_t *app_num)
{
    bool is_patch = c->req->call->head->method == HTTP_PATCH;
    struct str name = api_param(c, "endpoint_id");
    struct store_application app;
    if (!api_find_app(c, tx, &app))
        return false;
    *app_num = app.num;
    *draft = (struct store_endpoint){ .app = app.num, .id = STR("draft") };
    if (name.len > 0) {
        enum rc rc = store_endpoint_find(tx, app.num, name, c->arena, draft);
        if (rc == RC_NOT_FOUND && c->req->call->head->method != HTTP_PUT)
            return true; /* the handler says so */
        if (rc != RC_OK && rc != RC_NOT_FOUND) {
            api_fail(c, rc);
            return false;
        }
    }
    if (c->body == NULL) { /* enabling */
        draft->disabled = false;
        return true;
    }
    return api_endpoint_fill(c, tx, draft, !is_patch);
}

/* --- asking ---------------------------------------------------------------------------------------- */

static struct str own_origin(struct api_ctx *c)
{
    struct http_url url;
    if (c->api->o.public_url != NULL &&
        http_url_parse(str_from(c->api->o.public_url), &url, NULL) == RC_OK)
        return url.host;
    return STR("localhost");
}

/* The key the endpoint has or is given. RC_NOT_FOUND: none yet. RC_CORRUPT: it does not open. */
static enum rc find_key(struct api_ctx *c, const struct store_endpoint *draft, struct sign_key *key)
{
    struct str given = api_get_str(c, "secret");
    if (given.ptr != NULL)
        return sign_key_parse(given, key, NULL) == RC_OK ? RC_OK : RC_NOT_FOUND;
    if (draft->key_count == 0)
        return RC_NOT_FOUND;
    return core_open_key(c->api->o.vault, draft->id, draft->keys[0].sealed, key);
}

static void handshake_refuse(struct api_ctx *c, enum rc rc, const char *kind, const struct buf *why)
{
    if (rc == RC_BUSY)
        http_error(c->req, 503, "busy", "Not asked: %s.", why->ptr);
    else if (rc == RC_LIMIT)
        http_error(c->req, 429, "too_many_handshakes", "Not asked: %s.", why->ptr);
    else
        http_error(c->req, 422, "handshake_failed",
                   "The receiver did not pass the %s handshake: %s.", kind, why->ptr);
}

/* The receiver is asked with the URL's credentials; the proof is of what the row's URL is, without them. */
static bool handshake_ask(struct api_ctx *c, struct deliver_handshake *s,
                          const struct store_endpoint *draft)
{
    struct buf why;
    buf_init(&why, 400);
    enum rc rc = deliver_handshake_run(c->api->o.handshaker, s, &why);
    if (rc == RC_OK) {
        c->proof = ARENA_NEW(c->arena, struct api_proof);
        core_handshake_proof(str_from(s->kind->name), draft->url, c->proof->text);
        c->proof->allowed_per_minute = s->allowed_per_minute;
    } else {
        handshake_refuse(c, rc, s->kind->name, &why);
    }
    buf_fini(&why);
    return rc == RC_OK;
}

static bool ask_with_key(struct api_ctx *c, struct deliver_handshake *s,
                         const struct store_endpoint *draft)
{
    struct sign_key key;
    char text[SIGN_SECRET_TEXT_MAX];
    enum rc found = find_key(c, draft, &key);
    bool has_key = found == RC_OK;
    s->key = has_key ? &key : NULL;
    if (found != RC_OK && found != RC_NOT_FOUND) {
        api_fail(c, found);
        return false;
    }
    if (!api_scheme_secret(c, draft, &s->secret)) {
        mem_wipe(&key, sizeof(key));
        return false;
    }
    if (s->secret.len == 0 && has_key)
        s->secret = sign_key_secret(&key, text);
    bool fine = !s->kind->proves_secret || s->secret.len > 0;
    if (!fine)
        http_invalid(c->req, "body.schemeSecret", "value_error",
                     "This handshake needs a secret the receiver knows: schemeSecret or secret");
    fine = fine && handshake_ask(c, s, draft);
    mem_wipe(&key, sizeof(key));
    mem_wipe(text, sizeof(text));
    return fine;
}

static bool ask_draft(struct api_ctx *c, int64_t app, const struct store_endpoint *draft,
                      const json_t *options)
{
    const json_t *handshake = json_object_get(options, "handshake");
    struct deliver_handshake s = { .app = app, .org = c->who->org, .origin = own_origin(c) };
    if (core_handshake_stands(options, draft->url) || draft->disabled)
        return true;
    s.kind = deliver_handshake_find(c->api->o.handshakes, json_str_member(handshake, "kind"));
    if (c->api->o.handshaker == NULL || s.kind == NULL) {
        http_error(c->req, 503, "unavailable", "This server asks for no handshakes.");
        return false;
    }
    enum rc rc = dest_url_full(c->api->o.vault, c->arena, draft, &s.url);
    if (rc != RC_OK) {
        api_fail(c, rc);
        return false;
    }
    s.rate = json_integer_value(json_object_get(handshake, "rate"));
    s.topic = json_str_member(handshake, "topic");
    if (s.topic.len == 0)
        s.topic = arena_fmt(c->arena, "%s/api/v1/app/%.*s", c->api->o.public_url,
                            STR_ARGS(api_param(c, "app_id")));
    return ask_with_key(c, &s, draft);
}

bool api_handshake_first(struct api_ctx *c)
{
    struct store_endpoint draft;
    int64_t app = 0;
    if (!api_tx_read(c))
        return false;
    bool fine = draft_endpoint(c, c->tx, &draft, &app);
    api_tx_end(c);
    if (!fine)
        return false;
    json_t *options = handshake_options_of(&draft);
    fine = ask_draft(c, app, &draft, options);
    json_decref(options);
    return fine;
}

/* --- settling -------------------------------------------------------------------------------------- */

static void keep_proof(struct api_ctx *c, json_t *handshake, struct str url)
{
    char text[CORE_PROOF_LEN + 1];
    core_handshake_proof(json_str_member(handshake, "kind"), url, text);
    if (c->proof == NULL || strcmp(text, c->proof->text) != 0)
        return;
    json_object_set_new(handshake, "proof", json_string(text));
    json_object_set_new(handshake, "at", json_integer(c->now_us));
    if (c->proof->allowed_per_minute > 0)
        json_object_set_new(handshake, "allowedPerMinute",
                            json_integer(c->proof->allowed_per_minute));
    else
        json_object_del(handshake, "allowedPerMinute");
}

void api_handshake_settle(struct api_ctx *c, struct store_endpoint *ep)
{
    json_t *options = handshake_options_of(ep);
    json_t *handshake = json_object_get(options, "handshake");
    if (json_is_object(handshake)) {
        keep_proof(c, handshake, ep->url);
        ep->options = json_text(c->arena, options);
        if (!core_handshake_stands(options, ep->url)) {
            ep->disabled = true;
            ep->disabled_reason = STR("unverified");
        }
    }
    json_decref(options);
}
