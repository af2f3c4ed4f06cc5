/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging a request by its head, before its body is read: who has no access, or sends to nowhere, costs no memory.
 * A token that is cached is judged on the loop; another one is looked up on a worker while the body waits in the
 * sender's hands.
 */
#include "api/kit/kit_priv.h"

#include "api/kit/seek.h"

struct admitting {
    struct http_request *req;
    struct access_identity *who; /* NULL: refused, the reply says why */
    struct work_job job;
    struct loop_task task;
};

static uint64_t owner_of(const struct access_identity *who)
{
    return (uint64_t)who->org;
}

bool api_request_owner(struct http_request *req, uint64_t *owner)
{
    const struct api *api = req->ctx;
    struct access_identity *who = NULL;
    struct access_proof proof = api_proof_of(&api->door, req->call);
    enum rc rc = access_find(api->o.access, proof, &who);
    if (rc == RC_OK) {
        *owner = owner_of(who);
        access_identity_unref(who);
        return true;
    }
    *owner = http_call_stranger(req->call);
    return rc != RC_NOT_FOUND || !api_is_elsewhere(req, proof);
}

static void admit_loaded(void *arg)
{
    struct admitting *a = arg;
    if (a->who != NULL)
        http_admit(a->req, &(struct http_admission){ .owner = owner_of(a->who) });
    else
        http_answer(a->req);
}

static void admit_load(void *arg)
{
    struct admitting *a = arg;
    if (!api_authorize(a->req, &a->who))
        a->who = NULL;
    a->task = (struct loop_task){ .fn = admit_loaded, .arg = a };
    loop_post(a->req->call->loop, &a->task);
}

static void admit_on_worker(struct http_request *req)
{
    const struct api *api = req->ctx;
    struct admitting *a;
    if (api_is_elsewhere(req, api_proof_of(&api->door, req->call)))
        return;
    a = ARENA_NEW(req->arena, struct admitting);
    a->req = req;
    a->job = (struct work_job){ .fn = admit_load, .arg = a };
    if (work_submit_for(api->o.pool, http_call_stranger(req->call), &a->job) == RC_OK)
        return;
    api_refuse(req, api_refusal_of(api, RC_BUSY));
    http_answer(req);
}

void api_admit(struct http_request *req)
{
    struct access_identity *who = NULL;
    if ((req->route->access & API_ACCESS_MASK) == API_OPEN) {
        http_admit(req, &(struct http_admission){ .owner = http_call_stranger(req->call) });
        return;
    }
    enum rc rc = api_authorize_cached(req, &who);
    if (rc == RC_OK)
        http_admit(req, &(struct http_admission){ .owner = owner_of(who) });
    else if (rc == RC_NOT_FOUND)
        admit_on_worker(req);
    else
        http_answer(req);
}
