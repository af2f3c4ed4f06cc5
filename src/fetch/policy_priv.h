/* SPDX-License-Identifier: Apache-2.0
 *
 * What the clients need from the address policy beside the public part.
 */
#pragma once

#include "fetch/fetch.h"

/* True if plain http URLs are refused. NULL policy: false. */
bool fetch_policy_https_only(const struct fetch_policy *p);
