/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/proof.h.
 */
#include "api/kit/proof.h"

#include "access/browser.h"

static struct str proof_bearer(const struct http_call *call)
{
    struct str value = http_call_header(call, "authorization");
    if (value.len < 7 || !str_ieq(str_sub(value, 0, 7), STR("bearer ")))
        return STR_NONE;
    return str_trim(str_sub(value, 7, value.len));
}

bool api_door_is_open(const struct api_door *door, const struct http_call *call)
{
    return door->has_console && (!door->is_apart || call->door == API_DOOR_CONSOLE);
}

struct str api_cookie(const struct api_door *door, const struct http_call *call)
{
    if (!api_door_is_open(door, call))
        return STR_NONE;
    return access_cookie_find(http_call_header(call, "cookie"), STR(ACCESS_COOKIE));
}

bool api_is_from_here(const struct api_door *door, const struct http_call *call)
{
    struct access_origin o = { .fetch_site = http_call_header(call, "sec-fetch-site"),
                               .origin = http_call_header(call, "origin"),
                               .host = http_call_header(call, "host"),
                               .public_url = door->console_url };
    return access_origin_is_ours(&o);
}

struct access_proof api_proof_of(const struct api_door *door, const struct http_call *call)
{
    struct str token = proof_bearer(call);
    struct str csrf = token.len > 0 ? STR_NONE : http_call_header(call, "x-grapnel-csrf");
    if (csrf.len == 0)
        return (struct access_proof){ token, false };
    struct str cookie = api_cookie(door, call);
    bool counts = cookie.len > 0 && cookie.len <= ACCESS_TOKEN_MAX &&
                  api_is_from_here(door, call) && access_csrf_is(cookie, csrf);
    return (struct access_proof){ counts ? cookie : STR_NONE, true };
}
