/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/act.h.
 */
#include "store/act.h"

static _Thread_local struct store_act *now;

void store_act_begin(struct store_act *act)
{
    act->outer = now;
    now = act;
}

void store_act_end(struct store_act *act)
{
    MUST(now == act);
    now = act->outer;
}

struct store_act *store_act_now(void)
{
    return now;
}

void store_act_who(struct str kind, struct str id, struct str name, int64_t org)
{
    if (now == NULL)
        return;
    now->who_kind = kind;
    now->who_id = id;
    now->who_name = name;
    now->org = org;
}

void store_act_on(struct str kind, struct str id, struct str name)
{
    if (now == NULL)
        return;
    now->object_kind = kind;
    now->object_id = id;
    now->object_name = name;
}
