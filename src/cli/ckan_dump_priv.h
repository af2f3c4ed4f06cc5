/* SPDX-License-Identifier: Apache-2.0
 *
 * A dump of the older CKAN extension's table: CSV with a header line, a JSON array, or a JSON object a line.
 * Pure.
 */
#pragma once

#include "base/base.h"
#include "json/json.h"

enum { CLI_CKAN_DUMP_MAX = 64 << 20 }; /* bytes */

/* Appends the rows to `rows`, objects with a text "id"; of CSV all values are texts, and one that is not
 * UTF-8 is left out. RC_INVALID: none of the three forms, a zero byte, a column named twice, a row without
 * an id, or none at all. */
MUST_USE enum rc cli_ckan_dump_read(struct arena *a, struct str text, json_t *rows);
