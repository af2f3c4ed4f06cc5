/* SPDX-License-Identifier: Apache-2.0
 *
 * The two there are.
 */
#pragma once

#include "stats/engine_priv.h"

extern const struct stats_engine stats_engine_file, stats_engine_postgres;
