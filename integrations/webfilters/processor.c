/* SPDX-License-Identifier: Apache-2.0
 *
 * A processor for webfilters, with libgrapnel: requests are verified before check() sees them.
 *     cc processor.c -lgrapnel -ljansson -o processor && ./processor 127.0.0.1:8090 whsec_...
 */
#include <grapnel_receiver.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Gets the data, answers data or an exception. Called from several threads. */
static void check(void *ctx, const struct grapnel_event *event, struct grapnel_answer *answer)
{
    (void)ctx;
    json_t *asked = json_loadb(event->body.ptr, event->body.len, 0, NULL);
    const char *email = json_string_value(json_object_get(json_object_get(asked, "user"), "email"));
    bool is_blocked = email != NULL && strstr(email, "@blocked.example") != NULL;
    json_t *said =
        is_blocked ? json_pack("{s:{s:s}}", "exception", "PreventLogin", "This address is blocked.")
                   : json_pack("{s:{s:b}}", "data", "checked", 1);
    char *text = json_dumps(said, JSON_COMPACT);
    answer->status = text != NULL ? 200 : 500;
    answer->content_type = (struct grapnel_bytes)GRAPNEL_TEXT("application/json");
    answer->body = (struct grapnel_bytes){ text, text != NULL ? strlen(text) : 0 };
    answer->owned = text;
    json_decref(said);
    json_decref(asked);
}

int main(int argc, char **argv)
{
    struct grapnel_scheme *scheme;
    char why[256];
    if (argc != 3 || grapnel_scheme_preset("standard-webhooks", &scheme) != GRAPNEL_VERIFIED)
        return 2;
    const struct grapnel_bytes secret = { argv[2], strlen(argv[2]) };
    const struct grapnel_receiver_config config = { .listen = argv[1],
                                                    .scheme = scheme,
                                                    .secrets = &secret,
                                                    .secret_count = 1,
                                                    .on_reply = check };
    struct grapnel_receiver *receiver = grapnel_receiver_start(&config, why, sizeof(why));
    if (receiver == NULL)
        return fprintf(stderr, "%s\n", why), 1;
    printf("listening on port %u\n", grapnel_receiver_port(receiver));
    (void)fflush(stdout);
    grapnel_receiver_wait(receiver);
    grapnel_receiver_stop(receiver, false);
    grapnel_scheme_free(scheme);
    return 0;
}
