/* SPDX-License-Identifier: Apache-2.0
 *
 * Presets: what a form for creating a source is made of. Everything is read off the scheme's own lines, so that a
 * preset of the operator's folder describes itself as well as one that is built in.
 */
#include "api/resource/resource_priv.h"

#include "api/schemas/schemas.h"
#include "verify/verify.h"

#include <stdarg.h>
#include <stdio.h>

enum { LOCATIONS_MAX = 8, NOTES_MAX = 8, HANDSHAKES_MAX = 4, STEP_MAX = 512 };

static struct str line_of(const struct verify_scheme *s, const char *name)
{
    struct str value = verify_scheme_line(s, str_from(name), 0);
    return value.ptr == NULL ? STR("") : value;
}

static bool uses_companion(const struct verify_scheme *s)
{
    return s->is_sns || str_contains(s->text, STR("{companion}"));
}

static bool learns_secret(const struct verify_scheme *s)
{
    return line_of(s, "learn").len > 0;
}

/* --- the secret ------------------------------------------------------------------------------------- */

static bool is_public_key(const struct verify_scheme *s)
{
    struct str auth = line_of(s, "auth");
    bool is_pem = str_eq(line_of(s, "key"), STR("pem"));
    return str_eq(auth, STR("ed25519")) || str_eq(auth, STR("ecdsa-p256")) ||
           str_eq(auth, STR("rsa")) || (str_eq(auth, STR("jwt")) && is_pem);
}

/* In which form it is handed over; enum of IngestPresetSecret.kind. */
static struct str kind_of(const struct verify_scheme *s)
{
    struct str auth = line_of(s, "auth");
    struct str key = line_of(s, "key");
    if (!s->needs_secret)
        return STR("none");
    if (str_eq(auth, STR("basic")) || str_eq(auth, STR("equal")))
        return str_eq(auth, STR("basic")) ? STR("basic") : STR("token");
    if (str_eq(key, STR("pem")) || str_eq(key, STR("base64")) || str_eq(key, STR("hex")))
        return key;
    return STR("text");
}

static void write_secret(struct api_out *o, const struct verify_scheme *s)
{
    api_out_key(o, "secret");
    api_out_begin(o, '{');
    api_out_str(o, "kind", kind_of(s));
    api_out_bool(o, "isRequired", s->needs_secret);
    api_out_bool(o, "isPublicKey", is_public_key(s));
    api_out_bool(o, "isLearned", learns_secret(s));
    api_out_bool(o, "hasCompanion", uses_companion(s));
    api_out_end(o, '}');
}

/* --- what to do at the provider --------------------------------------------------------------------- */

