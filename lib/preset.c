/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding presets.
 */
#include "presets.h"

#include "bytes.h"

size_t grapnel_preset_count(void)
{
    return gn_preset_count;
}

const struct grapnel_preset *grapnel_preset_at(size_t index)
{
    return index < gn_preset_count ? &gn_presets[index] : NULL;
}

enum grapnel_status grapnel_scheme_preset(const char *name, struct grapnel_scheme **out)
{
    *out = NULL;
    for (size_t i = 0; i < gn_preset_count; i++) {
        if (strcmp(gn_presets[i].name, name) == 0) {
            return grapnel_scheme_parse(gn_cstr(gn_presets[i].text), out, NULL);
        }
    }
    return GRAPNEL_UNKNOWN_PRESET;
}
