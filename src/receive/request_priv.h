/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request is made of.
 */
#pragma once

#include "receive/hooks_priv.h"

struct arena *receive_request_arena(const struct receive_request *r);
struct str receive_request_peer(const struct receive_request *r);
struct str receive_request_body(const struct receive_request *r);
