/* SPDX-License-Identifier: Apache-2.0
 *
 * The query of a list: numbers, dates, names, iterators. What is taken is within its limits, and a
 * refusal is a 422 whose body is JSON.
 */
#include "../fuzz.h"

#include "api/kit/kit_priv.h"

enum { QUERY_MAX = 2048 };

static bool is_refused(const struct api_ctx *c)
{
    const struct http_reply *reply = &c->req->reply;
    MUST(reply->status == 0 || reply->status == 422);
    MUST(reply->status == 0 || json_validate(reply->body, NULL) == RC_OK);
    return reply->status != 0;
}

static void check_filter(struct api_ctx *c)
{
    struct store_message_filter f = { 0 };
    bool taken = api_message_filter(c, &f);
    MUST(taken == !is_refused(c));
    if (!taken)
        return;
    MUST(f.channel.len <= api_chars_max(API_CHARS_CHANNEL) &&
         f.tag.len <= api_chars_max(API_CHARS_TAG));
    for (size_t i = 0; i < f.event_type_count; i++)
        MUST(api_chars_ok(f.event_types[i], API_CHARS_NAME));
}

static void check_page(struct api_ctx *c)
{
    struct store_page page;
    struct id id;
    int64_t number = 0;
    bool taken = api_page(c, "msg_", true, &page);
    MUST(taken == !is_refused(c));
    if (!taken)
        return;
    MUST(page.limit >= 1 && page.limit <= API_LIMIT_MAX);
    MUST(page.after.len == 0 || id_parse(STR("msg_"), page.after, &id) == RC_OK);
    taken = api_query_int(c, "status", 0, 9, 3, &number);
    MUST(taken == !is_refused(c) && (!taken || (number >= 0 && number <= 9)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head;
    struct http_call call = { .head = &head };
    struct arena a;
    if (size > QUERY_MAX)
        return 0;
    arena_init(&a);
    head.query = str_of((const char *)data, size);
    struct http_request first = { .call = &call, .arena = &a };
    struct http_request second = { .call = &call, .arena = &a };
    struct api_ctx c = { .req = &first, .arena = &a };
    check_filter(&c);
    c.req = &second;
    check_page(&c);
    arena_fini(&a);
    return 0;
}
