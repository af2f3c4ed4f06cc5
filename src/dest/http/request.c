/* SPDX-License-Identifier: Apache-2.0
 *
 * The header lines of a delivery. In this order, because the first part is what history shows (and
 * holds no secrets): content type, user agent, the webhook-* triple, another scheme's signature; then the same triple under the
 * svix-* names, basic credentials from the URL, the endpoint's configured lines, the message's. A
 * name that is given twice goes out once: configured lines win over our defaults, nobody over the
 * signature.
 */
#include "dest/http/http_priv.h"

#include <inttypes.h>
#include <stdio.h>

enum { US_PER_S = 1000000 };

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

static bool is_ours(const struct dest_wrapping *w, struct str name)
{
    struct str start = str_sub(name, 0, 8);
    if (str_ieq(start, STR("webhook-")))
        return str_ieq(name, STR("webhook-id")) || str_ieq(name, STR("webhook-timestamp")) ||
               str_ieq(name, STR("webhook-signature"));
    if (str_ieq(str_sub(name, 0, 5), STR("svix-")))
        return str_ieq(name, STR("svix-id")) || str_ieq(name, STR("svix-timestamp")) ||
               str_ieq(name, STR("svix-signature"));
    return str_ieq(name, STR("host")) || str_ieq(name, STR("content-length")) ||
           str_ieq(name, STR("transfer-encoding")) || str_ieq(name, STR("connection")) ||
           dest_wrapping_reserves(w, name);
}

/* The message's lines, but for names that are ours or that the endpoint configures. */
static enum rc add_message_lines(struct buf *out, const struct dest_call *c,
                                 const struct dest_wrapping *w)
{
    struct str line, name;
    struct str lines = c->lines, configured = c->ep->headers;
    while (next_line(&lines, &line, &name)) {
        bool is_taken = is_ours(w, name) || (configured.len > 0 && has_line(configured, name));
        if (!is_taken && buf_add_str(out, line) != RC_OK)
            return RC_LIMIT;
    }
    return RC_OK;
}

static enum rc request_add_line(struct buf *out, struct str name, struct str value)
{
    if (buf_reserve(out, name.len + value.len + 4) != RC_OK || buf_add_str(out, name) != RC_OK ||
        buf_add(out, ": ", 2) != RC_OK || buf_add_str(out, value) != RC_OK)
        return RC_LIMIT;
    return buf_add(out, "\r\n", 2);
}

static enum rc add_default(struct buf *out, const struct dest_call *c, struct str name,
                           struct str value)
{
    if ((c->ep->headers.len > 0 && has_line(c->ep->headers, name)) ||
        (c->lines.len > 0 && has_line(c->lines, name)))
        return RC_OK;
    return request_add_line(out, name, value);
}

struct triple {
    struct str id, timestamp;
    size_t signature_at, signature_len; /* in the buffer, which moves as it grows */
};

static enum rc add_signed(struct buf *out, const struct dest_call *c, struct triple *t,
                          int64_t timestamp_s)
{
    struct sign_message message = { t->id, timestamp_s, c->payload };
    if (request_add_line(out, STR("webhook-id"), t->id) != RC_OK ||
        request_add_line(out, STR("webhook-timestamp"), t->timestamp) != RC_OK ||
        buf_add_str(out, STR("webhook-signature: ")) != RC_OK)
        return RC_LIMIT;
    t->signature_at = out->len;
    if (sign_header(c->ep->keyring, &message, out) != RC_OK)
        return RC_LIMIT;
    t->signature_len = out->len - t->signature_at;
    return buf_add(out, "\r\n", 2);
}

static enum rc add_svix(struct buf *out, const struct triple *t)
{
    if (request_add_line(out, STR("svix-id"), t->id) != RC_OK ||
        request_add_line(out, STR("svix-timestamp"), t->timestamp) != RC_OK ||
        buf_reserve(out, t->signature_len + 32) != RC_OK)
        return RC_LIMIT;
    return request_add_line(out, STR("svix-signature"),
                            str_of(out->ptr + t->signature_at, t->signature_len));
}

static enum rc add_basic(struct buf *out, const struct dest_call *c, struct str userinfo)
{
    enum { PLAIN_MAX = 4096 };
    char text[BASE64_LEN(PLAIN_MAX) + 1];
    struct buf plain;
    if (userinfo.len == 0 || has_line(c->ep->headers, STR("authorization")))
        return RC_OK;
    buf_init(&plain, PLAIN_MAX);
    enum rc rc = percent_decode(userinfo, false, &plain);
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

static enum rc add_wrapping(const struct dest_call *c, const struct dest_wrapping *w,
                            struct buf *out)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < w->count && rc == RC_OK; i++)
        if (w->wraps[i].row->headers != NULL)
            rc = w->wraps[i].row->headers(c, w->wraps[i].settings, out);
    return rc;
}

static struct str content_type_of(const struct dest_call *c, const struct dest_wrapping *w)
{
    if (w->content_type.ptr != NULL)
        return w->content_type;
    bool is_json = c->is_transformed || c->message->content_type.ptr == NULL;
    return is_json ? STR("application/json") : c->message->content_type;
}

static enum rc add_lines(struct dest_call *c, const struct dest_http *h, size_t *shown_len)
{
    struct buf *out = c->head;
    char id_text[ID_TEXT_MAX + 1];
    char timestamp[24];
    int64_t now_s = c->started_us / US_PER_S;
    (void)snprintf(timestamp, sizeof(timestamp), "%" PRId64, now_s);
    struct triple t = { .id = id_format(STR("msg_"), &c->message->id, id_text),
                        .timestamp = str_from(timestamp) };
    enum rc rc = add_default(out, c, STR("content-type"), content_type_of(c, &h->wrapping));
    if (rc == RC_OK)
        rc = add_default(out, c, STR("user-agent"), c->user_agent);
    if (rc == RC_OK)
        rc = add_signed(out, c, &t, now_s);
    if (rc == RC_OK)
        rc = add_wrapping(c, &h->wrapping, out);
    *shown_len = out->len;
    if (rc == RC_OK)
        rc = add_svix(out, &t);
    if (rc == RC_OK)
        rc = add_basic(out, c, h->url.userinfo);
    if (rc == RC_OK)
        rc = buf_add_str(out, c->ep->headers);
    if (rc == RC_OK && c->lines.len > 0)
        rc = add_message_lines(out, c, &h->wrapping);
    return rc;
}

enum rc dest_http_request(struct dest_call *c, const struct dest_http *h, struct str *lines)
{
    size_t shown_len = 0;
    buf_reset(c->head);
    enum rc rc = add_lines(c, h, &shown_len);
    c->url = c->ep->shown_url;
    *lines = buf_str(c->head);
    c->shown_head = str_sub(*lines, 0, shown_len);
    return rc;
}
