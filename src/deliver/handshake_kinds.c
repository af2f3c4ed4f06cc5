/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of handshake, a table: what each asks, and when its answer is a yes.
 */
#include "deliver/handshake_priv.h"

#include "json/json.h"

#include <stdio.h>

/* --- asking -------------------------------------------------------------------------------------- */

enum rc deliver_handshake_add_to_query(struct str url, struct buf *out)
{
    struct str whole = str_sub(url, 0, str_find(url, '#'));
    enum rc rc = buf_add_str(out, whole);
    return rc == RC_OK ? buf_add_char(out, str_find(whole, '?') < whole.len ? '&' : '?') : rc;
}

static enum rc ask_cloudevents(const struct deliver_handshake *s, struct deliver_handshake_ask *ask)
{
    ask->method = HTTP_OPTIONS;
    enum rc rc = buf_add_str(&ask->url, s->url);
    if (rc == RC_OK)
        rc = buf_addf(&ask->headers, "WebHook-Request-Origin: %.*s\r\n", STR_ARGS(s->origin));
    if (rc == RC_OK && s->rate > 0)
        rc = buf_addf(&ask->headers, "WebHook-Request-Rate: %lld\r\n", (long long)s->rate);
    return rc;
}

static enum rc ask_websub(const struct deliver_handshake *s, struct deliver_handshake_ask *ask)
{
    ask->method = HTTP_GET;
    enum rc rc = deliver_handshake_add_to_query(s->url, &ask->url);
    if (rc == RC_OK)
        rc = buf_add_str(&ask->url, STR("hub.mode=subscribe&hub.topic="));
    if (rc == RC_OK)
        rc = percent_encode(s->topic, &ask->url);
    return rc == RC_OK ? buf_addf(&ask->url, "&hub.challenge=%s", ask->challenge) : rc;
}

static enum rc sign_ping(const struct sign_key *key, struct deliver_handshake_ask *ask)
{
    char id[16 + DELIVER_HANDSHAKE_CHALLENGE_LEN];
    struct sign_keyring *ring = NULL;
    int64_t now_s = ask->now_us / 1000000;
    enum rc rc = sign_keyring_new(key, 1, &ring);
    if (rc != RC_OK)
        return rc;
    (void)snprintf(id, sizeof(id), "ping_%s", ask->challenge);
    struct sign_message message = { str_from(id), now_s, buf_str(&ask->body) };
    rc = buf_addf(&ask->headers,
                  "webhook-id: %s\r\nwebhook-timestamp: %lld\r\nwebhook-signature: ", id,
                  (long long)now_s);
    if (rc == RC_OK)
        rc = sign_header(ring, &message, &ask->headers);
    if (rc == RC_OK)
        rc = buf_add_str(&ask->headers, STR("\r\n"));
    sign_keyring_free(ring);
    return rc;
}

static enum rc ask_ping(const struct deliver_handshake *s, struct deliver_handshake_ask *ask)
{
    char timestamp[TIME_TEXT_LEN + 1];
    ask->method = HTTP_POST;
    time_format(ask->now_us, timestamp);
    enum rc rc = buf_add_str(&ask->url, s->url);
    if (rc == RC_OK)
        rc = buf_addf(&ask->body, "{\"type\":\"grapnel.ping\",\"timestamp\":\"%s\",\"data\":{}}",
                      timestamp);
    if (rc == RC_OK)
        rc = buf_add_str(&ask->headers, STR("Content-Type: application/json\r\n"));
    return rc == RC_OK && s->key != NULL ? sign_ping(s->key, ask) : rc;
}

/* --- judging ------------------------------------------------------------------------------------- */

enum rc deliver_handshake_no(struct buf *why, const char *words)
{
    buf_say(why, "%s", words);
    return RC_DENIED;
}

static enum rc judge_rate(struct deliver_handshake *s, struct str given, struct buf *why)
{
    int64_t rate = 0;
    if (given.len == 0)
        s->allowed_per_minute = s->rate;
    if (given.len == 0 || str_eq(given, STR("*")))
        return RC_OK;
    if (str_to_i64(given, &rate) != RC_OK || rate < 1)
        return deliver_handshake_no(
            why, "its WebHook-Allowed-Rate is neither * nor a number of deliveries a minute");
    s->allowed_per_minute = rate < DELIVER_HANDSHAKE_RATE_MAX ? rate : DELIVER_HANDSHAKE_RATE_MAX;
    return RC_OK;
}

