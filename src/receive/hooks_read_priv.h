/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the reader of hooks.json is, and what it reads everywhere.
 */
#pragma once

#include "receive/hooks_priv.h"

/* Says "<place>: <text>"; returns RC_INVALID. */
enum rc receive_wrong(struct receive_reading *in, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Lengthens the place; pass what it returns to receive_leave(). */
size_t receive_enter(struct receive_reading *in, const char *fmt, ...) PRINTF_LIKE(2, 3);
void receive_leave(struct receive_reading *in, size_t mark);
/* Is every key of the object one of the NULL-terminated list? */
MUST_USE enum rc receive_known_keys(struct receive_reading *in, const json_t *object,
                                    const char *const *keys);
/* A string that may be missing. */
MUST_USE enum rc receive_text(struct receive_reading *in, const json_t *object, const char *key,
                              struct str *out);
MUST_USE enum rc receive_read_parameter(struct receive_reading *in, const json_t *value,
                                        struct receive_parameter *out);
