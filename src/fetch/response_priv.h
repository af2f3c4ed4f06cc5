/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the answer. Functions marked * may end the call.
 */
#pragma once

#include "fetch/own_priv.h"

void fetch_own_response_read(struct own_exchange *ex); /* * */
/* Nothing more is read. True: what there is decided the call, and it has ended. */
bool fetch_own_response_settle(struct own_exchange *ex); /* * */
