/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/broker.h. The URL of a row never holds credentials; they are sealed options.
 */
#include "core/broker.h"

static struct str text_of(const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    return json_is_string(v) ? str_of(json_string_value(v), json_string_length(v)) : STR_NONE;
}

static void wipe_password(void *arg)
{
    const struct core_broker *broker = arg;
    char *bytes = NULL;
    memcpy(&bytes, &broker->url.password.ptr,
           sizeof(bytes)); /* the arena's own, const for others */
    mem_wipe(bytes, broker->url.password.len);
}

static void read_credentials(struct arena *a, struct str sealed, struct core_broker *broker)
{
    json_t *object = NULL;
    if (sealed.ptr == NULL || json_parse(sealed, &object, NULL) != RC_OK)
        return;
    const json_t *amqp = json_object_get(object, "amqp");
    struct str user = text_of(amqp, "user");
    if (user.ptr != NULL) {
        broker->url.has_credentials = true;
        broker->url.user = arena_str(a, user);
        broker->url.password = arena_str(a, text_of(amqp, "password"));
        arena_defer(a, wipe_password, broker);
    }
    json_decref(object);
}

void core_endpoint_read_broker(struct arena *a, const json_t *options, struct core_endpoint *ep)
{
    struct buf why;
    const char *where = "url";
    ep->ordered = json_is_true(json_object_get(options, "ordered"));
    if (!str_eq(ep->kind, STR("amqp")))
        return;
    struct core_broker *broker = ARENA_NEW(a, struct core_broker);
    buf_init(&why, 256);
    enum rc rc = broker_url_parse(ep->url, a, &broker->url, &why);
    if (rc == RC_OK)
        rc =
            broker_route_compile(json_object_get(options, "amqp"), a, &broker->route, &where, &why);
    if (rc == RC_OK) {
        read_credentials(a, ep->options_sealed, broker);
        ep->broker = broker;
    } else {
        LOG(CORE_BROKER_UNREADABLE, F_STR("endpoint", ep->id), F_TEXT("where", where),
            F_STR("why", buf_str(&why)));
    }
    buf_fini(&why);
}

void core_broker_keep_credentials(json_t *sealed, const struct broker_url *url)
{
    if (!url->has_credentials) {
        json_object_del(sealed, "amqp");
        return;
    }
    json_object_set_new(sealed, "amqp",
                        json_pack("{s:s%, s:s%}", "user", url->user.ptr, url->user.len, "password",
                                  url->password.ptr, url->password.len));
}
