/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a publish. What is taken keeps the rules that everything behind it relies on; what is
 * refused says where and why.
 */
#include "../fuzz.h"

#include <stdlib.h>

#include "api/resource/message_in.h"
#include "json/json.h"

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void check_taken(struct str body, const struct api_message_in *in)
{
    const struct store_message *m = &in->message;
    CHECK(m->event_type.len > 0 && m->event_type.len <= 256);
    CHECK(m->payload.ptr != NULL);
    if (m->content_type.ptr == NULL) { /* the bytes that were sent, in place */
        CHECK(m->payload.ptr >= body.ptr && m->payload.ptr + m->payload.len <= body.ptr + body.len);
        CHECK(json_validate(m->payload, NULL) == RC_OK);
    }
    CHECK((m->channels.ptr == NULL) == (in->channel_count == 0));
    CHECK(m->channels.ptr == NULL || json_validate(m->channels, NULL) == RC_OK);
    CHECK(m->tags.ptr == NULL || json_validate(m->tags, NULL) == RC_OK);
    for (size_t a = 0; a < in->channel_count; a++)
        for (size_t b = 0; b < a; b++)
            CHECK(!str_eq(in->channels[a], in->channels[b]));
    for (size_t i = 0; i < m->headers.len; i++)
        CHECK(m->headers.ptr[i] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = { (const char *)data, size };
    struct api_message_in in = { 0 };
    struct api_fault fault = { 0 };
    struct arena arena;
    arena_init(&arena);
    enum rc rc = api_message_parse(body, "body", INT64_C(1700000000000000), &arena, &in, &fault);
    CHECK(rc == RC_OK || rc == RC_INVALID);
    if (rc == RC_OK)
        check_taken(body, &in);
    else
        CHECK(fault.words[0] != '\0' && fault.where[0] != '\0' && fault.type != NULL);
    arena_fini(&arena);
    return 0;
}
