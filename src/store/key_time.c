/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/key_time_priv.h.
 */
#include "store/key_time_priv.h"

enum { ID_KEY_BYTES = 8 };

int64_t store_key_time_us(int64_t k)
{
    struct id id = { 0 };
    for (int i = 0; i < ID_KEY_BYTES; i++)
        id.bytes[i] = (uint8_t)((uint64_t)k >> (8 * (ID_KEY_BYTES - 1 - i)));
    return id_time_us(&id);
}

int64_t store_key_at(int64_t wall_us)
{
    struct id id = id_at(wall_us);
    int64_t key = id_key(&id);
    return key < 0 ? INT64_MAX : key; /* from 2082 on ids begin with a bit that is a sign here */
}
