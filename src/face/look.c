/* SPDX-License-Identifier: Apache-2.0
 *
 * How the operator wants the portal: its name, logo and help, what it hides, and whose page may show it. Read once, at
 * the start; a portal asks for it before it knows who looks.
 */
#include "api/kit/mistakes.h"
#include "api/kit/out.h"
#include "api/schemas/schemas.h"
#include "base/files.h"
#include "base/text.h"
#include "face/face_priv.h"
#include "sign/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    SOURCE_MAX = 256,
    SOURCES_MAX = 32,
    LIST_MAX = 4096,
    NAME_MAX_LEN = 200,
    URL_MAX_LEN = 2048,
    LOGO_MAX = 64 * 1024,
    CONFIG_MAX = 64 * 1024,
    ETAG_BYTES = 8
};

struct str face_etag(struct str bytes, struct arena *a)
{
    uint8_t hash[32];
    char hex[HEX_LEN(ETAG_BYTES) + 1];
    sign_sha256(bytes, hash);
    hex_encode(hash, ETAG_BYTES, hex);
    return arena_fmt(a, "\"%s\"", hex);
}

/* --- checking ------------------------------------------------------------------------------------------ */

static bool is_source(struct str s)
{
    if (s.len == 0 || s.len > SOURCE_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == ';' || c == ',' || c == '"')
            return false;
    }
    return true;
}

static enum rc read_sources(const char *name, const char *list, struct arena *a, struct str *out,
                            struct buf *why)
{
    struct str rest = str_from(list), part;
    size_t count = 0;
    *out = STR_NONE;
    if (rest.len > LIST_MAX) {
        buf_say(why, "%s: longer than %d bytes", name, LIST_MAX);
        return RC_INVALID;
    }
    while (str_split(&rest, ',', &part)) {
        part = str_trim(part);
        if (!is_source(part) || ++count > SOURCES_MAX) {
            buf_say(
                why,
                "%s: \"%.*s\" is no origin such as https://app.example.com or https://*.example.com; "
                "give up to %d of them, separated by commas, without blanks, quotes or semicolons in them",
                name, STR_ARGS(part), SOURCES_MAX);
            return RC_INVALID;
        }
        *out = arena_fmt(a, "%.*s%s%.*s", STR_ARGS(*out), out->len > 0 ? " " : "", STR_ARGS(part));
    }
    return RC_OK;
}

static enum rc check_texts(const struct face_options *o, struct buf *why)
{
    struct str name = str_from(o->name), url = str_from(o->support_url);
    if (name.len > NAME_MAX_LEN || !str_is_utf8(name)) {
        buf_say(why, "portal.name: UTF-8 of at most %d bytes is needed", NAME_MAX_LEN);
        return RC_INVALID;
    }
    bool is_known = str_starts(url, STR("https://")) || str_starts(url, STR("http://")) ||
                    str_starts(url, STR("mailto:"));
    if (url.len > 0 && (!is_known || url.len > URL_MAX_LEN || !str_is_utf8(url))) {
        buf_say(why,
                "portal.support_url: \"%.*s\" is no http, https or mailto URL of at most %d bytes",
                STR_ARGS(url), URL_MAX_LEN);
        return RC_INVALID;
    }
    return RC_OK;
}

static enum rc check_hidden(const char *list, struct buf *why)
{
    static const char *const parts[] = { "channels", "transforms", "headers", "throttle",
                                         "catalogue" };
    struct str rest = str_from(list), part;
    while (str_split(&rest, ',', &part)) {
        bool is_known = false;
        part = str_trim(part);
        for (size_t i = 0; i < COUNT_OF(parts); i++)
            is_known |= str_eq(part, str_from(parts[i]));
        if (!is_known) {
            buf_say(
                why,
                "portal.hide: \"%.*s\" is none of channels, transforms, headers, throttle, catalogue",
                STR_ARGS(part));
            return RC_INVALID;
        }
    }
    return RC_OK;
}

/* --- the logo ------------------------------------------------------------------------------------------ */

static const char *look_type_of(struct str bytes)
{
    if (str_starts(bytes, STR("\x89PNG\r\n\x1a\n")))
        return "image/png";
    bool is_webp = bytes.len > 12 && str_starts(bytes, STR("RIFF")) &&
                   str_eq(str_sub(bytes, 8, 4), STR("WEBP"));
    return is_webp ? "image/webp" : NULL;
}

/* The bytes of a small file; ptr NULL: errno says why. */
static struct str read_small(const char *path, struct arena *a)
{
    char *bytes = arena_alloc(a, LOGO_MAX + 1);
    size_t len = 0;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return STR_NONE;
    do {
        n = read(fd, bytes + len, LOGO_MAX + 1 - len);
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0 && len <= LOGO_MAX);
    int error = errno;
    (void)close(fd);
    errno = error;
    return n < 0 ? STR_NONE : str_of(bytes, len);
}

