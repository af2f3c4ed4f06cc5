/* SPDX-License-Identifier: Apache-2.0
 *
 * What a fuzz target defines. It must not keep state between calls, and aborts (MUST) when something
 * that has to hold does not.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
