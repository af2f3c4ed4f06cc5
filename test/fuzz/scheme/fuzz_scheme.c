/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text is a scheme or an error with its place, and whatever is a scheme can judge a request.
 */
#include "../fuzz.h"

#include <stdlib.h>

#include "grapnel.h"

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void judge(const struct grapnel_scheme *scheme)
{
    static const struct grapnel_header headers[] = {
        { GRAPNEL_TEXT("X-Signature"), GRAPNEL_TEXT("t=1700000000,v1=00") },
        { GRAPNEL_TEXT("webhook-id"), GRAPNEL_TEXT("msg_1") },
        { GRAPNEL_TEXT("Content-Type"), GRAPNEL_TEXT("application/x-www-form-urlencoded") },
    };
    static const struct grapnel_bytes secrets[] = { GRAPNEL_TEXT(
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") };
    const struct grapnel_config config = { .secrets = secrets,
                                           .secret_count = 1,
                                           .companion = GRAPNEL_TEXT("companion"),
                                           .now_us = INT64_C(1700000000000000) };
    const struct grapnel_request request = { .method = GRAPNEL_TEXT("POST"),
                                             .url = GRAPNEL_TEXT("https://example.com:8443/in"),
                                             .query = GRAPNEL_TEXT("a=1&token=x"),
                                             .headers = headers,
                                             .header_count = 3,
                                             .body = GRAPNEL_TEXT("id=1&b=%41") };
    struct grapnel_verdict verdict;
    struct grapnel_signature signature;
    char text[256];
    enum grapnel_status status =
        grapnel_explain(scheme, &config, &request, &verdict, text, sizeof(text));
    CHECK(status < GRAPNEL_STATUS_COUNT && status == verdict.status);
    CHECK(verdict.reply.status >= 200 && verdict.reply.status <= 599);
    status = grapnel_sign(scheme, &config, &request, &signature);
    CHECK(status < GRAPNEL_STATUS_COUNT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grapnel_scheme *scheme;
    struct grapnel_scheme_error error = { 0, NULL };
    const struct grapnel_bytes text = { (const char *)data, size };
    if (grapnel_scheme_parse(text, &scheme, &error) == GRAPNEL_VERIFIED) {
        judge(scheme);
        grapnel_scheme_free(scheme);
    } else {
        CHECK(scheme == NULL && error.reason != NULL);
    }
    return 0;
}