static enum rc judge_cloudevents(struct deliver_handshake *s,
                                 const struct deliver_handshake_ask *ask,
                                 const struct fetch_call *c, struct buf *why)
{
    struct str origin = str_trim(fetch_response_header(c, "webhook-allowed-origin"));
    (void)ask;
    if (origin.len == 0)
        return deliver_handshake_no(why, "its answer has no WebHook-Allowed-Origin");
    if (!str_eq(origin, STR("*")) && !str_ieq(origin, s->origin))
        return deliver_handshake_no(why, "its WebHook-Allowed-Origin is another origin");
    return judge_rate(s, str_trim(fetch_response_header(c, "webhook-allowed-rate")), why);
}

static enum rc judge_websub(struct deliver_handshake *s, const struct deliver_handshake_ask *ask,
                            const struct fetch_call *c, struct buf *why)
{
    (void)s;
    if (str_eq(c->response, str_of(ask->challenge, DELIVER_HANDSHAKE_CHALLENGE_LEN)))
        return RC_OK;
    return deliver_handshake_no(why, "its answer is not the hub.challenge it was sent");
}

static enum rc judge_ping(struct deliver_handshake *s, const struct deliver_handshake_ask *ask,
                          const struct fetch_call *c, struct buf *why)
{
    (void)s, (void)ask, (void)c, (void)why; /* the status was looked at, and that is all */
    return RC_OK;
}

/* --- the table ------------------------------------------------------------------------------------ */

const struct deliver_handshake_kind deliver_handshake_cloudevents = { .name = "cloudevents",
                                                                      .ask = ask_cloudevents,
                                                                      .judge = judge_cloudevents };
const struct deliver_handshake_kind deliver_handshake_websub = { .name = "websub",
                                                                 .ask = ask_websub,
                                                                 .judge = judge_websub };
const struct deliver_handshake_kind deliver_handshake_ping = { .name = "ping",
                                                               .ask = ask_ping,
                                                               .judge = judge_ping };

const struct deliver_handshake_kind *deliver_handshake_find(
    const struct deliver_handshake_kind *const *kinds, struct str name)
{
    while (kinds != NULL && *kinds != NULL && !str_eq(name, str_from((*kinds)->name)))
        kinds++;
    return kinds == NULL ? NULL : *kinds;
}

enum rc deliver_handshake_build(const struct deliver_handshake *s,
                                struct deliver_handshake_ask *ask)
{
    enum rc rc = buf_addf(&ask->headers, "User-Agent: %s\r\nAccept: */*\r\n", ask->user_agent);
    return rc == RC_OK ? s->kind->ask(s, ask) : rc;
}

/* No address, no port, no reason of a resolver or peer: who asks for handshakes must not map a network
 * by them. */
static const char *words_of(enum fetch_error e)
{
    switch (e) {
    case FETCH_BAD_URL: return "its URL is not valid";
    case FETCH_DNS: return "its name does not resolve";
    case FETCH_ADDRESS: return "its address is not allowed here";
    case FETCH_CONNECT:
    case FETCH_CONNECT_TIMEOUT: return "no connection came about";
    case FETCH_TLS: return "the TLS handshake failed";
    case FETCH_TIMEOUT: return "it did not answer in time";
    case FETCH_TOO_LARGE: return "the head of its answer is too long";
    case FETCH_OK:
    case FETCH_CLOSED:
    case FETCH_PROTOCOL:
    case FETCH_CANCELED: break;
    }
    return "its answer is not HTTP, or broke off";
}

enum rc deliver_handshake_judge(struct deliver_handshake *s,
                                const struct deliver_handshake_ask *ask, const struct fetch_call *c,
                                struct buf *why)
{
    if (c->error != FETCH_OK)
        return deliver_handshake_no(why, words_of(c->error));
    if (c->status >= 300 && c->status < 400)
        return deliver_handshake_no(why, "it answered with a redirect, and those are not followed");
    if (c->status < 200 || c->status > 299)
        return deliver_handshake_no(why, "it answered with a status other than 2xx");
    if (c->response_cut)
        return deliver_handshake_no(why,
                                    "its answer is longer than 4096 bytes, or did not end in time");
    return s->kind->judge(s, ask, c, why);
}
