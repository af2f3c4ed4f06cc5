/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests as rows, as every backend has them: their words, the events of one, their headers.
 */
#include "store/request_priv.h"

#include "store/rows_priv.h"
#include "json/json.h"

static const char *const outcome_names[] = {
    [STORE_REQUEST_ACCEPTED] = "accepted",
    [STORE_REQUEST_REJECTED] = "rejected",
    [STORE_REQUEST_DUPLICATE] = "duplicate",
    [STORE_REQUEST_IGNORED] = "ignored",
};

const char *store_request_outcome_text(enum store_request_outcome o)
{
    return outcome_names[o];
}

enum rc store_request_outcome_find(struct str text, enum store_request_outcome *out)
{
    for (size_t i = 0; i < COUNT_OF(outcome_names); i++) {
        if (str_eq(text, str_from(outcome_names[i]))) {
            *out = (enum store_request_outcome)i;
            return RC_OK;
        }
    }
    return RC_NOT_FOUND;
}

enum { ITEM_TEXT_MAX = 64 };

/* --- events of a request ------------------------------------------------------------------------------ */

/* Row keys, to join with, and the same as ids. */
static void request_add_message(const struct store_publish *p, bool leads, struct buf *keys,
                                struct buf *ids)
{
    char text[ID_TEXT_MAX + 1];
    if (!leads || p->result != STORE_CREATED)
        return;
    const char *comma = keys->len == 0 ? "" : ",";
    (void)id_format(STR(""), &p->message->id, text);
    MUST(buf_addf(keys, "%s%lld", comma, (long long)id_key(&p->message->id)) == RC_OK);
    MUST(buf_addf(ids, "%s\"%s\"", comma, text) == RC_OK);
}

struct str store_request_items(const struct store_request *r, const struct store_publish *p,
                               struct buf *out)
{
    struct buf keys, ids;
    size_t room = p == NULL ? 1 : (p->also_count + 2) * ITEM_TEXT_MAX;
    buf_init(&keys, room);
    buf_init(&ids, room);
    buf_init(out, 2 * room + ITEM_TEXT_MAX);
    if (p != NULL)
        request_add_message(p, true, &keys, &ids);
    for (size_t i = 0; p != NULL && i < p->also_count; i++)
        request_add_message(p->also[i], p->also[i]->leads, &keys, &ids);
    MUST(buf_addf(out, "{\"count\":%zu,\"k\":[%.*s],\"id\":[%.*s]}", r->item_count,
                  STR_ARGS(buf_str(&keys)), STR_ARGS(buf_str(&ids))) == RC_OK);
    buf_fini(&keys);
    buf_fini(&ids);
    return buf_str(out);
}

bool store_publish_is_new(const struct store_publish *p)
{
    bool is_new = p->result == STORE_CREATED;
    for (size_t i = 0; p->rule == STORE_RULE_ITEMS && i < p->also_count; i++)
        is_new = is_new || p->also[i]->result == STORE_CREATED;
    return is_new;
}

/* --- headers ---------------------------------------------------------------------------------------- */

enum { HEADERS_MAX = 1 << 20 };

static enum rc request_add_line(struct buf *out, struct str *lines)
{
    struct str line = STR_NONE;
    (void)str_split(lines, '\n', &line);
    line = str_sub(line, 0, str_find(line, '\r'));
    size_t colon = str_find(line, ':');
    const struct str pair[] = { str_sub(line, 0, colon), str_sub(line, colon + 2, line.len) };
    return buf_add_json_list(out, pair, COUNT_OF(pair));
}

/* Outside of strings there is no other 0. */
struct str store_request_headers(struct str headers, struct str lines, struct buf *out)
{
    enum rc rc = RC_OK;
    bool quoted = false;
    buf_init(out, HEADERS_MAX);
    for (size_t i = 0; rc == RC_OK && i < headers.len; i++) {
        char c = headers.ptr[i];
        if (quoted && c == '\\' && i + 1 < headers.len) {
            rc = buf_add(out, headers.ptr + i++, 2);
            continue;
        }
        quoted = quoted != (c == '"');
        rc = c == '0' && !quoted ? request_add_line(out, &lines) : buf_add_char(out, c);
    }
    MUST(rc == RC_OK);
    return buf_str(out);
}

/* --- reading ------------------------------------------------------------------------------------------- */

static void request_read_items(struct str text, struct arena *a, struct store_request *out)
{
    json_t *items = NULL;
    if (text.ptr == NULL || json_parse(text, &items, NULL) != RC_OK)
        return;
    const json_t *ids = json_object_get(items, "id");
    out->item_count = (size_t)json_integer_value(json_object_get(items, "count"));
    out->messages = arena_array(a, json_array_size(ids) + 1, sizeof(*out->messages));
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        if (id != NULL &&
            id_parse(STR(""), str_from(id), &out->messages[out->message_count]) == RC_OK)
            out->message_count++;
    }
    json_decref(items);
}

static struct str request_read_headers(struct db_stmt *s, struct arena *a)
{
    struct buf whole;
    struct str headers = db_text(s, 12, a), lines = db_text(s, 13, a);
    if (headers.ptr == NULL || lines.ptr == NULL)
        return headers;
    headers = arena_str(a, store_request_headers(headers, lines, &whole));
    buf_fini(&whole);
    return headers;
}

void store_read_request(struct db_stmt *s, struct arena *a, struct store_request *out)
{
    *out = (struct store_request){
        .id = store_id_of(db_int(s, 0), db_borrow(s, 1)),
        .source = db_int(s, 2),
        .app = db_int(s, 3),
        .at_us = db_int(s, 4),
        .outcome = (enum store_request_outcome)db_int(s, 5),
        .has_message = db_int(s, 6) != 0,
        .status = (int)db_int(s, 7),
        .reason = db_text(s, 8, a),
        .method = db_text(s, 9, a),
        .url = db_text(s, 10, a),
        .peer = db_text(s, 11, a),
        .headers = request_read_headers(s, a),
        .body_bytes = db_int(s, 14),
        .event_type = db_text(s, 15, a),
        .dedupe_id = db_text(s, 16, a),
    };
    struct str original = db_borrow(s, 17);
    out->has_original = original.len == ID_BYTES;
    if (out->has_original)
        memcpy(out->original.bytes, original.ptr, ID_BYTES);
    request_read_items(db_text(s, 18, a), a, out);
    out->body = db_text(s, 19, a);
}

void store_read_refused(struct db_stmt *s, struct arena *a, struct store_refused *out)
{
    int64_t at_us = db_int(s, 2);
    if (out->count++ == 0) {
        out->last = store_id_of(db_int(s, 0), db_borrow(s, 1));
        out->last_us = at_us;
        out->reason = db_text(s, 3, a);
        out->status = (int)db_int(s, 4);
    }
    out->first_us = at_us;
}

/* What has to fit beside the rest of a message's row for both to lie on one page: a list of requests reads no
 * other pages then, however long the bodies are. */
enum { IN_MESSAGE_MAX = 7500 };

bool store_request_is_in_message(const struct store_publish *p)
{
    const struct store_request *r = p->request;
    const struct store_message *m = p->message;
    return r != NULL && p->result == STORE_CREATED && r->outcome == STORE_REQUEST_ACCEPTED &&
           r->has_message && r->item_count == 0 && r->reason.ptr == NULL && !r->has_original &&
           r->app == m->app && str_eq(r->lines, m->headers) &&
           memcmp(r->id.bytes, m->id.bytes, ID_BYTES) == 0 &&
           m->payload.len + m->headers.len + r->headers.len + r->url.len <= IN_MESSAGE_MAX;
}
