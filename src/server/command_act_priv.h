/* SPDX-License-Identifier: Apache-2.0
 *
 * A command as an act (store/act.h): whoever can reach the folder or its socket may do everything, and has no name.
 */
#pragma once

#include "store/act.h"

/* `operation`: the command ("grapnel token create"); borrowed until store_act_end(). */
static inline void server_act_begin(struct store_act *act, struct str operation)
{
    *act = (struct store_act){ .who_kind = STR("command"), .operation = operation };
    store_act_begin(act);
}
