/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer of what is accepted: publishes, records of requests, filter runs.
 */
#pragma once

#include "store/postgres/postgres_priv.h"

bool store_postgres_accept_start(struct store_postgres *s); /* false: no thread to be had */
void store_postgres_accept_stop(struct store_postgres *s);
