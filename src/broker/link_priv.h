/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread of a link.
 */
#pragma once

#include "broker/broker_priv.h"

void broker_link_run(void *link);
void broker_link_take_job(void *job); /* a loop_fn */
