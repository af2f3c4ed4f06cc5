/* SPDX-License-Identifier: Apache-2.0
 *
 * How many descriptors there are, and who may have them. Peers decide how many connections there are, so
 * connections must not take what the store needs to go on: a new segment, its logs, key files. The kernel
 * gives out the lowest free number, so a descriptor with a high number says that all below are in use:
 * whoever gets one of the last for a connection gives it back, and takes that for EMFILE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { FILES_KEPT_MIN = 32, FILES_KEPT_MAX = 1024, FILES_OWN = 64 /* open in a server without connections */ };

/* Raises the limit to what the system lets us have, and from then on keeps an eighth of it (at least
 * FILES_KEPT_MIN, at most FILES_KEPT_MAX) from connections. At start, before other threads. */
void files_raise_limit(void);

/* Of how many descriptors; INT64_MAX: no limit, or never raised. */
int64_t files_limit(void);
/* The limit that a start would find; for those who ask before. */
int64_t files_limit_possible(void);

/* How many connections of clients a limit allows at once: half of what is kept for nobody, at least 8. */
int64_t files_for_clients(int64_t limit);

/* How many connections that nobody uses right now a limit allows to be kept open for later: a quarter of it. */
int64_t files_for_idle(int64_t limit);

/* True: this descriptor of a connection is one of those kept for the store; close it. errno becomes EMFILE. */
bool files_is_kept(int fd);
