/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/postgres/event_key_priv.h. Two keyed hashes, the second under a key that the first has a part in.
 */
#include "store/postgres/event_key_priv.h"

void store_postgres_event_hash(const uint64_t seed[static 2], int64_t app, struct str event_id,
                               uint8_t out[static POSTGRES_EVENT_KEY_BYTES])
{
    uint64_t key[2] = { seed[0], (uint64_t)app };
    uint64_t first = str_siphash(key, event_id);
    key[0] = seed[1] ^ first;
    uint64_t second = str_siphash(key, event_id);
    memcpy(out, &first, sizeof first);
    memcpy(out + sizeof first, &second, sizeof second);
}
