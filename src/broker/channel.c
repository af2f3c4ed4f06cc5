/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels of a link, one an exchange, in confirm mode. What a channel has published and the broker
 * has not confirmed ends in one of four ways: ack, nack, returned and acked, or the channel's end.
 */
#include "broker/channel_priv.h"

#include "broker/job_priv.h"
#include "broker/links_priv.h"
#include "metrics/metrics.h"

static amqp_bytes_t bytes_of(struct str s)
{
    amqp_bytes_t out = { .len = s.len };
    memcpy(&out.bytes, &s.ptr, sizeof(out.bytes)); /* the library does not write through it */
    return out;
}

static struct str str_of_bytes(amqp_bytes_t b)
{
    return str_of(b.bytes, b.len);
}

/* --- which one -------------------------------------------------------------------------------------- */

static struct broker_channel *channel_find(const struct broker_link *link, struct str exchange)
{
    const struct broker_channel *found = NULL;
    for (size_t i = 0; i < link->channel_count && found == NULL; i++)
        if (str_eq(link->channels[i].exchange, exchange))
            found = &link->channels[i];
    if (found == NULL && link->channel_count == BROKER_CHANNELS_MAX)
        found = &link->channels[str_hash(exchange) % BROKER_CHANNELS_MAX];
    return found == NULL ? NULL : (struct broker_channel *)(uintptr_t)found;
}

static struct broker_channel *find_or_make(struct broker_link *link, struct str exchange)
{
    struct broker_channel *ch = channel_find(link, exchange);
    if (ch != NULL)
        return ch;
    ch = &link->channels[link->channel_count++];
    *ch = (struct broker_channel){ .number = (uint16_t)link->channel_count };
    ch->exchange =
        str_of(xmemdup(exchange.ptr == NULL ? "" : exchange.ptr, exchange.len), exchange.len);
    broker_confirms_init(&ch->confirms, BROKER_UNCONFIRMED_MAX);
    return ch;
}

static struct broker_channel *channel_by_number(struct broker_link *link, unsigned number)
{
    return number >= 1 && number <= link->channel_count ? &link->channels[number - 1] : NULL;
}

bool broker_channel_has_room(const struct broker_link *link, const struct broker_job *job)
{
    const struct broker_channel *ch = channel_find(link, job->message.exchange);
    return ch == NULL || !broker_confirms_is_full(&ch->confirms);
}

/* --- ends ------------------------------------------------------------------------------------------- */

static void fail_channel(struct broker_channel *ch, const struct broker_result *why)
{
    struct broker_job *job;
    while ((job = broker_confirms_take_up_to(&ch->confirms, 0)) != NULL)
        broker_job_answer(job, why);
    ch->is_open = false;
}

void broker_channel_fail_all(struct broker_link *link, const struct broker_result *why)
{
    for (size_t i = 0; i < link->channel_count; i++)
        fail_channel(&link->channels[i], why);
}

void broker_channel_forget_all(struct broker_link *link)
{
    for (size_t i = 0; i < link->channel_count; i++) {
        struct broker_channel *ch = &link->channels[i];
        char *owned = NULL;
        memcpy(&owned, &ch->exchange.ptr, sizeof(owned));
        xfree(owned);
        broker_confirms_fini(&ch->confirms);
    }
    link->channel_count = 0;
}

