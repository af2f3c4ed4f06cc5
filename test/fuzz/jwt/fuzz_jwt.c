/* SPDX-License-Identifier: Apache-2.0
 *
 * Any token against shared secrets and a public key: never verified, for the input cannot know the keys.
 */
#include "../fuzz.h"

#include <stdlib.h>

#include "grapnel.h"

#define CHECK(cond) ((cond) ? (void)0 : abort())

static const struct grapnel_bytes shared_text =
    GRAPNEL_TEXT("auth jwt\njwt-alg HS256\njwt-alg HS512\nsig body\ncheck item /sub = {url}\n");
static const struct grapnel_bytes pair_text = GRAPNEL_TEXT(
    "auth jwt\nkey pem\njwt-alg ES256\njwt-alg EdDSA\njwt-alg RS256\njwt-alg HS256\nsig body\n");
static const struct grapnel_bytes detached_text =
    GRAPNEL_TEXT("auth jwt\njwt-alg HS256\njwt-detached yes\nsig header X\n");

static void judge(struct grapnel_bytes text, struct grapnel_bytes secret,
                  struct grapnel_bytes token)
{
    struct grapnel_scheme *scheme;
    struct grapnel_verdict verdict;
    const struct grapnel_header header = { GRAPNEL_TEXT("X"), token };
    const struct grapnel_config config = { .secrets = &secret,
                                           .secret_count = 1,
                                           .now_us = INT64_C(1700000000000000) };
    const struct grapnel_request request = { .url = GRAPNEL_TEXT("https://example.com/in"),
                                             .headers = &header,
                                             .header_count = 1,
                                             .body = token };
    CHECK(grapnel_scheme_parse(text, &scheme, NULL) == GRAPNEL_VERIFIED);
    enum grapnel_status status = grapnel_verify(scheme, &config, &request, &verdict);
    CHECK(status != GRAPNEL_VERIFIED && status < GRAPNEL_STATUS_COUNT);
    grapnel_scheme_free(scheme);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct grapnel_bytes secret = GRAPNEL_TEXT("6f1e1a0c-not-in-any-input");
    /* A P-256 public key whose private half was thrown away. */
    static const struct grapnel_bytes public =
        GRAPNEL_TEXT("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1"
                     "flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==");
    const struct grapnel_bytes token = { (const char *)data, size };
    judge(shared_text, secret, token);
    judge(pair_text, public, token);
    judge(detached_text, secret, token);
    return 0;
}
