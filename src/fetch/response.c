/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the answer. Bytes come through the client's scratch memory; only a head that arrives in
 * pieces is gathered, in the call. Once a final status line is there the call has its outcome:
 * whatever is wrong after it cuts the kept text and the connection, and nothing else.
 */
#include "fetch/response_priv.h"

#include "fetch/conn_priv.h"
#include "fetch/exchange_priv.h"

static void response_fail(struct own_exchange *ex, enum fetch_error error, const char *why)
{
    fetch_call_say(ex->call, "%s", why);
    fetch_own_exchange_fail(ex, error);
}

static void fetch_response_cut(struct own_exchange *ex, const char *why)
{
    ex->call->response_cut = true;
    fetch_call_say(ex->call, "%s", why);
    fetch_own_exchange_complete(ex, false);
}

/* --- body: each returns false when the call has ended -------------------------------------- */

static bool take_length(struct own_exchange *ex, struct str bytes)
{
    struct str mine = bytes;

    if (mine.len > ex->left)
        mine.len = (size_t)ex->left;
    ex->left -= mine.len;
    if (!fetch_call_take_body(ex->call, mine, &ex->body_read)) {
        fetch_own_exchange_complete(ex, false);
        return false;
    }
    if (ex->left > 0)
        return true;
    fetch_own_exchange_complete(ex, mine.len == bytes.len);
    return false;
}

static bool take_chunked(struct own_exchange *ex, struct str bytes)
{
    struct buf *decoded = &ex->own->decoded;
    struct http_parse_error error = { 0 };
    size_t used = 0;

    buf_reset(decoded);
    enum http_parse state = http_chunked_read(&ex->chunked, bytes, &used, decoded, &error);
    if (!fetch_call_take_body(ex->call, buf_str(decoded), &ex->body_read)) {
        fetch_own_exchange_complete(ex, false);
        return false;
    }
    if (state == HTTP_PARSE_MORE)
        return true;
    if (state == HTTP_PARSE_BAD)
        fetch_response_cut(ex, error.reason);
    else
        fetch_own_exchange_complete(ex, used == bytes.len);
    return false;
}

static bool take_body(struct own_exchange *ex, struct str bytes)
{
    MUST(ex->reading != OWN_HEAD);
    if (ex->reading == OWN_LENGTH)
        return take_length(ex, bytes);
    if (ex->reading == OWN_CHUNKED)
        return take_chunked(ex, bytes);
    if (fetch_call_take_body(ex->call, bytes, &ex->body_read))
        return true;
    fetch_own_exchange_complete(ex, false);
    return false;
}

/* --- head ---------------------------------------------------------------------------------- */

static void choose_reading(struct own_exchange *ex, const struct http_head *head)
{
    ex->keep_alive = head->keep_alive;
    if (!http_response_has_body(head, ex->call->method)) {
        ex->reading = OWN_LENGTH;
        ex->left = 0;
    } else if (head->chunked) {
        ex->reading = OWN_CHUNKED;
    } else if (head->has_length) {
        ex->reading = OWN_LENGTH;
        ex->left = head->length;
    } else {
        ex->reading = OWN_UNTIL_CLOSE;
    }
}

/* `rest`: what was read behind the head. */
static bool take_final_head(struct own_exchange *ex, struct str head, struct str rest)
{
    struct own *own = ex->own;
    struct fetch_call *c = ex->call;

    c->status = own->parsed.status;
    choose_reading(ex, &own->parsed);
    if (c->_head.len > 0) {
        /* Both lie in the gathered bytes, which are about to shrink. The rest came with the last
         * read, so it fits where it came from. */
        MUST(rest.len <= sizeof(own->scratch));
        if (rest.len > 0)
            memmove(own->scratch, rest.ptr, rest.len);
        rest.ptr = own->scratch;
    }
    fetch_call_keep_headers(c, head);
    /* An empty body is complete now; so is one that came along. */
    bool is_empty = ex->reading == OWN_LENGTH && ex->left == 0;
    return rest.len == 0 && !is_empty ? true : take_body(ex, rest);
}

