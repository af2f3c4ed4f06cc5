/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifiers: one text for one id, both ways.
 */
#include "../fuzz.h"
#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    struct id id;
    struct id back;
    char shown[ID_TEXT_MAX + 1];
    if (id_parse(STR("msg_"), text, &id) == RC_OK)
        MUST(str_eq(id_format(STR("msg_"), &id, shown), text));
    if (size >= ID_BYTES) {
        memcpy(id.bytes, data, ID_BYTES);
        MUST(id_parse(STR(""), id_format(STR(""), &id, shown), &back) == RC_OK);
        MUST(memcmp(&id, &back, sizeof(id)) == 0);
        (void)id_time_us(&id);
        (void)id_key(&id);
    }
    return 0;
}
