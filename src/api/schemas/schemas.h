/* SPDX-License-Identifier: Apache-2.0
 *
 * All shapes of the API, in and out: api_schema_<name> of each SCHEMA in api/schemas/. Names are those of the Svix
 * contract where it has the shape.
 */
#pragma once

#include "api/kit/schema.h"

#define SCHEMA(id) extern const struct api_schema api_schema_##id;
#define FIELD(...)
#define END(id, text)
#define END_PATCH(id, text)
#include "api/schemas/config.def"
#include "api/schemas/flow.def"
#include "api/schemas/ingest.def"
#include "api/schemas/look.def"
#include "api/schemas/people.def"
#include "api/schemas/stats.def"
#include "api/schemas/transform.def"
#include "api/schemas/trial.def"
#include "api/schemas/webfilter.def"
#undef SCHEMA
#undef FIELD
#undef END
#undef END_PATCH
