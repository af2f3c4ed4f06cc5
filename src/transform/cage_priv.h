/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* From here on: no files, processes or sockets but those that are open, and `memory_max` more bytes.
 * False: the system refused; nothing may be run then. */
bool transform_cage_close(size_t memory_max);
