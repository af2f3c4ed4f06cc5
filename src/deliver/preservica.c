/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheme "preservica": the body says which subscription and trigger its events are of, and the
 * signature covers the body behind a fixed text. The body is written in ASCII only: known receivers decode
 * it as UTF-8 and sign it as Latin-1, which agree on nothing else.
 */
#include "deliver/attempt_priv.h"

#include "json/json.h"

#define AUTH_PREFIX "preservica-webhook-auth"

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

static json_t *text(struct str s)
{
    return json_stringn(s.ptr == NULL ? "" : s.ptr, s.len);
}

static json_t *envelope(const struct deliver_attempt *a, json_t *payload)
{
    const struct store_message *m = a->item->payload;
    char timestamp[TIME_TEXT_LEN + 1];
    json_t *events = events_of(payload);
    if (!a->ep->includes_identifiers)
        strip_identifiers(events);
    time_format(id_time_us(&m->id), timestamp);
    return json_pack("{s:o, s:o, s:o, s:s, s:o}", "subscriptionId", text(a->ep->id), "tenant",
                     text(a->view->org_name), "trigger", text(m->event_type), "timestamp",
                     timestamp, "events", events);
}

static int append(const char *bytes, size_t len, void *body)
{
    return buf_add(body, bytes, len) == RC_OK ? 0 : -1;
}

enum rc deliver_preservica_body(struct deliver_attempt *a)
{
    json_t *payload = NULL;
    buf_reset(&a->body);
    if (json_parse(a->payload, &payload, NULL) != RC_OK || !json_is_object(payload)) {
        json_decref(payload);
        return RC_INVALID;
    }
    json_t *whole = envelope(a, payload);
    enum rc rc = RC_INVALID;
    if (whole != NULL)
        rc = json_dump_callback(whole, append, &a->body, JSON_COMPACT | JSON_ENSURE_ASCII) == 0
                 ? RC_OK
                 : RC_LIMIT;
    json_decref(whole);
    json_decref(payload);
    return rc;
}

enum rc deliver_preservica_line(const struct deliver_attempt *a, struct str body, struct buf *out)
{
    uint8_t mac[32];
    char hex[HEX_LEN(sizeof(mac)) + 1];
    struct buf text;
    buf_init(&text, body.len + sizeof(AUTH_PREFIX));
    enum rc rc = buf_add_str(&text, STR(AUTH_PREFIX));
    if (rc == RC_OK)
        rc = buf_add_str(&text, body);
    if (rc == RC_OK) {
        sign_hmac256(a->ep->scheme_key, buf_str(&text), mac);
        hex_encode(mac, sizeof(mac), hex);
        rc = buf_addf(out, "Preservica-Signature: %s\r\n", hex);
    }
    buf_fini(&text);
    return rc;
}
