/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking over a changed configuration.
 */
#pragma once

#include "server/server_priv.h"

void server_reload(struct server *s);
