/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this module share; each has a header for what it offers the others.
 */
#pragma once

#include "core/refusal.h"
#include "filter/language.h"
#include "inbound/inbound.h"
#include "metrics/metrics.h"
#include "verify/remote.h"

struct inbound_cache;

struct inbound {
    struct inbound_options o;
    struct inbound_cache *cache;
    struct verify_remote *remote;
};
