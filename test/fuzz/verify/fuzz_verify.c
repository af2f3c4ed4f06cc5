/* SPDX-License-Identifier: Apache-2.0
 *
 * Any request against any preset: a verdict whose texts can be read, and no proof out of thin air.
 *
 * An input is lines: the preset's name (or anything: then one is picked by it), the method, the query,
 * headers "name:value", an empty line; then the body.
 */
#include "../fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "grapnel.h"

#define CHECK(cond) ((cond) ? (void)0 : abort())

enum { HEADERS_MAX = 40, NAME_MAX_LEN = 40 };

static struct grapnel_bytes take_line(struct grapnel_bytes *rest)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    struct grapnel_bytes line = { rest->ptr, len };
    size_t used = end == NULL ? len : len + 1;
    *rest = (struct grapnel_bytes){ rest->ptr + used, rest->len - used };
    return line;
}

static struct grapnel_scheme *pick(struct grapnel_bytes name)
{
    char text[NAME_MAX_LEN] = "";
    size_t sum = 0;
    struct grapnel_scheme *scheme = NULL;
    for (size_t i = 0; i < name.len; i++) {
        sum += (unsigned char)name.ptr[i];
        if (i + 1 < sizeof(text)) {
            text[i] = name.ptr[i];
        }
    }
    if (grapnel_scheme_preset(text, &scheme) != GRAPNEL_VERIFIED) {
        const char *other = grapnel_preset_at(sum % grapnel_preset_count())->name;
        CHECK(grapnel_scheme_preset(other, &scheme) == GRAPNEL_VERIFIED);
    }
    return scheme;
}

static size_t take_headers(struct grapnel_bytes *rest, struct grapnel_header headers[HEADERS_MAX])
{
    size_t count = 0;
    for (struct grapnel_bytes line = take_line(rest); line.len > 0; line = take_line(rest)) {
        const char *colon = memchr(line.ptr, ':', line.len);
        if (colon != NULL && count < HEADERS_MAX) {
            size_t at = (size_t)(colon - line.ptr);
            headers[count++] =
                (struct grapnel_header){ { line.ptr, at }, { colon + 1, line.len - at - 1 } };
        }
    }
    return count;
}

static unsigned add_up(struct grapnel_bytes s)
{
    unsigned sum = 0;
    for (size_t i = 0; i < s.len; i++) {
        sum += (unsigned char)s.ptr[i];
    }
    return sum;
}

static bool fetch_nothing(void *ctx, struct grapnel_bytes url, char *pem, size_t cap, size_t *len)
{
    (void)ctx;
    (void)url;
    *len = cap;
    memset(pem, 'A', cap);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* In the form of most schemes at once; no input can hold a signature made with them. */
    static const struct grapnel_bytes secrets[] = {
        GRAPNEL_TEXT("d2bd2a8c7c6b1f3e5d4c3b2a19080706"),
        GRAPNEL_TEXT("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="),
        GRAPNEL_TEXT("1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="),
    };
    struct grapnel_bytes rest = { (const char *)data, size };
    struct grapnel_header headers[HEADERS_MAX];
    struct grapnel_verdict verdict;
    char text[512];
    struct grapnel_scheme *scheme = pick(take_line(&rest));
    struct grapnel_request request = { .url = GRAPNEL_TEXT("https://example.com/in"),
                                       .headers = headers };
    struct grapnel_config config = { .secrets = secrets,
                                     .secret_count = 3,
                                     .companion = GRAPNEL_TEXT("companion"),
                                     .now_us = INT64_C(1700000000000000),
                                     .certificate = fetch_nothing };
    request.method = take_line(&rest);
    request.query = take_line(&rest);
    request.header_count = take_headers(&rest, headers);
    request.body = rest;
    enum grapnel_status status =
        grapnel_explain(scheme, &config, &request, &verdict, text, sizeof(text));
    CHECK(status < GRAPNEL_STATUS_COUNT && memchr(text, '\0', sizeof(text)) != NULL);
    CHECK(verdict.reply.header_count <= GRAPNEL_REPLY_HEADERS_MAX);
    CHECK(add_up(verdict.id) + add_up(verdict.type) + add_up(verdict.reply.body) +
              add_up(verdict.learned) <
          UINT32_MAX);
    grapnel_scheme_free(scheme);
    return 0;
}
