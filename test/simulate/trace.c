/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash of everything that happened, in the object and in the runner.
 */
#include "machine_priv.h"

void machine_trace(uint64_t value)
{
    MACHINE->trace = (MACHINE->trace ^ value) * UINT64_C(0x100000001B3);
    MACHINE->trace ^= MACHINE->trace >> 29;
}

void machine_trace_bytes(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001B3);
    machine_trace(hash);
}
