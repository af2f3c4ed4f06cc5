/* SPDX-License-Identifier: Apache-2.0
 *
 * application/x-www-form-urlencoded: bodies and queries.
 */
#include "read.h"

#include <stdlib.h>

struct pair {
    struct grapnel_bytes name;
    struct grapnel_bytes value;
};

/* The next pair, its name decoded, its value as sent; empty pairs ("a=1&&b=2") do not count. False
 * at the end. */
static bool next_pair(struct gn_arena *a, struct grapnel_bytes *rest, struct pair *out,
                      enum grapnel_status *status)
{
    struct grapnel_bytes part;
    while (gn_split(rest, '&', &part)) {
        if (part.len == 0) {
            continue;
        }
        size_t equals = gn_find(part, '=');
        out->value = equals < part.len ? gn_skip(part, equals + 1) : GN_TEXT("");
        out->name = gn_percent_decode(a, gn_bytes(part.ptr, equals));
        *status = out->name.ptr != NULL ? GRAPNEL_VERIFIED : GRAPNEL_MALFORMED_BODY;
        return true;
    }
    return false;
}

enum grapnel_status gn_form_find(struct gn_arena *a, struct grapnel_bytes form,
                                 struct grapnel_bytes name, struct grapnel_bytes *value)
{
    enum grapnel_status status;
    struct pair pair;
    bool found = false;
    for (size_t i = 0; next_pair(a, &form, &pair, &status); i++) {
        if (status != GRAPNEL_VERIFIED || i == GRAPNEL_FORM_MAX) {
            return status != GRAPNEL_VERIFIED ? status : GRAPNEL_TOO_LARGE;
        }
        if (!gn_eq(pair.name, name)) {
            continue;
        }
        if (found) {
            return GRAPNEL_DUPLICATE_HEADER;
        }
        found = true;
        *value = gn_percent_decode(a, pair.value);
        if (value->ptr == NULL) {
            return GRAPNEL_MALFORMED_BODY;
        }
    }
    return found ? GRAPNEL_VERIFIED : GRAPNEL_MISSING_HEADER;
}

static int by_name_and_value(const void *left, const void *right)
{
    const struct pair *a = left;
    const struct pair *b = right;
    int order = gn_cmp(a->name, b->name);
    return order != 0 ? order : gn_cmp(a->value, b->value);
}

enum grapnel_status gn_form_sorted(struct gn_arena *a, struct grapnel_bytes form,
                                   struct grapnel_bytes **out, size_t *count)
{
    enum grapnel_status status;
    struct pair pair;
    size_t len = 0;
    *count = 0;
    struct pair *pairs = gn_alloc(a, GRAPNEL_FORM_MAX * sizeof(*pairs));
    *out = gn_alloc(a, 2 * GRAPNEL_FORM_MAX * sizeof(**out));
    if (pairs == NULL || *out == NULL) {
        return GRAPNEL_TOO_LARGE;
    }
    while (next_pair(a, &form, &pair, &status)) {
        if (status != GRAPNEL_VERIFIED || len == GRAPNEL_FORM_MAX) {
            return status != GRAPNEL_VERIFIED ? status : GRAPNEL_TOO_LARGE;
        }
        pair.value = gn_percent_decode(a, pair.value);
        if (pair.value.ptr == NULL) {
            return GRAPNEL_MALFORMED_BODY;
        }
        pairs[len++] = pair;
    }
    qsort(pairs, len, sizeof(*pairs), by_name_and_value);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && by_name_and_value(&pairs[i], &pairs[i - 1]) == 0) {
            continue;
        }
        (*out)[(*count)++] = pairs[i].name;
        (*out)[(*count)++] = pairs[i].value;
    }
    return GRAPNEL_VERIFIED;
}
