/* SPDX-License-Identifier: Apache-2.0
 *
 * A line with a broker's URL; then an endpoint's settings of its route, the lines of a message's headers
 * and a payload, parted by zero bytes. A URL that is taken shows without its password and has nothing in its host
 * that ends a text; what a route makes of a message keeps to its limit.
 */
#include "../fuzz.h"

#include "broker/route.h"
#include "broker/url.h"

static struct str part(struct str *rest, char end)
{
    struct str first = str_sub(*rest, 0, str_find(*rest, end));
    *rest = str_sub(*rest, first.len + 1, rest->len);
    return first;
}

static void check_url(struct str text, struct arena *a)
{
    struct broker_url url;
    struct broker_url again;
    struct buf why;
    buf_init(&why, 512);
    if (broker_url_parse(text, a, &url, &why) == RC_OK) {
        MUST(why.len == 0 && url.host.len > 0 && url.port > 0 && url.vhost.len <= 255);
        MUST(url.user.len <= 255 && url.password.len <= 255);
        MUST(str_find(text, '\0') == text.len); /* what reads on would stop there */
        MUST(memchr(url.vhost.ptr, '\0', url.vhost.len) == NULL);
        MUST(broker_url_parse(url.shown, a, &again, NULL) == RC_OK);
        MUST(!again.has_credentials && again.tls == url.tls && again.port == url.port);
        MUST(str_eq(again.host, url.host) && str_eq(again.vhost, url.vhost));
    } else {
        MUST(why.len > 0);
    }
    buf_fini(&why);
}

static void expand(const struct broker_template *t, const struct broker_facts *facts,
                   struct arena *a)
{
    struct buf out;
    struct buf again;
    buf_init(&out, BROKER_EXPANDED_MAX);
    buf_init(&again, BROKER_EXPANDED_MAX);
    enum rc rc = broker_template_expand(t, facts, a, &out);
    MUST(rc == RC_OK || rc == RC_LIMIT);
    MUST(out.len <= BROKER_EXPANDED_MAX);
    MUST(broker_template_expand(t, facts, a, &again) == rc);
    MUST(rc != RC_OK || str_eq(buf_str(&out), buf_str(&again)));
    buf_fini(&again);
    buf_fini(&out);
}

static void check_route(struct str text, const struct broker_facts *facts, struct arena *a)
{
    struct broker_route route;
    struct buf why;
    const char *where = NULL;
    json_t *settings = NULL;
    if (json_parse(text, &settings, NULL) != RC_OK)
        return;
    buf_init(&why, 512);
    if (broker_route_compile(settings, a, &route, &where, &why) == RC_OK) {
        json_decref(settings); /* nothing of it may be needed any more */
        settings = NULL;
        expand(route.routing_key, facts, a);
        for (size_t i = 0; i < route.header_count; i++) {
            MUST(route.headers[i].name.len > 0);
            expand(route.headers[i].value, facts, a);
        }
    } else {
        MUST(why.len > 0 && where != NULL);
    }
    json_decref(settings);
    buf_fini(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_of((const char *)data, size);
    struct broker_facts facts = { .event_type = STR("user.made"),
                                  .channel = STR("red"),
                                  .app_id = STR("app_1"),
                                  .app_uid = STR("mine"),
                                  .source = STR("src") };
    struct arena a;
    arena_init(&a);
    check_url(part(&rest, '\n'), &a);
    struct str settings = part(&rest, '\0');
    facts.headers = part(&rest, '\0');
    facts.payload = rest;
    check_route(settings, &facts, &a);
    arena_fini(&a);
    return 0;
}
