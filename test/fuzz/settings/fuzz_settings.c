/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of a source. Either they are read, or it is said what is wrong with them.
 */
#include "../fuzz.h"
#include "inbound/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct inbound_settings settings;
    struct arena arena;
    struct buf why;
    arena_init(&arena);
    buf_init(&why, 512);
    enum rc rc = inbound_settings_read(&arena, str_of((const char *)data, size), &settings, &why);
    MUST(rc == RC_OK || rc == RC_INVALID);
    MUST((rc == RC_OK) == (why.len == 0));
    if (rc == RC_OK) {
        MUST(settings.route_count <= INBOUND_ROUTES_MAX);
        for (size_t i = 0; i < settings.route_count; i++)
            MUST(settings.routes[i].app_count > 0 &&
                 settings.routes[i].app_count <= INBOUND_ROUTE_APPS_MAX);
    }
    buf_fini(&why);
    arena_fini(&arena);
    return 0;
}