/* The broker closed it: what was on its way there fails, and the number is free again. */
static bool closed_by_broker(struct broker_link *link, struct broker_channel *ch,
                             const struct broker_result *why)
{
    amqp_channel_close_ok_t ok = { 0 };
    LOG(BROKER_CHANNEL_CLOSED, F_STR("broker", link->url.shown), F_STR("exchange", ch->exchange),
        F_TEXT("why", why->detail), F_INT("unconfirmed", ch->confirms.open));
    fail_channel(ch, why);
    int status = amqp_send_method(link->conn, ch->number, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
    return status == AMQP_STATUS_OK;
}

/* --- opening ---------------------------------------------------------------------------------------- */

/* What the broker says meanwhile is dealt with as it comes: the library would pile it up, and would
 * not look at the time while bytes keep coming. */
static bool await_reply(struct broker_link *link, struct broker_channel *ch, const char *what,
                        amqp_method_number_t reply, struct broker_result *why, bool *is_up)
{
    int64_t until_us = clock_mono_us(clock_system()) + link->pool->o.connect_us;
    *is_up = false;
    for (;;) {
        int64_t left_us = until_us - clock_mono_us(clock_system());
        amqp_frame_t frame;
        int status = AMQP_STATUS_TIMEOUT;
        broker_links_note_busy(link);
        if (left_us > 0) {
            struct timeval left = { .tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000 };
            status = amqp_simple_wait_frame_noblock(link->conn, &frame, &left);
        }
        if (status == AMQP_STATUS_TIMEOUT)
            broker_result_say(why, BROKER_TIMEOUT, 0, "the broker did not answer %s in time", what);
        else if (status != AMQP_STATUS_OK)
            broker_result_say(why, BROKER_CLOSED, 0, "the connection to the broker was lost: %s",
                              amqp_error_string2(status));
        if (status != AMQP_STATUS_OK)
            return false;
        bool is_ours = frame.frame_type == AMQP_FRAME_METHOD && frame.channel == ch->number;
        if (is_ours && frame.payload.method.id == reply) {
            *is_up = true;
            return true;
        }
        if (is_ours && frame.payload.method.id == AMQP_CHANNEL_CLOSE_METHOD) {
            const amqp_channel_close_t *c = frame.payload.method.decoded;
            broker_result_say(why, BROKER_REFUSED, c->reply_code, "%.*s",
                              STR_ARGS(str_of_bytes(c->reply_text)));
            *is_up = closed_by_broker(link, ch, why);
            return false;
        }
        if (!broker_channel_frame(link, &frame, why))
            return false;
        amqp_maybe_release_buffers(link->conn);
    }
}

/* Sends a method and waits for its answer. False: *why, and whether the connection survived in *is_up. */
static bool channel_ask(struct broker_link *link, struct broker_channel *ch, const char *what,
                        amqp_method_number_t id, void *method, amqp_method_number_t reply,
                        struct broker_result *why, bool *is_up)
{
    int status = amqp_send_method(link->conn, ch->number, id, method);
    if (status == AMQP_STATUS_OK)
        return await_reply(link, ch, what, reply, why, is_up);
    broker_result_say(why, BROKER_CLOSED, 0, "the connection to the broker was lost: %s",
                      amqp_error_string2(status));
    *is_up = false;
    return false;
}

static bool open_channel(struct broker_link *link, struct broker_channel *ch,
                         const struct broker_message *m, struct broker_result *why, bool *is_up)
{
    amqp_channel_open_t open = { .out_of_band = amqp_empty_bytes };
    amqp_exchange_declare_t declare = { .exchange = bytes_of(m->exchange),
                                        .type = bytes_of(m->exchange_type),
                                        .durable = 1,
                                        .arguments = amqp_empty_table };
    amqp_confirm_select_t confirm = { 0 };
    if (!channel_ask(link, ch, "the opening of a channel", AMQP_CHANNEL_OPEN_METHOD, &open,
                     AMQP_CHANNEL_OPEN_OK_METHOD, why, is_up))
        return false;
    if (m->declare && m->exchange.len > 0 &&
        !channel_ask(link, ch, "the declaration of the exchange", AMQP_EXCHANGE_DECLARE_METHOD,
                     &declare, AMQP_EXCHANGE_DECLARE_OK_METHOD, why, is_up))
        return false;
    if (!channel_ask(link, ch, "the request for confirms", AMQP_CONFIRM_SELECT_METHOD, &confirm,
                     AMQP_CONFIRM_SELECT_OK_METHOD, why, is_up))
        return false;
    broker_confirms_restart(&ch->confirms);
    ch->is_open = true;
    return true;
}

/* --- publishing -------------------------------------------------------------------------------------- */

static int channel_publish(struct broker_link *link, const struct broker_channel *ch,
                           const struct broker_message *m)
{
    amqp_table_entry_t entries[BROKER_HEADERS_MAX];
    for (size_t i = 0; i < m->header_count; i++)
        entries[i] = (amqp_table_entry_t){
            .key = bytes_of(m->headers[i].name),
            .value = { .kind = AMQP_FIELD_KIND_UTF8,
                       .value = { .bytes = bytes_of(m->headers[i].value) } }
        };
    amqp_basic_properties_t p = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                  AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG |
                  AMQP_BASIC_HEADERS_FLAG, /* an empty table, too: consumers read members of it */
        .content_type = bytes_of(m->content_type),
        .delivery_mode = m->persistent ? 2 : 1,
        .message_id = bytes_of(m->message_id),
        .timestamp = (uint64_t)m->timestamp_s,
        .type = bytes_of(str_sub(m->event_type, 0, BROKER_NAME_MAX)),
        .headers = { .num_entries = (int)m->header_count, .entries = entries },
    };
    return amqp_basic_publish(link->conn, ch->number, bytes_of(m->exchange),
                              bytes_of(m->routing_key), m->mandatory, 0, &p, bytes_of(m->body));
}

