/* SPDX-License-Identifier: Apache-2.0
 *
 * Links by broker: taking one starts its thread if need be.
 */
#pragma once

#include "broker/broker_priv.h"

/* The link to that broker, with one more user. NULL: too many, or no thread to be had; *why. */
struct broker_link *broker_pool_take(struct broker_pool *pool, const struct broker_url *url, struct broker_result *why);
void broker_pool_give_back(struct broker_link *link);
