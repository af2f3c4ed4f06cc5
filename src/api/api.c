/* SPDX-License-Identifier: Apache-2.0
 *
 * See api/api.h.
 */
#include "access/user.h"
#include "api/resource/issue_priv.h"
#include "api/resource/task_priv.h"
#include "base/share.h"
#include "core/event_types.h"
#include "core/meter.h"

enum { SIGN_IN_PLACES = 16384, SIGN_INS_AT_ONCE = 50 };
static const int64_t sign_in_gap_us = 6 * INT64_C(1000000);

static void open_door(struct api *api)
{
    struct access_users_options users = { .store = api->o.store,
                                          .vault = api->o.vault,
                                          .clock = api->o.clock,
                                          .rng = api->o.rng,
                                          .at_once = api->o.logins_at_once,
                                          .proof_prefix = "" };
    api->wrong_codes = core_meter_new(SIGN_IN_PLACES, sign_in_gap_us, SIGN_INS_AT_ONCE);
    api->door.has_console = api->o.has_console;
    api->door.is_apart = api->o.console_is_apart;
    if (api->o.console_url != NULL)
        api->door.console_url = str_from(api->o.console_url);
    if (!api->o.has_console)
        return;
    api->users = access_users_new(&users);
    api->sign_ins = core_meter_new(SIGN_IN_PLACES, sign_in_gap_us, SIGN_INS_AT_ONCE);
}

struct api *api_new(const struct api_options *o)
{
    struct api *api = XNEW(struct api);
    api->o = *o;
    api->o.loops = xmemdup(o->loops, o->loop_count * sizeof(struct loop *));
    api->types = core_event_types_new(o->store);
    api->streams = share_new(API_STREAMS_MAX, API_STREAMS_A_TOKEN);
    api_tasks_init(api);
    api_watch_init(api);
    open_door(api);
    return api;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    api_watch_fini(api);
    api_tasks_fini(api);
    share_free(api->streams);
    core_event_types_free(api->types);
    access_users_free(api->users);
    core_meter_free(api->sign_ins);
    core_meter_free(api->wrong_codes);
    xfree(api->o.loops);
    xfree(api);
}

void api_start(struct api *api)
{
    api_tasks_start(api);
    api_watch_start(api);
}

void api_resume(struct api *api)
{
    api_tasks_start(api);
}

void api_stop(struct api *api)
{
    api_watch_stop(api);
    api_tasks_stop(api);
}

void *api_owner(const struct api *api)
{
    return api->o.owner;
}

struct api_filters api_filters_of(const struct api *api)
{
    return (struct api_filters){ api->o.webfilter_sets, api->o.webfilter_engine, api->o.pool };
}

void api_set_dialects(struct api *api, void *dialects)
{
    api->dialects = dialects;
}

void *api_dialects(const struct api *api)
{
    return api->dialects;
}

void api_set_faces(struct api *api, void *faces)
{
    api->faces = faces;
}

void *api_faces(const struct api *api)
{
    return api->faces;
}

bool api_serves_console(const struct api *api, const struct http_call *call)
{
    return api_door_is_open(&api->door, call);
}
