/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a rule.
 */
#pragma once

#include "receive/hooks_priv.h"

MUST_USE enum rc receive_read_rule(struct receive_reading *in, const json_t *value,
                                   struct receive_rule *out, unsigned depth);
