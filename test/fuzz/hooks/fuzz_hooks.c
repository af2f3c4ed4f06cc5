/* SPDX-License-Identifier: Apache-2.0
 *
 * hooks.json (up to the first NUL), and a payload (the rest) judged by its hooks' rules and taken
 * apart for their parameters.
 */
#include "receive/hooks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct receive_hook *hook, struct str body)
{
    static const struct grapnel_header headers[] = { { { "content-type", 12 },
                                                       { "application/json", 16 } } };
    struct grapnel_event event = { .headers = headers,
                                   .header_count = 1,
                                   .body = { body.ptr, body.len },
                                   .peer = { "192.0.2.1", 9 } };
    struct receive_request *request;
    struct arena a;
    struct str value;

    arena_init(&a);
    if (receive_request_new(&a, hook, &event, &request, NULL) == RC_OK) {
        if (hook->rule != NULL)
            (void)receive_rule_check(hook->rule, hook->soft_failures, request);
        for (size_t i = 0; i < hook->arguments.count; i++) {
            if (receive_request_value(request, &hook->arguments.list[i], &value) == RC_OK)
                MUST(value.len == 0 || value.ptr != NULL);
        }
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = str_of((const char *)data, size);
    struct str text = str_sub(all, 0, str_find(all, '\0'));
    struct receive_hooks *hooks;
    struct buf why;

    buf_init(&why, 1024);
    if (receive_hooks_read(text, &hooks, &why) == RC_OK) {
        const struct receive_hook *hook = receive_hooks_find(hooks, STR("a"));
        if (hook != NULL)
            judge(hook, str_sub(all, text.len + 1 > size ? size : text.len + 1, size));
        receive_hooks_free(hooks);
    }
    buf_fini(&why);
    return 0;
}
