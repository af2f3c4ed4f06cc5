/* SPDX-License-Identifier: Apache-2.0
 *
 * Small bounded readers of JSON and forms: just enough to find the values that signatures need.
 * Private. A name that occurs twice on the way is refused, because the reader behind us may pick the
 * other one.
 *
 * Statuses: VERIFIED (found), MISSING_HEADER (not there, or null), DUPLICATE_HEADER, MALFORMED_BODY,
 * TOO_LARGE.
 */
#pragma once

#include "bytes.h"

/* The value at a JSON pointer, from its first to its last byte. */
enum grapnel_status gn_json_find(struct gn_arena *a, struct grapnel_bytes text,
                                 struct grapnel_bytes pointer, struct grapnel_bytes *value);

/* A string's characters, or the text of a number, true or false. */
enum grapnel_status gn_json_text(struct gn_arena *a, struct grapnel_bytes value,
                                 struct grapnel_bytes *out);

/* The elements of an array, `max` at most. */
enum grapnel_status gn_json_elements(struct grapnel_bytes array, struct grapnel_bytes *out,
                                     size_t max, size_t *count);

/* The decoded value of a form or query parameter. */
enum grapnel_status gn_form_find(struct gn_arena *a, struct grapnel_bytes form,
                                 struct grapnel_bytes name, struct grapnel_bytes *value);

/* The boundary in a Content-Type of multipart/form-data; empty: it is none. */
struct grapnel_bytes gn_multipart_boundary(struct grapnel_bytes content_type);
/* A field of such a body. What is no such body to its end is MALFORMED_BODY, and so is a field that is a file. */
enum grapnel_status gn_multipart_find(struct grapnel_bytes body, struct grapnel_bytes boundary,
                                      struct grapnel_bytes name, struct grapnel_bytes *value);

/* Names and values in a row, sorted by name, equal pairs once: {name, value, name, value, ...}. */
enum grapnel_status gn_form_sorted(struct gn_arena *a, struct grapnel_bytes form,
                                   struct grapnel_bytes **out, size_t *count);
