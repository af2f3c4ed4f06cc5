/* SPDX-License-Identifier: Apache-2.0
 *
 * A URL as people paste it, made into one that http_url_parse() takes: as browsers do, but nothing that
 * could change which host is meant passes silently.
 */
#include "http/url.h"

#include "http/text_priv.h"

#include <idn2.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static struct str trim_blanks(struct str text)
{
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = str_sub(text, 1, text.len);
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

/* The host's ASCII form (UTS #46, as in browsers). ASCII stays as it is. */
static enum rc add_host(struct str host, struct buf *out, struct buf *why)
{
    enum { NAME_MAX_BYTES = 1024 };
    char name[NAME_MAX_BYTES];
    char *ascii = NULL;

    if (is_ascii(host))
        return buf_add_str(out, host);
    if (host.len >= sizeof(name) || memchr(host.ptr, '\0', host.len) != NULL) {
        buf_say(why, "the host name is longer than 253 characters");
        return RC_INVALID;
    }
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    int error = idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (error != IDN2_OK) {
        buf_say(why, "the host name has no ASCII form (punycode): %s", idn2_strerror(error));
        return RC_INVALID;
    }
    enum rc rc = buf_add_str(out, str_from(ascii));
    idn2_free(ascii);
    return rc;
}

/* What a URL may not hold is encoded; controls are left for the parser to refuse. */
static enum rc add_encoded(struct str s, struct buf *out)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; i < s.len && rc == RC_OK; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool is_fine = http_char_is(s.ptr[i], HTTP_CHAR_URI) || c < ' ' || c == 0x7f || c == '#';
        rc = is_fine ? buf_add_char(out, s.ptr[i]) : buf_addf(out, "%%%02X", c);
    }
    return rc;
}

/* The user part, the host and the port. */
static enum rc add_authority(struct str authority, struct buf *out, struct buf *why)
{
    size_t at = str_find(authority, '@');
    enum rc rc = RC_OK;

    if (at < authority.len) {
        rc = add_encoded(str_sub(authority, 0, at + 1), out);
        authority = str_sub(authority, at + 1, authority.len);
    }
    size_t colon = str_starts(authority, STR("[")) ? authority.len : str_find(authority, ':');
    if (rc == RC_OK)
        rc = add_host(str_sub(authority, 0, colon), out, why);
    return rc == RC_OK ? buf_add_str(out, str_sub(authority, colon, authority.len)) : rc;
}

enum rc http_url_clean(struct str text, struct buf *out, struct buf *why)
{
    static const struct str mark = { "://", 3 };

    text = trim_blanks(text);
    size_t start = 0;
    while (start + mark.len <= text.len && !str_eq(str_sub(text, start, mark.len), mark))
        start++;
    if (start + mark.len > text.len)
        return buf_add_str(out, text); /* the parser says what is wrong */
    start += mark.len;
    size_t end = start;
    while (end < text.len && text.ptr[end] != '/' && text.ptr[end] != '?' && text.ptr[end] != '#')
        end++;
    enum rc rc = buf_add_str(out, str_sub(text, 0, start));
    if (rc == RC_OK)
        rc = add_authority(str_sub(text, start, end - start), out, why);
    return rc == RC_OK ? add_encoded(str_sub(text, end, text.len), out) : rc;
}

struct str http_url_cleaned(struct str text, struct arena *a)
{
    struct buf out;

    if (text.ptr == NULL)
        return text;
    buf_init(&out, 4 * (size_t)HTTP_URL_MAX);
    if (http_url_clean(text, &out, NULL) == RC_OK)
        text = arena_str(a, buf_str(&out));
    buf_fini(&out);
    return text;
}
