/* SPDX-License-Identifier: Apache-2.0
 *
 * The two index pages: what is in them of this server, and the headers that keep them apart from everybody else's.
 * There is nothing secret in a page; all data comes by calls that need a session or a token.
 */
#include "face/face_priv.h"

#include "http/url.h"

enum { PAGE_MAX = 1 << 20 };

void face_split_url(struct str url, struct str *prefix, struct str *host)
{
    struct http_url parsed;
    *prefix = *host = STR_NONE;
    if (http_url_parse(url, &parsed, NULL) != RC_OK)
        return;
    *host = parsed.host;
    struct str path = str_sub(parsed.target, 0, str_find(parsed.target, '?'));
    while (str_ends(path, STR("/")))
        path.len--;
    if (path.len > 0 && path.ptr[0] == '/')
        *prefix = path;
}

/* --- text ---------------------------------------------------------------------------------------------- */

static enum rc page_add_escaped(struct buf *out, struct str text)
{
    static const char *const escapes[128] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;"
    };
    enum rc rc = RC_OK;
    for (size_t i = 0; i < text.len && rc == RC_OK; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        const char *as = c < COUNT_OF(escapes) ? escapes[c] : NULL;
        rc = as != NULL ? buf_add_str(out, str_from(as)) : buf_add_char(out, text.ptr[i]);
    }
    return rc;
}

static bool starts_at(struct str s, size_t at, struct str what)
{
    return s.len - at >= what.len && memcmp(s.ptr + at, what.ptr, what.len) == 0;
}

struct str face_fill_base(struct str page, struct str prefix, struct arena *a)
{
    const struct str mark = STR("{{base}}");
    struct buf out;
    enum rc rc = RC_OK;
    size_t done = 0;
    buf_init(&out, PAGE_MAX);
    for (size_t at = 0; at < page.len && rc == RC_OK; at++) {
        if (!starts_at(page, at, mark))
            continue;
        rc = buf_add_str(&out, str_sub(page, done, at - done));
        if (rc == RC_OK)
            rc = page_add_escaped(&out, prefix);
        done = at + mark.len;
        at = done - 1;
    }
    if (rc == RC_OK)
        rc = buf_add_str(&out, str_sub(page, done, page.len));
    MUST(rc == RC_OK); /* the page is ours and small, and so is the path of a URL in the options */
    struct str text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}

/* --- headers ------------------------------------------------------------------------------------------- */

static void page_add_header(struct face_page *p, const char *name, struct str value)
{
    MUST(p->header_count < FACE_HEADERS);
    p->headers[p->header_count++] = (struct http_header){ str_from(name), value };
}

/* Nothing inline, nothing from elsewhere, no text ever becomes script. */
static struct str page_policy(struct face *f, struct str pictures, struct str ancestors)
{
    return arena_fmt(
        &f->arena,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:%s%.*s; "
        "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
        "require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors %.*s",
        pictures.len > 0 ? " " : "", STR_ARGS(pictures), STR_ARGS(ancestors));
}

static void make_page(struct face *f, const char *name, struct str prefix, struct str csp,
                      struct face_page *p)
{
    p->text =
        face_fill_base(face_file_bytes(face_page_find(name), HTTP_CODING_NONE), prefix, &f->arena);
    p->etag = face_etag(p->text, &f->arena);
    page_add_header(p, "Content-Security-Policy", csp);
    page_add_header(p, "X-Content-Type-Options", STR("nosniff"));
    page_add_header(p, "Referrer-Policy", STR("no-referrer"));
    page_add_header(p, "Cross-Origin-Resource-Policy", STR("same-origin"));
    page_add_header(p, "Cache-Control", STR("no-cache"));
    page_add_header(p, "ETag", p->etag);
}

void face_make_pages(struct face *f)
{
    struct str ancestors = f->look.sources[0];
    if (f->has_console) {
        make_page(f, "console.html", f->console_prefix, page_policy(f, STR_NONE, STR("'none'")),
                  &f->console);
        page_add_header(&f->console, "Cross-Origin-Opener-Policy", STR("same-origin"));
        page_add_header(&f->console, "X-Frame-Options", STR("DENY"));
    }
    if (!f->has_portal)
        return;
    if (ancestors.len == 0)
        ancestors = STR("'none'");
    make_page(f, "portal.html", f->prefix, page_policy(f, f->look.sources[1], ancestors),
              &f->portal);
}