bool broker_channel_publish(struct broker_link *link, struct broker_job *job,
                            struct broker_result *why)
{
    struct broker_channel *ch = find_or_make(link, job->message.exchange);
    bool is_up = true;
    if (!ch->is_open && !open_channel(link, ch, &job->message, why, &is_up)) {
        broker_job_answer(job, why);
        return is_up;
    }
    (void)broker_confirms_add(&ch->confirms, job);
    int status = channel_publish(link, ch, &job->message);
    if (status == AMQP_STATUS_OK)
        return true;
    broker_result_say(why, BROKER_CLOSED, 0, "the connection to the broker was lost: %s",
                      amqp_error_string2(status));
    return false;
}

/* --- what comes --------------------------------------------------------------------------------------- */

static void channel_settle(struct broker_link *link, struct broker_job *job, bool is_ack)
{
    atomic_store(&link->heard_us, clock_mono_us(clock_system()));
    struct broker_result result = { .verdict = BROKER_CONFIRMED };
    if (job->is_returned)
        result = job->result;
    else if (!is_ack)
        broker_result_say(&result, BROKER_NACKED, 0, "the broker did not take the message (nack)");
    broker_job_answer(job, &result);
}

static void on_confirm(struct broker_link *link, struct broker_channel *ch, uint64_t tag,
                       bool is_multiple, bool is_ack)
{
    struct broker_job *job;
    if (!is_multiple) {
        job = broker_confirms_take(&ch->confirms, tag);
        if (job != NULL)
            channel_settle(link, job, is_ack);
        return;
    }
    while ((job = broker_confirms_take_up_to(&ch->confirms, tag)) != NULL)
        channel_settle(link, job, is_ack);
}

/* A message that came back. The same one may be under way for several endpoints to one exchange, and a queue may want
 * it from one of them only: routing key and headers tell them apart. */
struct returned {
    struct str id, key;
    amqp_table_t headers;
    enum returned_by { BY_ROUTE, BY_KEY, BY_ID, BY_WAYS } by;
};

static bool has_header(const amqp_table_t *table, const struct broker_header *h)
{
    for (int i = 0; i < table->num_entries; i++) {
        const amqp_table_entry_t *e = &table->entries[i];
        if (e->value.kind == AMQP_FIELD_KIND_UTF8 && str_eq(str_of_bytes(e->key), h->name) &&
            str_eq(str_of_bytes(e->value.value.bytes), h->value))
            return true;
    }
    return false;
}

static bool is_to_be_returned(const void *thing, void *arg)
{
    const struct broker_job *job = thing;
    const struct returned *r = arg;
    const struct broker_message *m = &job->message;
    bool is_it = m->mandatory && !job->is_returned && str_eq(m->message_id, r->id) &&
                 (r->by == BY_ID || str_eq(m->routing_key, r->key));
    for (size_t i = 0; r->by == BY_ROUTE && is_it && i < m->header_count; i++)
        is_it = has_header(&r->headers, &m->headers[i]);
    return is_it;
}

/* A broker's plugin may have changed it on the way: then what fits best is the one. */
static struct broker_job *find_returned(const struct broker_channel *ch, struct returned *r)
{
    struct broker_job *job = NULL;
    for (r->by = BY_ROUTE; job == NULL && r->by < BY_WAYS; r->by++)
        job = broker_confirms_find(&ch->confirms, is_to_be_returned, r);
    return job;
}

