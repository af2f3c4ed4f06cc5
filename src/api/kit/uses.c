/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/kit/uses.h.
 */
#include "api/kit/uses.h"

#include "api/kit/ctx.h"

static void write_uses(void *arg)
{
    const struct api *api = arg;
    struct access_uses *uses = access_uses_of(api->o.access);
    access_uses_begun(uses);
    access_uses_write(uses);
}

void api_note_use(struct http_request *req, struct access_identity *who)
{
    struct api *api = req->ctx;
    struct access_uses *uses = access_uses_of(api->o.access);
    if (!access_uses_note(uses, who->token, &who->seen, req->call->peer))
        return;
    /* Nobody else is told until this job has begun, so that the one job is free. */
    api->uses_job = (struct work_job){ .fn = write_uses, .arg = api };
    if (work_submit(api->o.pool, &api->uses_job) != RC_OK)
        access_uses_begun(uses);
}
