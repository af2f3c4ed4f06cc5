/* SPDX-License-Identifier: Apache-2.0
 *
 * A request to put together piece by piece, and short ways to judge it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bytes.h"

enum { FIXTURE_HEADERS_MAX = 64 };

#define NOW_S INT64_C(1700000000)
#define NOW_US (NOW_S * 1000000)

struct fixture {
    struct grapnel_scheme *scheme;
    struct grapnel_header headers[FIXTURE_HEADERS_MAX];
    struct grapnel_bytes secrets[GRAPNEL_SECRETS_MAX + 1];
    struct grapnel_config config;
    struct grapnel_request request;
    struct grapnel_verdict verdict;
    struct grapnel_signature signature;
};

/* POST to https://example.com/in without headers, at NOW_US. */
void fixture_init(struct fixture *f, const char *preset);
void fixture_init_text(struct fixture *f, const char *scheme_text);
void fixture_fini(struct fixture *f);

void fixture_secret(struct fixture *f, const char *secret);                  /* one more */
void fixture_header(struct fixture *f, const char *name, const char *value); /* one more */
void fixture_body(struct fixture *f, const char *body);
void fixture_url(struct fixture *f, const char *url); /* with its query */

enum grapnel_status fixture_verify(struct fixture *f);
/* Signs and adds the headers. */
enum grapnel_status fixture_sign(struct fixture *f);
/* The header's place in the request; fails if it is not there. */
struct grapnel_header *fixture_find(struct fixture *f, struct grapnel_bytes name);

void assert_status(enum grapnel_status is, enum grapnel_status expected);
void assert_bytes(struct grapnel_bytes is, const char *expected);
