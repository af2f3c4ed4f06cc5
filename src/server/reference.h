/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference pages, written from the tables the program runs on. Nothing is started. RC_LIMIT:
 * `out` is too small.
 */
#pragma once

#include "base/base.h"

MUST_USE enum rc server_reference_options(struct buf *out);
MUST_USE enum rc server_reference_metrics(struct buf *out);
MUST_USE enum rc server_reference_log_events(struct buf *out);
MUST_USE enum rc server_reference_api(struct buf *out);
MUST_USE enum rc server_reference_openapi(struct buf *out);