PRINTF_LIKE(2, 3)
static void add_step(struct api_out *o, const char *fmt, ...)
{
    char text[STEP_MAX];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    MUST(len >= 0);
    size_t cut = (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1;
    api_out_str(o, NULL, str_cut_utf8(str_of(text, cut), cut));
}

static void add_token_step(struct api_out *o, const struct verify_scheme *s)
{
    struct str place = line_of(s, "sig");
    struct str name = place;
    if (str_skip_prefix(&name, STR("query ")))
        add_step(o,
                 "Choose a secret, and append it to the source's URL as ?%.*s=... when you "
                 "register it.",
                 STR_ARGS(name));
    else
        add_step(o, "Choose a secret and enter it here and at %.*s, which sends it in the %.*s.",
                 STR_ARGS(s->title), STR_ARGS(place));
}

static void add_secret_step(struct api_out *o, const struct verify_scheme *s)
{
    struct str kind = kind_of(s);
    struct str keys = line_of(s, "jwks");
    if (keys.len > 0)
        add_step(o, "There is no secret to enter: the keys are fetched from %.*s.", STR_ARGS(keys));
    else if (s->is_sns)
        add_step(o, "There is no secret to enter: enter the topic's ARN, so that no other topic "
                    "may send.");
    else if (str_eq(kind, STR("none")))
        add_step(o, "Requests are not signed: whoever knows the source's URL may send. Keep it "
                    "secret.");
    else if (learns_secret(s))
        add_step(o, "Leave the secret empty: %.*s sends it when the URL is registered.",
                 STR_ARGS(s->title));
    else if (str_eq(kind, STR("token")))
        add_token_step(o, s);
    else if (str_eq(kind, STR("basic")))
        add_step(o, "Choose a user and a password. Enter them here as user:password, and at %.*s.",
                 STR_ARGS(s->title));
    else if (is_public_key(s))
        add_step(o, "Enter the public key that %.*s shows for the webhook%s.", STR_ARGS(s->title),
                 str_eq(kind, STR("pem")) ? ", in PEM form, as base64 of DER, or as a JSON Web Key"
                                          : "");
    else
        add_step(o, "Enter the signing secret of the webhook, which %.*s shows or lets you choose.",
                 STR_ARGS(s->title));
}

static void write_steps(struct api_out *o, const struct verify_scheme *s)
{
    struct str handshake = verify_scheme_line(s, STR("handshake"), 0);
    api_out_key(o, "steps");
    api_out_begin(o, '[');
    add_step(o, "Register the source's URL at %.*s, for the events that you want.",
             STR_ARGS(s->title));
    add_secret_step(o, s);
    if (handshake.ptr != NULL)
        add_step(o,
                 "%.*s checks the URL first (%.*s). The source answers by itself, so create it "
                 "before you register the URL.",
                 STR_ARGS(s->title), STR_ARGS(handshake));
    api_out_end(o, ']');
}

/* --- rows ------------------------------------------------------------------------------------------- */

static void write_lines(struct api_out *o, const char *member, const struct verify_scheme *s,
                        const char *name, size_t max)
{
    api_out_key(o, member);
    api_out_begin(o, '[');
    for (size_t i = 0; i < max; i++) {
        struct str value = verify_scheme_line(s, str_from(name), i);
        if (value.ptr == NULL)
            break;
        api_out_str(o, NULL, value);
    }
    api_out_end(o, ']');
}

static void write_preset(struct api_out *o, const struct verify_scheme *s, bool with_scheme)
{
    api_out_begin(o, '{');
    api_out_str(o, "name", s->name);
    api_out_str(o, "title", s->title.len > 0 ? s->title : s->name);
    api_out_bool(o, "isBuiltIn", strcmp(s->origin, "built in") == 0);
    api_out_str(o, "proof", line_of(s, "auth"));
    write_secret(o, s);
    write_lines(o, "signedIn", s, "sig", LOCATIONS_MAX);
    write_lines(o, "handshakes", s, "handshake", HANDSHAKES_MAX);
    write_steps(o, s);
    write_lines(o, "notes", s, "note", NOTES_MAX);
    write_lines(o, "checked", s, "checked", NOTES_MAX);
    if (with_scheme)
        api_out_str(o, "scheme", s->text);
    api_out_end(o, '}');
}

struct row {
    struct str name;
    const struct verify_scheme *scheme;
};

static void preset_write_row(struct api_ctx *c, struct api_out *o, const void *row, const void *arg)
{
    (void)c;
    (void)arg;
    write_preset(o, ((const struct row *)row)->scheme, false);
}

/* How many names stand before `name`, and with `or_same` itself. */
static size_t count_before(const struct verify_book *book, struct str name, bool or_same)
{
    size_t n = 0;
    while (n < verify_book_count(book)) {
        int order = str_cmp(verify_book_at(book, n)->name, name);
        if (order > 0 || (order == 0 && !or_same))
            break;
        n++;
    }
    return n;
}

static void list_presets(struct api_ctx *c)
{
    const struct verify_book *book = c->api->o.book;
    struct store_page page;
    struct store_page_end end = { 0 };
    if (!api_page(c, "", false, &page))
        return;
    size_t total = verify_book_count(book), limit = (size_t)page.limit;
    size_t from = page.after.len == 0 ? 0 : count_before(book, page.after, !page.backwards);
    if (page.backwards) {
        end.count = from < limit ? from : limit;
        from -= end.count;
        end.done = from == 0;
    } else {
        end.count = total - from < limit ? total - from : limit;
        end.done = from + end.count == total;
    }
    struct row *rows = api_page_room(c, &page, sizeof(*rows));
    for (size_t i = 0; i < end.count; i++) {
        const struct verify_scheme *s = verify_book_at(book, from + i);
        rows[i] = (struct row){ s->name, s };
    }
    api_reply_page(c, RC_OK, &page, &end, API_ROWS(rows, name, NULL, preset_write_row, NULL));
}

static void get_preset(struct api_ctx *c)
{
    const struct verify_scheme *s = verify_book_find(c->api->o.book, api_param(c, "preset"));
    struct api_out o;
    if (s == NULL) {
        api_fail(c, RC_NOT_FOUND);
        return;
    }
    api_out_open(c, &o);
    write_preset(&o, s, true);
    api_reply(c, 200, &o);
}

#define BASE "/ingest/api/v1/preset"
static const struct api_route routes[] = {
    { API_ROUTE(HTTP_GET, BASE, API_ORG, "v1.ingest.preset.list", "List presets"),
      .run = list_presets, .out = &api_schema_IngestPresetOut, .status = 200, .is_list = true,
      .query = API_PAGE },
    { API_ROUTE(HTTP_GET, BASE "/{preset}", API_ORG, "v1.ingest.preset.get", "Get a preset"),
      .run = get_preset, .out = &api_schema_IngestPresetOut, .status = 200 },
};
API_ROUTES(preset, routes);
