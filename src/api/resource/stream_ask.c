/* SPDX-License-Identifier: Apache-2.0
 *
 * Which events a stream is to have, and for whom.
 */
#include "api/resource/stream_priv.h"
#include "store/owner.h"

#define DAY_S INT64_C(86400)

/* --- words ------------------------------------------------------------------------------------------ */

static const char *const kind_words[STATS_EVENT_KINDS] = { "message", "attempt", "request", "run",
                                                           "task" };

/* What became of it. An event has one of the first, and an attempt its class as well. */
enum {
    WORD_SUCCESS,
    WORD_FAIL,
    WORD_CANCELED,
    WORD_ACCEPTED,
    WORD_REJECTED,
    WORD_DUPLICATE,
    WORD_IGNORED,
    WORD_HALTED,
    WORD_PASSED,
    WORD_NONE, /* no answer; then 1xx to 5xx */
    WORDS = WORD_NONE + 6
};
static const char *const status_words[WORDS] = {
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
    out->app = c->who->app;
    if (!http_query(c->req, "app", 0, &name))
        return true;
    struct store_application app;
    enum rc rc = store_application_find(c->tx, c->who->org, name, c->arena, &app);
    if (rc == RC_OK && c->who->app != 0 && c->who->app != app.num)
        rc = RC_NOT_FOUND;
    out->app = app.num;
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

bool api_stream_ask(struct api_ctx *c, struct api_stream_ask *out)
{
    *out = (struct api_stream_ask){ .org = c->who->org };
    if (!ask_words(c, "kinds", kind_words, COUNT_OF(kind_words), &out->kinds) ||
        !ask_words(c, "status", status_words, COUNT_OF(status_words), &out->words) ||
        !api_query_int(c, "sample", 1, API_STREAM_SAMPLE_MAX, API_STREAM_SAMPLE_MAX,
                       &out->sample) ||
        !api_query_int(c, "seconds", 1, DAY_S, 0, &out->seconds))
        return false;
    if (out->kinds == 0)
        out->kinds = (1u << STATS_EVENT_KINDS) - 1;
    return ask_app(c, out) && ask_owned(c, "endpoint", STORE_OWNED_ENDPOINT, &out->endpoint) &&
           ask_owned(c, "source", STORE_OWNED_SOURCE, &out->source);
}

/* --- which ----------------------------------------------------------------------------------------------- */

static unsigned words_of_attempt(const struct stats_event *e)
{
    unsigned word = e->state == STORE_SUCCESS    ? WORD_SUCCESS
                    : e->state == STORE_CANCELED ? WORD_CANCELED
                                                 : WORD_FAIL;
    int class = e->status >= 100 && e->status <= 599 ? e->status / 100 : 0;
    return 1u << word | (e->has_attempt ? 1u << (WORD_NONE + class) : 0);
}

static unsigned words_of(const struct stats_event *e)
{
    switch (e->kind) {
    case STATS_EVENT_ATTEMPT: return words_of_attempt(e);
    case STATS_EVENT_REQUEST: return 1u << (WORD_ACCEPTED + e->state);
    case STATS_EVENT_RUN: return 1u << (e->state != 0 ? WORD_HALTED : WORD_PASSED);
    case STATS_EVENT_MESSAGE:
    case STATS_EVENT_TASK:
    case STATS_EVENT_KINDS: break;
    }
    return 0;
}

_Static_assert(STORE_REQUEST_ACCEPTED == 0 && STORE_REQUEST_IGNORED == 3,
               "words of requests are in their order");

bool api_stream_wants(const struct api_stream_ask *ask, const struct stats_event *e)
{
    if (e->org != ask->org || (ask->kinds & 1u << e->kind) == 0)
        return false;
    if (ask->app != 0 && e->app != ask->app)
        return false;
    if (ask->endpoint != 0 && (e->kind != STATS_EVENT_ATTEMPT || e->object != ask->endpoint))
        return false;
    if (ask->source != 0 && (e->kind != STATS_EVENT_REQUEST || e->object != ask->source))
        return false;
    return ask->words == 0 || (ask->words & words_of(e)) != 0;
}
