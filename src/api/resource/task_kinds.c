/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/resource/task_kinds_priv.h.
 */
#include "api/resource/task_kinds_priv.h"

#include "api/resource/bulk_priv.h"

const struct api_task_kind api_task_kinds[] = {
    { "endpoint.recover", api_step_existing, api_step_measure_recover },
    { "endpoint.bulk-replay", api_step_existing, NULL },
    { "endpoint.replay", api_step_missing, NULL },
    { "application.purge_content", api_step_purge, NULL },
    { "application.stats", api_step_usage, NULL },
    { "event-type.aggregate", api_step_types, NULL },
    { "bulk.recover", api_bulk_step, NULL },
    { "bulk.replay", api_bulk_step, NULL },
    { "bulk.resend", api_bulk_step, NULL },
    { "bulk.cancel", api_bulk_step, NULL },
    { "bulk.expunge", api_bulk_step, NULL },
};
const size_t api_task_kind_count = COUNT_OF(api_task_kinds);

const struct api_task_kind *api_task_kind_of(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(api_task_kinds); i++)
        if (str_eq(name, str_from(api_task_kinds[i].name)))
            return &api_task_kinds[i];
    return NULL;
}
