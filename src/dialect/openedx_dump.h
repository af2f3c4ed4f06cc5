/* SPDX-License-Identifier: Apache-2.0
 *
 * A row of a dump of the openedx-webhooks plugin's two tables, put into the terms of our API. The command that imports
 * a dump and the page that does read the same, so that both make the same of it.
 */
#pragma once

#include "dialect/openedx.h"
#include "json/json.h"

enum openedx_dump_kind { OPENEDX_DUMP_OTHER, OPENEDX_DUMP_WEBHOOK, OPENEDX_DUMP_WEBFILTER };

struct openedx_dump_row {
    enum openedx_dump_kind kind; /* OTHER: of another table; nothing else is set */
    json_int_t pk;
    struct str event; /* as the dump has it */
    struct str url;
    struct str taken; /* the event it becomes: a webhook's event type, a webfilter's name. ptr NULL: it cannot be taken over */
    struct str uid;   /* of a webhook's endpoint */
    const struct openedx_event *signal; /* of a webhook; NULL: the catalogue does not have it */
    bool is_known;    /* the catalogue has it */
    json_t *body;     /* what the API takes, owned by the caller; NULL: it cannot be taken over */
};

/* Strings are borrowed from the row or live in the arena. */
void openedx_dump_read(const json_t *row, struct arena *a, struct openedx_dump_row *out);
