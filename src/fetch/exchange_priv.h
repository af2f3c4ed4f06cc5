/* SPDX-License-Identifier: Apache-2.0
 *
 * One call under way. Functions marked * may end the call.
 */
#pragma once

#include "fetch/own_priv.h"

void fetch_own_exchange_start(struct own *own, struct fetch_call *c); /* * */
void fetch_own_exchange_fail(struct own_exchange *ex, enum fetch_error error); /* * ends it */
/* The connection died: tries once more on a fresh one if that is safe, else fails. */
void fetch_own_exchange_closed(struct own_exchange *ex, const char *why); /* * */
/* The answer is there. `is_clean`: the connection stands between two answers. */
void fetch_own_exchange_complete(struct own_exchange *ex, bool is_clean); /* * ends it */
