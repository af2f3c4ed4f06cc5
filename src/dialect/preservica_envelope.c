/* SPDX-License-Identifier: Apache-2.0
 *
 * What Preservica's subscribers know: the handshake that asks whether they share the secret, and the envelope.
 * The scheme "preservica": the body says which subscription and trigger its events are of, and the
 * signature covers the body behind a fixed text. The body is written in ASCII only: known receivers decode
 * it as UTF-8 and sign it as Latin-1, which agree on nothing else.
 */
#include "deliver/handshake.h"
#include "dest/dest.h"

#define AUTH_PREFIX "preservica-webhook-auth"

struct scheme {
    struct str key;
    bool includes_identifiers; /* events keep them */
};

static const void *preservica_envelope_compile(struct arena *a, const json_t *options,
                                               struct str key)
{
    struct scheme *s = ARENA_NEW(a, struct scheme);
    *s = (struct scheme){ key, !json_is_false(json_object_get(options, "includeIdentifiers")) };
    return s;
}

/* A message holds events (an "events" array), or is one itself. Borrowed from `payload`. */
static json_t *events_of(json_t *payload)
{
    json_t *events = json_object_get(payload, "events");
    return json_is_array(events) ? json_incref(events) : json_pack("[O]", payload);
}

static void strip_identifiers(const json_t *events)
{
    for (size_t i = 0; i < json_array_size(events); i++)
        json_object_del(json_array_get(events, i), "identifiers");
}

static json_t *preservica_envelope_text(struct str s)
{
    return json_stringn(s.ptr == NULL ? "" : s.ptr, s.len);
}

static json_t *make_envelope(const struct dest_call *c, const struct scheme *s, json_t *payload)
{
    const struct store_message *m = c->message;
    char timestamp[TIME_TEXT_LEN + 1];
    json_t *events = events_of(payload);
    if (!s->includes_identifiers)
        strip_identifiers(events);
    time_format(m->created_us, timestamp);
    return json_pack(
        "{s:o, s:o, s:o, s:s, s:o}", "subscriptionId", preservica_envelope_text(c->ep->id),
        "tenant", preservica_envelope_text(c->app->org_name), "trigger",
        preservica_envelope_text(m->event_type), "timestamp", timestamp, "events", events);
}

static int preservica_envelope_append(const char *bytes, size_t len, void *body)
{
    return buf_add(body, bytes, len) == RC_OK ? 0 : -1;
}

static enum rc preservica_envelope_body(struct dest_call *c, const void *settings)
{
    json_t *payload = NULL;
    if (json_parse(c->payload, &payload, NULL) != RC_OK || !json_is_object(payload)) {
        json_decref(payload);
        return RC_INVALID;
    }
    json_t *whole = make_envelope(c, settings, payload);
    enum rc rc = RC_INVALID;
    if (whole != NULL)
        rc = json_dump_callback(whole, preservica_envelope_append, c->body,
                                JSON_COMPACT | JSON_ENSURE_ASCII) == 0
                 ? RC_OK
                 : RC_LIMIT;
    json_decref(whole);
    json_decref(payload);
    c->payload = buf_str(c->body);
    return rc;
}

static enum rc preservica_envelope_headers(const struct dest_call *c, const void *settings,
                                           struct buf *out)
{
    const struct scheme *s = settings;
    uint8_t mac[32];
    char hex[HEX_LEN(sizeof(mac)) + 1];
    struct buf text;
    buf_init(&text, c->payload.len + sizeof(AUTH_PREFIX));
    enum rc rc = buf_add_str(&text, STR(AUTH_PREFIX));
    if (rc == RC_OK)
        rc = buf_add_str(&text, c->payload);
    if (rc == RC_OK) {
        sign_hmac256(s->key, buf_str(&text), mac);
        hex_encode(mac, sizeof(mac), hex);
        rc = buf_addf(out, "Preservica-Signature: %s\r\n", hex);
    }
    buf_fini(&text);
    return rc;
}

const struct dest_envelope preservica_envelope = {
    .option = "scheme",
    .value = "preservica",
    .header = "preservica-signature",
    .unfit = "the payload is not a JSON object",
    .is_alone = true,
    .is_chunked = true,
    .needs_key = true,
    .compile = preservica_envelope_compile,
    .body = preservica_envelope_body,
    .headers = preservica_envelope_headers,
};

/* --- the handshake ------------------------------------------------------------------------------- */

static enum rc preservica_envelope_ask(const struct deliver_handshake *s,
                                       struct deliver_handshake_ask *ask)
{
    enum rc rc = deliver_handshake_add_to_query(s->url, &ask->url);
    ask->method = HTTP_POST;
    return rc == RC_OK ? buf_addf(&ask->url, "challengeCode=%s", ask->challenge) : rc;
}

static enum rc preservica_envelope_judge(struct deliver_handshake *s,
                                         const struct deliver_handshake_ask *ask,
                                         const struct fetch_call *c, struct buf *why)
{
    struct str challenge = str_of(ask->challenge, DELIVER_HANDSHAKE_CHALLENGE_LEN);
    char expected[HEX_LEN(32) + 1];
    uint8_t mac[32];
    json_t *answer = NULL;
    enum rc rc = RC_OK;
    if (c->status != 200)
        return deliver_handshake_no(why, "it answered with another status than 200");
    if (json_parse(c->response, &answer, NULL) != RC_OK || !json_is_object(answer)) {
        json_decref(answer);
        return deliver_handshake_no(why, "its answer is not a JSON object");
    }
    sign_hmac256(s->secret, challenge, mac);
    hex_encode(mac, sizeof(mac), expected);
    if (!str_eq_constant_time(json_str_member(answer, "challengeCode"), challenge))
        rc = deliver_handshake_no(why, "its challengeCode is not the one it was sent");
    else if (!str_eq_constant_time(json_str_member(answer, "challengeResponse"),
                                   str_from(expected)))
        rc = deliver_handshake_no(
            why, "its challengeResponse is not the HMAC-SHA256 of the challengeCode under the "
                 "secret, in lower-case hex");
    mem_wipe(mac, sizeof(mac));
    mem_wipe(expected, sizeof(expected));
    json_decref(answer);
    return rc;
}

const struct deliver_handshake_kind preservica_handshake = { .name = "preservica",
                                                             .proves_secret = true,
                                                             .ask = preservica_envelope_ask,
                                                             .judge = preservica_envelope_judge };
