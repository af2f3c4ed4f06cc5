/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer of outcomes, and of what is done by hand: sending again, erasing.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

bool store_postgres_outcome_start(struct store_postgres *s); /* false: no thread to be had */
void store_postgres_outcome_stop(struct store_postgres *s);
