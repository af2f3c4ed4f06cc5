/* SPDX-License-Identifier: Apache-2.0
 *
 * Open edX: URLs that an installed openedx-webhooks plugin calls as its webfilters. Each is a chain's
 * own (/filter/<token>); whoever has it may ask, nobody else. Also the catalogue of the platform's
 * filters and events, of which the plugin knows most.
 */
#pragma once

#include "api/api.h"

void dialect_openedx_add_routes(struct http_router *router);

enum {
    OPENEDX_REDIRECT = 1,
    OPENEDX_STATUS = 2,
    OPENEDX_ACCESS = 4 /* error_code, developer_message and user_message, all required */
};

struct openedx_filter {
    const char *name;       /* the filter's class, which is what the plugin calls the event */
    const char *type;       /* the platform's filter type */
    const char *halt;       /* the exception that stops the process; "": it cannot be stopped */
    unsigned takes;         /* what that exception takes besides a message: OPENEDX_... */
    const char *exceptions; /* all it understands, parted by blanks */
};
struct openedx_event {
    const char *name; /* the signal, as in the plugin's settings */
    const char *type; /* event_metadata.event_type on the wire */
};
extern const struct openedx_filter openedx_filters[];
extern const size_t openedx_filter_count;
extern const struct openedx_event openedx_events[];
extern const size_t openedx_event_count;
/* NULL: not of the platform. */
const struct openedx_filter *openedx_filter_find(struct str name);
/* By what the plugin's form offers: the words of the filter type ("HomeEnrollmentApiRendered"), which for some is not
 * the name that its code asks for. */
const struct openedx_filter *openedx_filter_of_choice(struct str choice);
const struct openedx_event *openedx_event_find(struct str name);
