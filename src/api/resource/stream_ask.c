/* SPDX-License-Identifier: Apache-2.0
 *
 * Which events a stream is to have, and for whom.
 */
#include "api/resource/stream_priv.h"
#include "store/owner.h"

#include <stdio.h>

#define DAY_S INT64_C(86400)

/* --- words ------------------------------------------------------------------------------------------ */

static const char *const kind_words[STATS_EVENT_KINDS] = { "message", "attempt", "request", "run",
                                                           "task" };

static const char *const status_words[STATS_WORDS] = {
    "success", "fail", "canceled", "accepted", "rejected", "duplicate", "ignored", "halted",
    "passed",  "none", "1xx",      "2xx",      "3xx",      "4xx",       "5xx",
};

static bool find_word(const char *const *words, size_t count, struct str word, unsigned *bits)
{
    for (size_t i = 0; i < count; i++) {
        if (!str_eq(word, str_from(words[i])))
            continue;
        *bits |= 1u << i;
        return true;
    }
    return false;
}

/* A list of words to bits; 0 when it is absent. False: answered. */
static bool ask_words(struct api_ctx *c, const char *name, const char *const *words, size_t count,
                      unsigned *bits)
{
    struct str list = STR_NONE, word;
    *bits = 0;
    (void)http_query(c->req, name, 0, &list);
    while (str_split(&list, ',', &word)) {
        if (find_word(words, count, str_trim(word), bits))
            continue;
        struct buf known;
        buf_init(&known, 256);
        for (size_t i = 0; i < count; i++)
            buf_say(&known, "%s%s", i == 0 ? "" : ", ", words[i]);
        http_invalid(c->req, arena_fmt(c->arena, "query.%s", name).ptr, "value_error",
                     "There is no \"%.*s\". Take %.*s; several separated by commas.",
                     STR_ARGS(str_cut_utf8(word, 64)), STR_ARGS(buf_str(&known)));
        buf_fini(&known);
        return false;
    }
    return true;
}

/* --- whose -------------------------------------------------------------------------------------------- */

static bool ask_app(struct api_ctx *c, struct api_stream_ask *out)
{
    struct str name = STR_NONE;
    out->want.app = c->who->app;
    if (!http_query(c->req, "app", 0, &name))
        return true;
    struct store_application app;
    enum rc rc = store_application_find(c->tx, c->who->org, name, c->arena, &app);
    if (rc == RC_OK && c->who->app != 0 && c->who->app != app.num)
        rc = RC_NOT_FOUND;
    out->want.app = app.num;
    return api_ok(c, rc);
}

/* False: answered. */
static bool ask_owned(struct api_ctx *c, const char *name, enum store_owned what, int64_t *num)
{
    struct str id = STR_NONE;
    struct store_owner owner = { .num = 0 };
    if (!http_query(c->req, name, 0, &id))
        return true;
    enum rc rc = store_owner_find(c->tx, what, id, &owner);
    if (rc == RC_OK && (owner.org != c->who->org || (c->who->app != 0 && c->who->app != owner.app)))
        rc = RC_NOT_FOUND;
    *num = owner.num;
    return api_ok(c, rc);
}

/* --- since when ----------------------------------------------------------------------------------------- */

struct str api_stream_id(struct stats_place at, int64_t at_us, char text[API_STREAM_ID_TEXT])
{
    int len = snprintf(text, API_STREAM_ID_TEXT, "%llu-%llu-%llu-%llu", (unsigned long long)at.run,
                       (unsigned long long)at.audience, (unsigned long long)at.event,
                       (unsigned long long)at_us);
    return str_of(text, (size_t)len);
}

enum rc api_stream_id_parse(struct str text, struct stats_place *at, int64_t *at_us)
{
    uint64_t numbers[4];
    struct str part;
    size_t count = 0;
    while (str_split(&text, '-', &part)) {
        if (count == COUNT_OF(numbers) || str_to_u64(part, &numbers[count++]) != RC_OK)
            return RC_INVALID;
    }
    if (count != COUNT_OF(numbers) || numbers[3] > INT64_MAX)
        return RC_INVALID;
    *at = (struct stats_place){ .run = numbers[0], .audience = numbers[1], .event = numbers[2] };
    *at_us = (int64_t)numbers[3];
    return RC_OK;
}

/* An id that cannot be one of ours is an error, so that nobody takes a new stream for the rest of an old one. False:
 * answered. */
static bool ask_from(struct api_ctx *c, struct api_stream_ask *out)
{
    struct str id = http_call_header(c->req->call, "last-event-id");
    if (id.len == 0)
        return true;
    if (api_stream_id_parse(id, &out->from, &out->from_us) != RC_OK) {
        http_invalid(
            c->req, "header.Last-Event-ID", "value_error",
            "\"%.*s\" is not the id of an event of this stream. Send it as it was received, or "
            "leave the header out to begin now.",
            STR_ARGS(str_cut_utf8(id, 64)));
        return false;
    }
    out->resumes = true;
    if (out->from_us > c->now_us)
        out->from_us = c->now_us;
    return true;
}

bool api_stream_ask(struct api_ctx *c, struct api_stream_ask *out)
{
    *out = (struct api_stream_ask){ .want.org = c->who->org };
    if (!ask_words(c, "kinds", kind_words, COUNT_OF(kind_words), &out->want.kinds) ||
        !ask_words(c, "status", status_words, COUNT_OF(status_words), &out->want.words) ||
        !api_query_int(c, "sample", 1, API_STREAM_SAMPLE_MAX, API_STREAM_SAMPLE_MAX,
                       &out->sample) ||
        !api_query_int(c, "seconds", 1, DAY_S, 0, &out->seconds))
        return false;
    if (out->want.kinds == 0)
        out->want.kinds = (1u << STATS_EVENT_KINDS) - 1;
    return ask_from(c, out) && ask_app(c, out) &&
           ask_owned(c, "endpoint", STORE_OWNED_ENDPOINT, &out->want.endpoint) &&
           ask_owned(c, "source", STORE_OWNED_SOURCE, &out->want.source);
}
