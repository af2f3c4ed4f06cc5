/* SPDX-License-Identifier: Apache-2.0
 *
 * Times as texts. Pure; any thread.
 */
#pragma once

#include <stdint.h>

#include "base/rc.h"
#include "base/str.h"

/* "2026-01-02T03:04:05.678901Z"; always UTC, always six digits. */
enum { TIME_TEXT_LEN = 27 };
void time_format(int64_t wall_us, char out[static TIME_TEXT_LEN + 1]);

/* RFC 3339 with 'Z' or an offset and 0 to 9 fraction digits. RC_INVALID otherwise. */
MUST_USE enum rc time_parse(struct str text, int64_t *wall_us);

/* The same as people and other programs write it, too: a blank for the 'T', no seconds, "UTC" or a blank before the
 * zone, "+0100", and a blank where a '+' was unescaped as one ("2026-01-02 03:04 01:00"). A zone must be there. */
MUST_USE enum rc time_parse_relaxed(struct str text, int64_t *wall_us);

/* An HTTP date (IMF-fixdate, RFC 850 or asctime). RC_INVALID otherwise. */
MUST_USE enum rc time_parse_http(struct str text, int64_t *wall_us);