/* An interim answer is skipped. False: the call has ended. */
static bool skip_interim(struct own_exchange *ex)
{
    if (ex->own->parsed.status == 101) {
        response_fail(ex, FETCH_PROTOCOL, "switched protocols without being asked");
        return false;
    }
    if (++ex->interim_count > FETCH_INTERIM_MAX) {
        response_fail(ex, FETCH_PROTOCOL, "too many interim answers");
        return false;
    }
    return true;
}

/* Parses what there is, past interim answers; `is_all`: no more will come. What is left of an
 * unfinished head stays in *in. *is_final: the body has begun and the rest was taken. False: the call
 * has ended. */
static bool parse_heads(struct own_exchange *ex, struct str *in, bool is_all, bool *is_final)
{
    struct own *own = ex->own;
    struct fetch_head read;

    while (in->len > 0) {
        enum http_parse state = fetch_head_read(*in, is_all, &own->parsed, &read);
        if (state == HTTP_PARSE_MORE)
            return true;
        if (state == HTTP_PARSE_BAD) {
            response_fail(ex, read.error.status == 431 ? FETCH_TOO_LARGE : FETCH_PROTOCOL,
                          read.error.reason);
            return false;
        }
        if (own->parsed.status >= 200) {
            *is_final = true;
            fetch_call_note_sloppy(ex->call, &read);
            return take_final_head(ex, str_sub(*in, 0, read.used),
                                   str_sub(*in, read.used, in->len));
        }
        if (!skip_interim(ex))
            return false;
        *in = str_sub(*in, read.used, in->len);
    }
    return true;
}

static bool take_head(struct own_exchange *ex, struct str bytes)
{
    struct fetch_call *c = ex->call;
    bool is_gathered = c->_head.len > 0;
    bool is_final = false;

    if (is_gathered)
        MUST(buf_add_str(&c->_head, bytes) == RC_OK);
    struct str in = is_gathered ? buf_str(&c->_head) : bytes;
    /* Without a line end there is nothing new to parse: drips cost no more than their bytes. */
    if (is_gathered && in.len < FETCH_HEAD_MAX && str_find(bytes, '\n') == bytes.len &&
        str_starts(in, STR("HTTP/1.")))
        return true;
    if (!parse_heads(ex, &in, false, &is_final))
        return false;
    if (is_final)
        return true;
    if (is_gathered)
        buf_consume(&c->_head, c->_head.len - in.len);
    else
        MUST(buf_add_str(&c->_head, in) == RC_OK);
    return true;
}

/* --- the socket ---------------------------------------------------------------------------- */

bool fetch_own_response_settle(struct own_exchange *ex)
{
    struct str in = buf_str(&ex->call->_head);
    bool is_final = false;

    return ex->reading == OWN_HEAD && !parse_heads(ex, &in, true, &is_final);
}

static void take_end(struct own_exchange *ex, bool is_orderly)
{
    if (fetch_own_response_settle(ex))
        return;
    if (ex->reading == OWN_HEAD)
        fetch_own_exchange_closed(ex, ex->has_bytes ? "closed in the middle of the answer's head"
                                                    : "closed without an answer");
    else if (ex->reading == OWN_UNTIL_CLOSE && is_orderly)
        fetch_own_exchange_complete(ex, false);
    else
        fetch_response_cut(ex, "closed before the end of the answer's body");
}

void fetch_own_response_read(struct own_exchange *ex)
{
    struct own *own = ex->own;
    bool is_tls = ex->conn->ssl != NULL, has_part = false;
    size_t n = 0;

    for (;;) {
        enum own_io io = fetch_own_conn_read(ex->conn, own->scratch, sizeof(own->scratch), &n);
        if (io == OWN_IO_AGAIN) {
            if (has_part)
                fetch_own_conn_ack_at_once(ex->conn);
            return;
        }
        if (io != OWN_IO_OK) {
            take_end(ex, io == OWN_IO_CLOSED);
            return;
        }
        ex->has_bytes = has_part = true;
        struct str bytes = str_of(own->scratch, n);
        if (!(ex->reading == OWN_HEAD ? take_head(ex, bytes) : take_body(ex, bytes)))
            return;
        /* The socket was emptied; the loop tells of more. TLS may hold decrypted bytes. */
        if (!is_tls && n < sizeof(own->scratch)) {
            fetch_own_conn_ack_at_once(ex->conn);
            return;
        }
    }
}