/* No SVG: it is a document of its own, with scripts. */
static enum rc read_logo(const char *path, struct arena *a, struct face_look *out, struct buf *why)
{
    if (path == NULL || path[0] == '\0')
        return RC_OK;
    out->logo = read_small(path, a);
    if (out->logo.ptr == NULL) {
        buf_say(why, "portal.logo: %s cannot be read: %s", path, strerrordesc_np(errno));
        return RC_INVALID;
    }
    out->logo_type = look_type_of(out->logo);
    if (out->logo.len > LOGO_MAX || out->logo_type == NULL) {
        buf_say(why, "portal.logo: %s is no PNG or WebP picture of at most %d KiB", path,
                LOGO_MAX / 1024);
        return RC_INVALID;
    }
    out->logo_etag = face_etag(out->logo, a);
    return RC_OK;
}

/* --- what the portal is told ---------------------------------------------------------------------------- */

static void write_list(struct api_out *o, const char *name, const char *list)
{
    struct str rest = str_from(list), part;
    api_out_key(o, name);
    api_out_begin(o, '[');
    while (str_split(&rest, ',', &part))
        api_out_str(o, NULL, str_trim(part));
    api_out_end(o, ']');
}

static struct str none_if_empty(const char *text)
{
    return text == NULL || text[0] == '\0' ? STR_NONE : str_from(text);
}

static void write_config(const struct face_options *o, struct arena *a, struct face_look *look)
{
    struct buf text;
    buf_init(&text, CONFIG_MAX);
    struct api_out out = { .b = &text };
    struct str logo = STR_NONE;
    if (look->logo.len >
        0) /* the etag, without its quotes, so that another picture is another address */
        logo = arena_fmt(a, "/portal/logo?v=%.*s",
                         STR_ARGS(str_sub(look->logo_etag, 1, look->logo_etag.len - 2)));
    api_out_begin(&out, '{');
    api_out_opt(&out, "name", none_if_empty(o->name));
    api_out_opt(&out, "logo", logo);
    api_out_opt(&out, "supportUrl", none_if_empty(o->support_url));
    write_list(&out, "hide", o->hide);
    write_list(&out, "iconOrigins", o->icon_origins);
    api_out_end(&out, '}');
    MUST(out.rc == RC_OK); /* everything in it has a limit */
    look->config = arena_str(a, buf_str(&text));
    look->config_etag = face_etag(look->config, a);
    buf_fini(&text);
}

enum rc face_look_make(const struct face_options *o, struct arena *a, struct face_look *out,
                       struct buf *why)
{
    *out = (struct face_look){ 0 };
    enum rc rc =
        read_sources("portal.frame_ancestors", o->frame_ancestors, a, &out->sources[0], why);
    if (rc == RC_OK)
        rc = read_sources("portal.icon_origins", o->icon_origins, a, &out->sources[1], why);
    if (rc == RC_OK)
        rc = check_texts(o, why);
    if (rc == RC_OK)
        rc = check_hidden(o->hide, why);
    if (rc == RC_OK)
        rc = read_logo(o->logo, a, out, why);
    if (rc == RC_OK)
        write_config(o, a, out);
    return rc;
}

enum rc face_check(const struct face_options *o, struct buf *why)
{
    struct arena a;
    struct face_look look;
    arena_init(&a);
    enum rc rc = face_look_make(o, &a, &look, why);
    arena_fini(&a);
    return rc;
}

/* --- routes -------------------------------------------------------------------------------------------- */

static const struct face *face_of(const struct http_request *req)
{
    return api_faces(req->ctx);
}

static void answer_bytes(struct http_request *req, const char *type, struct str bytes,
                         struct str etag)
{
    http_add_header(req, STR("Cache-Control"), STR("public, max-age=300"));
    http_add_header(req, STR("ETag"), etag);
    http_add_header(req, STR("X-Content-Type-Options"), STR("nosniff"));
    if (face_etag_matches(http_call_header(req->call, "if-none-match"), etag)) {
        req->reply.status = 304;
    } else {
        req->reply.status = 200;
        req->reply.content_type = str_from(type);
        req->reply.body = bytes;
    }
    http_answer(req);
}

static void show_config(struct http_request *req)
{
    const struct face_look *look = &face_of(req)->look;
    if (api_mistakes_of_query(req))
        answer_bytes(req, "application/json", look->config, look->config_etag);
    else
        http_answer(req);
}

void face_show_logo(struct http_request *req)
{
    const struct face_look *look = &face_of(req)->look;
    if (look->logo.len > 0) {
        answer_bytes(req, look->logo_type, look->logo, look->logo_etag);
        return;
    }
    http_error(req, 404, "not_found", "there is no logo (portal.logo)");
    http_answer(req);
}

static const struct api_route routes[] = {
    { .http = { HTTP_GET, "/api/v1/portal/config", HTTP_INLINE, show_config, API_OPEN,
                "v1.portal.get-config", "How the operator wants the portal" },
      .out = &api_schema_PortalConfigOut,
      .status = 200 },
};
const struct api_route_table face_look_routes = { routes, COUNT_OF(routes) };
