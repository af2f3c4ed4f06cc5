/* SPDX-License-Identifier: Apache-2.0
 *
 * What faults need of the clock.
 */
#pragma once

#include "machine_priv.h"

/* Before a drift begins or ends. */
void time_settle_drift(void);
