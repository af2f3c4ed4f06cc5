/* SPDX-License-Identifier: Apache-2.0
 *
 * The last lines of the log, for crash reports.
 */
#pragma once

#include <stddef.h>

/* Calls fn with each of the last 64 lines, oldest first. Async-signal-safe; lines may be torn. */
void log_recent(void (*fn)(void *ctx, const char *line, size_t len), void *ctx);
