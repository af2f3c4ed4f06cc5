/* SPDX-License-Identifier: Apache-2.0
 *
 * The envelopes and handshakes that dialects bring, for who lists them. The files that have them do not include this:
 * it would tie the dialects to each other.
 */
#pragma once

#include "dialect/dialect_priv.h"

extern const struct dest_envelope ckan_envelope, preservica_envelope;
extern const struct deliver_handshake_kind preservica_handshake;
