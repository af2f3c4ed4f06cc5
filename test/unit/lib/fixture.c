/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

static void init(struct fixture *f)
{
    f->config.secrets = f->secrets;
    f->config.now_us = NOW_US;
    f->request.method = GN_TEXT("POST");
    f->request.url = GN_TEXT("https://example.com/in");
    f->request.headers = f->headers;
}

void fixture_init(struct fixture *f, const char *preset)
{
    memset(f, 0, sizeof(*f));
    assert_status(grapnel_scheme_preset(preset, &f->scheme), GRAPNEL_VERIFIED);
    init(f);
}

void fixture_init_text(struct fixture *f, const char *scheme_text)
{
    struct grapnel_scheme_error error = { 0, "" };
    memset(f, 0, sizeof(*f));
    if (grapnel_scheme_parse(gn_cstr(scheme_text), &f->scheme, &error) != GRAPNEL_VERIFIED) {
        fail_msg("line %u: %s", error.line, error.reason);
    }
    init(f);
}

void fixture_fini(struct fixture *f)
{
    grapnel_scheme_free(f->scheme);
    f->scheme = NULL;
}

void fixture_secret(struct fixture *f, const char *secret)
{
    f->secrets[f->config.secret_count++] = gn_cstr(secret);
}

void fixture_header(struct fixture *f, const char *name, const char *value)
{
    assert_true(f->request.header_count < FIXTURE_HEADERS_MAX);
    f->headers[f->request.header_count++] =
        (struct grapnel_header){ gn_cstr(name), gn_cstr(value) };
}

void fixture_body(struct fixture *f, const char *body)
{
    f->request.body = gn_cstr(body);
}

void fixture_url(struct fixture *f, const char *url)
{
    struct grapnel_bytes whole = gn_cstr(url);
    size_t mark = gn_find(whole, '?');
    f->request.url = gn_bytes(url, mark);
    f->request.query = mark == whole.len ? GN_NONE : gn_skip(whole, mark + 1);
}

enum grapnel_status fixture_verify(struct fixture *f)
{
    return grapnel_verify(f->scheme, &f->config, &f->request, &f->verdict);
}

enum grapnel_status fixture_sign(struct fixture *f)
{
    enum grapnel_status status = grapnel_sign(f->scheme, &f->config, &f->request, &f->signature);
    for (size_t i = 0; status == GRAPNEL_VERIFIED && i < f->signature.header_count; i++) {
        f->headers[f->request.header_count++] = f->signature.headers[i];
    }
    return status;
}

struct grapnel_header *fixture_find(struct fixture *f, struct grapnel_bytes name)
{
    for (size_t i = 0; i < f->request.header_count; i++) {
        if (gn_ieq(f->headers[i].name, name)) {
            return &f->headers[i];
        }
    }
    fail_msg("no header %.*s", (int)name.len, name.ptr);
    return NULL;
}

void assert_status(enum grapnel_status is, enum grapnel_status expected)
{
    assert_string_equal(grapnel_status_name(is), grapnel_status_name(expected));
}

void assert_bytes(struct grapnel_bytes is, const char *expected)
{
    if (!gn_eq(is, gn_cstr(expected))) {
        fail_msg("\"%.*s\" is not \"%s\"", (int)is.len, is.ptr == NULL ? "" : is.ptr, expected);
    }
}
