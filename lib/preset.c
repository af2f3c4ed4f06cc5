/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding presets, and what may be asked of a scheme.
 */
#include "presets.h"

#include "scheme.h"

#include <stdlib.h>

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

void grapnel_scheme_free(struct grapnel_scheme *scheme)
{
    if (scheme != NULL) {
        free(scheme->text);
        free(scheme->identity_text);
        free(scheme);
    }
}

bool grapnel_scheme_splits(const struct grapnel_scheme *scheme)
{
    return scheme->has_items && !scheme->keeps_whole;
}

struct grapnel_bytes grapnel_scheme_title(const struct grapnel_scheme *scheme)
{
    return scheme->title;
}

size_t grapnel_scheme_body_max(const struct grapnel_scheme *scheme)
{
    return scheme->body_max;
}
