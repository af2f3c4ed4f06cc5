/* SPDX-License-Identifier: Apache-2.0
 *
 * The header lines of a delivery. In this order, because the first part is what history shows (and
 * holds no secrets): content type, user agent, the webhook-* triple, another scheme's signature; then the same triple under the
 * svix-* names, basic credentials from the URL, the endpoint's configured lines, the message's. A
 * name that is given twice goes out once: configured lines win over our defaults, nobody over the
 * signature.
 */
#include "deliver/attempt_priv.h"

#include <inttypes.h>
#include <stdio.h>

static bool next_line(struct str *rest, struct str *line, struct str *name)
{
    if (rest->len == 0)
        return false;
    size_t end = str_find(*rest, '\n');
    *line = str_sub(*rest, 0, end + 1);
    *rest = str_sub(*rest, end + 1, rest->len);
    *name = str_sub(*line, 0, str_find(*line, ':'));
    return true;
}

static bool has_line(struct str lines, struct str wanted)
{
    struct str line, name;
    while (next_line(&lines, &line, &name))
        if (str_ieq(name, wanted))
            return true;
    return false;
}

static bool is_ours(struct str name)
{
    struct str start = str_sub(name, 0, 8);
    if (str_ieq(start, STR("webhook-")))
        return str_ieq(name, STR("webhook-id")) || str_ieq(name, STR("webhook-timestamp")) ||
               str_ieq(name, STR("webhook-signature"));
    if (str_ieq(str_sub(name, 0, 5), STR("svix-")))
        return str_ieq(name, STR("svix-id")) || str_ieq(name, STR("svix-timestamp")) ||
               str_ieq(name, STR("svix-signature"));
    return str_ieq(name, STR("preservica-signature")) || str_ieq(name, STR("host")) ||
           str_ieq(name, STR("content-length")) || str_ieq(name, STR("transfer-encoding")) ||
           str_ieq(name, STR("connection"));
}

/* The message's lines, but for names that are ours or that the endpoint configures. */
static enum rc add_message_lines(struct buf *out, struct str lines, struct str configured)
{
    struct str line, name;
    while (next_line(&lines, &line, &name)) {
        bool is_taken = is_ours(name) || (configured.len > 0 && has_line(configured, name));
        if (!is_taken && buf_add_str(out, line) != RC_OK)
            return RC_LIMIT;
    }
    return RC_OK;
}

static enum rc add_line(struct buf *out, struct str name, struct str value)
{
    if (buf_reserve(out, name.len + value.len + 4) != RC_OK || buf_add_str(out, name) != RC_OK ||
        buf_add(out, ": ", 2) != RC_OK || buf_add_str(out, value) != RC_OK)
        return RC_LIMIT;
    return buf_add(out, "\r\n", 2);
}

static enum rc add_default(struct buf *out, const struct deliver_attempt *a, struct str name,
                           struct str value)
{
    if ((a->ep->headers.len > 0 && has_line(a->ep->headers, name)) ||
        (a->lines.len > 0 && has_line(a->lines, name)))
        return RC_OK;
    return add_line(out, name, value);
}

struct triple {
    struct str id, timestamp;
    size_t signature_at, signature_len; /* in the buffer, which moves as it grows */
};

static enum rc add_signed(struct buf *out, const struct deliver_attempt *a, struct triple *t,
                          int64_t timestamp_s)
{
    struct sign_message message = { t->id, timestamp_s, a->payload };
    if (add_line(out, STR("webhook-id"), t->id) != RC_OK ||
        add_line(out, STR("webhook-timestamp"), t->timestamp) != RC_OK ||
        buf_add_str(out, STR("webhook-signature: ")) != RC_OK)
        return RC_LIMIT;
    t->signature_at = out->len;
    if (sign_header(a->ep->keyring, &message, out) != RC_OK)
        return RC_LIMIT;
    t->signature_len = out->len - t->signature_at;
    return buf_add(out, "\r\n", 2);
}

