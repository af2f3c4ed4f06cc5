/* SPDX-License-Identifier: Apache-2.0
 *
 * From a URL to a logged-in connection, and its end.
 */
#pragma once

#include "broker/broker_priv.h"

/* Makes link->conn and link->fd; false: *why, and neither. Blocks for at most three connect times: the
 * name, the addresses, the login. Takes jobs meanwhile. */
bool broker_connect(struct broker_link *link, struct broker_result *why);
void broker_disconnect(struct broker_link *link);
