/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper thread: moves write-ahead logs into their files, seals and removes segments, watches the disk.
 */
#pragma once

#include "store/files/files_priv.h"

bool store_keeper_start(struct store_files *s);
void store_keeper_stop(struct store_files *s);
