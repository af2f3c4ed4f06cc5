/* SPDX-License-Identifier: Apache-2.0
 *
 * Content-Length, Transfer-Encoding, Host, Connection, Expect, Upgrade.
 */
#include "http/framing_priv.h"

#include "http/text_priv.h"

static bool framing_refuse(struct http_parse_error *error, int status, const char *reason)
{
    *error = (struct http_parse_error){ status, reason };
    return false;
}

static bool note_length(struct http_head *head, struct str value, struct http_parse_error *error)
{
    if (head->has_length)
        return framing_refuse(error, 400, "repeated Content-Length");
    if (str_to_u64(value, &head->length) != RC_OK || head->length > INT64_MAX) {
        return framing_refuse(error, 400, "malformed Content-Length");
    }
    head->has_length = true;
    return true;
}

static bool note_coding(struct framing *f, struct http_head *head, struct str value,
                        struct http_parse_error *error)
{
    if (f->has_coding)
        return framing_refuse(error, 400, "repeated Transfer-Encoding");
    if (!str_ieq(value, STR("chunked")))
        return framing_refuse(error, 501, "unknown Transfer-Encoding");
    f->has_coding = head->chunked = true;
    return true;
}

static bool note_host(struct framing *f, struct str value, struct http_parse_error *error)
{
    if (!f->is_request)
        return true;
    if (f->has_host)
        return framing_refuse(error, 400, "repeated Host");
    if (value.len > 0 && http_span(value.ptr, value.len, HTTP_CHAR_HOST) != value.len) {
        return framing_refuse(error, 400, "malformed Host");
    }
    f->has_host = true;
    f->host = value;
    return true;
}

static bool note_connection(struct framing *f, struct str value)
{
    struct str part;
    while (str_split(&value, ',', &part)) {
        part = str_trim(part);
        if (str_ieq(part, STR("close")))
            f->says_close = true;
        if (str_ieq(part, STR("keep-alive")))
            f->says_keep_alive = true;
    }
    return true;
}

static bool note_expect(struct framing *f, struct http_head *head, struct str value,
                        struct http_parse_error *error)
{
    if (!f->is_request)
        return true;
    struct str part;
    while (str_split(&value, ',', &part)) { /* a list; without a member, nothing is expected */
        part = str_trim(part);
        if (part.len > 0 && !str_ieq(part, STR("100-continue")))
            return framing_refuse(error, 417, "unknown expectation");
        head->expects_continue |= part.len > 0;
    }
    return true;
}

bool http_framing_note(struct framing *f, struct http_head *head, const struct http_header *h,
                       struct http_parse_error *error)
{
    /* The length decides for nearly every header that it is none of these. */
    switch (h->name.len) {
    case 4: return !str_ieq(h->name, STR("host")) || note_host(f, h->value, error);
    case 6: return !str_ieq(h->name, STR("expect")) || note_expect(f, head, h->value, error);
    case 7:
        if (str_ieq(h->name, STR("upgrade")))
            head->upgrade = true;
        return true;
    case 10: return !str_ieq(h->name, STR("connection")) || note_connection(f, h->value);
    case 14: return !str_ieq(h->name, STR("content-length")) || note_length(head, h->value, error);
    case 17:
        return !str_ieq(h->name, STR("transfer-encoding")) || note_coding(f, head, h->value, error);
    default: return true;
    }
}

bool http_framing_judge(const struct framing *f, struct http_head *head,
                        struct http_parse_error *error)
{
    if (head->chunked && head->has_length) {
        return framing_refuse(error, 400, "Content-Length beside Transfer-Encoding");
    }
    if (head->chunked && head->minor == 0)
        return framing_refuse(error, 400, "Transfer-Encoding in HTTP/1.0");
    if (f->is_request && head->minor == 1 && !f->has_host)
        return framing_refuse(error, 400, "no Host");
    if (f->authority.len > 0 && f->has_host && !str_ieq(f->authority, f->host)) {
        return framing_refuse(error, 400, "Host differs from the request target");
    }
    if (head->minor == 0)
        head->expects_continue = false; /* RFC 9110, 10.1.1: ignored there */
    head->keep_alive = !f->says_close && (head->minor == 1 || f->says_keep_alive);
    return true;
}
