/* SPDX-License-Identifier: Apache-2.0
 *
 * Two things: a strict single-pass validator that hands out spans of the text (json/scan.h, the hot path:
 * nothing is copied, the bytes stay as sent), and thin helpers over jansson (everything else). Each part has a header
 * of its own; this one is all of them.
 * Strict: RFC 8259, UTF-8 without surrogates or overlong forms, no BOM, escaped surrogates in
 * pairs, no bytes after the value but white space. Nesting is limited to JSON_DEPTH_MAX, the size by
 * the caller. Numbers may be of any size: a span keeps their digits. Pure; any thread.
 */
#pragma once

#include "base/base.h"
#include "json/read_yaml.h"
#include "json/scan.h"
#include "json/tree.h"
#include "json/write.h"
