/* SPDX-License-Identifier: Apache-2.0
 *
 * For the files that define schemas: makes tables of the rows in api/schemas/. A schema is
 *
 *     SCHEMA(ThingIn)
 *         FIELD("name", STRING, API_REQUIRED, "What it is called.", .min = 1, .max = 100)
 *     END(ThingIn, "A thing.")
 *
 * A field's name, type (enum api_type without its prefix), flags and description, and then its other members. END_PATCH
 * ends a schema in which null is a value, not an absence.
 */
#pragma once

#include "api/kit/schema.h"

#undef SCHEMA
#undef FIELD
#undef END
#undef END_PATCH
#define SCHEMA(id) static const struct api_field id##_fields[] = {
#define FIELD(name_, type_, flags_, ...) { .name = (name_), .type = API_##type_, .flags = (flags_), .doc = __VA_ARGS__ },
#define END(id, text) }; API_SCHEMA_OF(id, text);
#define END_PATCH(id, text) }; const struct api_schema api_schema_##id = { #id, id##_fields, COUNT_OF(id##_fields), text, false };