static void on_returned_header(struct broker_channel *ch, const amqp_frame_t *frame)
{
    const amqp_basic_properties_t *p = frame->payload.properties.decoded;
    if (frame->payload.properties.class_id != AMQP_BASIC_CLASS ||
        (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) == 0)
        return; /* of another class it would be another structure */
    struct returned r = { .id = str_of_bytes(p->message_id),
                          .key = str_of(ch->returning_key, ch->returning_key_len) };
    if ((p->_flags & AMQP_BASIC_HEADERS_FLAG) != 0)
        r.headers = p->headers;
    struct broker_job *job = find_returned(ch, &r);
    if (job == NULL)
        return;
    job->is_returned = true;
    job->result = ch->returning;
}

static void on_return(struct broker_channel *ch, const amqp_basic_return_t *r)
{
    broker_result_say(&ch->returning, BROKER_RETURNED, r->reply_code, "%.*s",
                      STR_ARGS(str_of_bytes(r->reply_text)));
    struct str key = str_sub(str_of_bytes(r->routing_key), 0, sizeof(ch->returning_key));
    ch->returning_key_len = key.len;
    if (key.len > 0)
        memcpy(ch->returning_key, key.ptr, key.len);
}

static bool on_channel_method(struct broker_link *link, struct broker_channel *ch,
                              const amqp_method_t *m, struct broker_result *why)
{
    switch (m->id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *ack = m->decoded;
        on_confirm(link, ch, ack->delivery_tag, ack->multiple != 0, true);
        break;
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *nack = m->decoded;
        on_confirm(link, ch, nack->delivery_tag, nack->multiple != 0, false);
        break;
    }
    case AMQP_BASIC_RETURN_METHOD: on_return(ch, m->decoded); break;
    case AMQP_CHANNEL_CLOSE_METHOD: {
        const amqp_channel_close_t *c = m->decoded;
        broker_result_say(why, BROKER_REFUSED, c->reply_code, "%.*s", (int)c->reply_text.len,
                          (const char *)c->reply_text.bytes);
        return closed_by_broker(link, ch, why);
    }
    default: break;
    }
    return true;
}

static void set_blocked(struct broker_link *link, bool is_blocked, struct str reason)
{
    if (is_blocked == (link->blocked_us != 0))
        return;
    link->blocked_us = is_blocked ? clock_mono_us(clock_system()) : 0;
    atomic_store(&link->state, is_blocked ? BROKER_BLOCKED : BROKER_UP);
    metrics_add(METRIC_BROKER_BLOCKED, is_blocked ? 1 : -1);
    if (is_blocked)
        LOG(BROKER_WAS_BLOCKED, F_STR("broker", link->url.shown), F_STR("why", reason));
    else
        LOG(BROKER_UNBLOCKED, F_STR("broker", link->url.shown));
}

static bool on_connection_method(struct broker_link *link, const amqp_method_t *m,
                                 struct broker_result *why)
{
    amqp_connection_close_ok_t ok = { 0 };
    if (m->id == AMQP_CONNECTION_BLOCKED_METHOD) {
        const amqp_connection_blocked_t *blocked = m->decoded;
        set_blocked(link, true, str_of_bytes(blocked->reason));
    } else if (m->id == AMQP_CONNECTION_UNBLOCKED_METHOD) {
        set_blocked(link, false, STR_NONE);
    } else if (m->id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *c = m->decoded;
        broker_result_say(why, BROKER_CLOSED, c->reply_code, "%.*s", (int)c->reply_text.len,
                          (const char *)c->reply_text.bytes);
        (void)amqp_send_method(link->conn, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
        return false;
    }
    return true;
}

bool broker_channel_frame(struct broker_link *link, const amqp_frame_t *frame,
                          struct broker_result *why)
{
    struct broker_channel *ch = channel_by_number(link, frame->channel);
    if (frame->frame_type == AMQP_FRAME_METHOD && frame->channel == 0)
        return on_connection_method(link, &frame->payload.method, why);
    if (ch == NULL) { /* the library keeps memory for each number it hears */
        broker_result_say(why, BROKER_CLOSED, 0,
                          "the broker speaks on channel %u, which nobody opened",
                          (unsigned)frame->channel);
        return false;
    }
    if (frame->frame_type == AMQP_FRAME_METHOD)
        return on_channel_method(link, ch, &frame->payload.method, why);
    if (frame->frame_type == AMQP_FRAME_HEADER)
        on_returned_header(ch, frame);
    return true; /* bodies of returned messages are ours already */
}
