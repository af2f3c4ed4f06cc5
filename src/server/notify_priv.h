/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling systemd.
 */
#pragma once

#include "server/server_priv.h"

void server_notify(const char *state); /* "READY=1"; nothing without $NOTIFY_SOCKET */
