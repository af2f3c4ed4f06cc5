/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/seek.h.
 */
#include "api/kit/seek.h"

#include "api/kit/ctx.h"
#include "sign/sign.h"

static const struct store_sought *sought_of_proof(struct http_request *req,
                                                  struct access_proof proof)
{
    const struct api *api = req->ctx;
    struct store_sought *s = ARENA_NEW(req->arena, struct store_sought);
    return access_sought(api->o.access, proof, req->arena, s) ? s : NULL;
}

/* The answer is not sent. */
static bool seek_first(struct http_request *req, const struct store_sought *sought)
{
    req->sought = sought;
    if (sought == NULL || !http_has_elsewhere(req))
        return false;
    req->runs_again = true;
    http_error(req, 401, "authentication_failed", "Not known here.");
    return true;
}

void api_seek_proof(struct http_request *req, struct access_proof proof)
{
    req->sought = sought_of_proof(req, proof);
}

bool api_seeks_proof(struct http_request *req, struct access_proof proof)
{
    return seek_first(req, sought_of_proof(req, proof));
}

static void hash_text(struct store_sought *s, struct str text)
{
    sign_sha256(text, s->hash);
}

bool api_seeks_user(struct http_request *req, struct str tenant, struct str name)
{
    struct store_sought *s = ARENA_NEW(req->arena, struct store_sought);
    *s = (struct store_sought){ .kind = STORE_SOUGHT_USER, .name = name, .tenant = tenant };
    hash_text(s, arena_fmt(req->arena, "user\n%zu\n%.*s%.*s", tenant.len, STR_ARGS(tenant),
                           STR_ARGS(name)));
    return seek_first(req, s);
}

bool api_seeks_user_number(struct http_request *req, int64_t number)
{
    struct store_sought *s = ARENA_NEW(req->arena, struct store_sought);
    *s = (struct store_sought){ .kind = STORE_SOUGHT_USER_NUMBER, .number = number };
    hash_text(s, arena_fmt(req->arena, "user number\n%lld", (long long)number));
    return seek_first(req, s);
}

bool api_is_elsewhere(struct http_request *req, struct access_proof proof)
{
    if (!http_has_elsewhere(req))
        return false;
    const struct store_sought *s = sought_of_proof(req, proof);
    return s != NULL && http_is_elsewhere(req, s);
}
