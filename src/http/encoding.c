/* SPDX-License-Identifier: Apache-2.0
 *
 * See http/encoding.h.
 */
#include "http/encoding.h"

#include "http/gzip.h"

static struct str encoding_of(const struct http_call *call)
{
    return str_trim(http_call_header(call, "content-encoding"));
}

bool http_body_is_packed(const struct http_call *call)
{
    struct str encoding = encoding_of(call);
    return !call->is_plain && encoding.len > 0 && !str_ieq(encoding, STR("identity"));
}

static void encoding_free_buf(void *b)
{
    buf_fini(b);
}

enum rc http_body_unpack(struct http_call *call)
{
    struct str encoding = encoding_of(call);
    thread_must_be(THREAD_WORKER);
    if (!http_body_is_packed(call))
        return RC_OK;
    if (!str_ieq(encoding, STR("gzip")) && !str_ieq(encoding, STR("x-gzip")))
        return RC_DENIED;
    struct buf *plain = ARENA_NEW(call->arena, struct buf);
    buf_init(plain, call->body_max);
    arena_defer(call->arena, encoding_free_buf, plain);
    enum rc rc = http_gunzip(call->body, plain);
    if (rc != RC_OK)
        return rc;
    call->packed = call->body;
    call->body = buf_str(plain);
    call->is_plain = true;
    return RC_OK;
}

int http_packed_status(const struct http_call *call, enum rc rc, const char **words)
{
    if (rc == RC_DENIED) {
        *words = arena_fmt(call->arena,
                           "Content-Encoding '%.*s' is not taken: send the body as it is, or with "
                           "gzip.",
                           STR_ARGS(str_sub(encoding_of(call), 0, 64)))
                     .ptr;
        return 415;
    }
    if (rc == RC_LIMIT) {
        *words = arena_fmt(call->arena, "The body has more than %zu bytes once unpacked.",
                           call->body_max)
                     .ptr;
        return 413;
    }
    *words = "The body is not what Content-Encoding says: gzip.";
    return 400;
}

bool http_plain_body(struct http_request *req)
{
    const char *words;
    enum rc rc = http_body_unpack(req->call);
    if (rc == RC_OK)
        return true;
    int status = http_packed_status(req->call, rc, &words);
    http_error(req, status,
               status == 415   ? "unsupported_media_type"
               : status == 413 ? "payload_too_large"
                               : "bad_encoding",
               "%s", words);
    if (status == 415)
        http_add_header(req, STR("Accept-Encoding"), STR("gzip, identity"));
    return false;
}