static enum rc add_svix(struct buf *out, const struct triple *t)
{
    if (add_line(out, STR("svix-id"), t->id) != RC_OK ||
        add_line(out, STR("svix-timestamp"), t->timestamp) != RC_OK ||
        buf_reserve(out, t->signature_len + 32) != RC_OK)
        return RC_LIMIT;
    return add_line(out, STR("svix-signature"),
                    str_of(out->ptr + t->signature_at, t->signature_len));
}

static enum rc add_basic(struct buf *out, const struct deliver_attempt *a)
{
    enum { PLAIN_MAX = 4096 };
    char text[BASE64_LEN(PLAIN_MAX) + 1];
    struct buf plain;
    if (a->url.userinfo.len == 0 || has_line(a->ep->headers, STR("authorization")))
        return RC_OK;
    buf_init(&plain, PLAIN_MAX);
    enum rc rc = percent_decode(a->url.userinfo, false, &plain);
    if (rc == RC_OK && memchr(plain.ptr, ':', plain.len) == NULL)
        rc = buf_add_char(&plain, ':');
    if (rc == RC_OK) {
        base64_encode(plain.ptr, plain.len, text);
        rc = buf_addf(out, "authorization: Basic %s\r\n", text);
    }
    mem_wipe(text, sizeof(text));
    if (plain.ptr != NULL)
        mem_wipe(plain.ptr, plain.len);
    buf_fini(&plain);
    return rc == RC_OK ? RC_OK : RC_LIMIT;
}

/* The URL without its credentials, behind the lines. */
static enum rc add_shown_url(struct buf *out, const struct deliver_attempt *a)
{
    struct str url = a->ep->url;
    size_t userinfo_at = (size_t)(a->url.userinfo.ptr - url.ptr);
    if (buf_add(out, url.ptr, userinfo_at) != RC_OK)
        return RC_LIMIT;
    return buf_add_str(out, str_sub(url, userinfo_at + a->url.userinfo.len + 1, url.len));
}

static enum rc add_lines(struct deliver_attempt *a, struct buf *out, size_t *shown_len)
{
    const struct store_message *m = a->item->payload;
    char id_text[ID_TEXT_MAX + 1];
    char timestamp[24];
    int64_t now_s = a->outcome.started_us / DELIVER_SECOND_US;
    (void)snprintf(timestamp, sizeof(timestamp), "%" PRId64, now_s);
    struct triple t = { .id = id_format(STR("msg_"), &m->id, id_text),
                        .timestamp = str_from(timestamp) };
    bool is_transformed = a->transform != NULL && a->transform->result.body.ptr != NULL;
    bool is_json = is_transformed || m->content_type.ptr == NULL;
    struct str type = is_json ? STR("application/json") : m->content_type;
    enum rc rc = add_default(out, a, STR("content-type"),
                             a->ep->is_form ? STR("application/x-www-form-urlencoded") : type);
    if (rc == RC_OK)
        rc = add_default(out, a, STR("user-agent"), a->shard->user_agent);
    if (rc == RC_OK)
        rc = add_signed(out, a, &t, now_s);
    if (rc == RC_OK && a->ep->scheme == CORE_SCHEME_PRESERVICA)
        rc = deliver_preservica_line(a, a->payload, out);
    *shown_len = out->len;
    if (rc == RC_OK)
        rc = add_svix(out, &t);
    if (rc == RC_OK)
        rc = add_basic(out, a);
    if (rc == RC_OK)
        rc = buf_add_str(out, a->ep->headers);
    if (rc == RC_OK && a->lines.len > 0)
        rc = add_message_lines(out, a->lines, a->ep->headers);
    return rc;
}

enum rc deliver_request_build(struct deliver_attempt *a, struct str *lines)
{
    struct buf *out = &a->head;
    size_t shown_len = 0;
    buf_reset(out);
    enum rc rc = add_lines(a, out, &shown_len);
    size_t lines_len = out->len;
    a->outcome.url = a->ep->url;
    if (rc == RC_OK && a->url.userinfo.len > 0) {
        rc = add_shown_url(out, a);
        a->outcome.url = str_of(out->ptr + lines_len, out->len - lines_len);
    }
    *lines = str_of(out->ptr, lines_len);
    a->outcome.request_headers = str_of(out->ptr, shown_len);
    return rc;
}
