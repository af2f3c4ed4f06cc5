/* SPDX-License-Identifier: Apache-2.0
 *
 * All that the API's resource files share. A handler reads top to bottom; every helper that returns false has already
 * put the answer into the request. What a handler finds done when it is called stands in its row: kit/run.h. The kit's
 * own files include the parts that they need.
 */
#pragma once

#include "api/kit/context.h"
#include "api/kit/find.h"
#include "api/kit/input.h"
#include "api/kit/out.h"
#include "api/kit/proof.h"
#include "api/kit/query.h"
#include "api/kit/run.h"
#include "api/kit/schema.h"
#include "core/meter.h"
#include "core/refusal.h"
#include "store/application.h"
#include "store/config.h"
#include "store/endpoint.h"
#include "store/event_type.h"
#include "store/flow.h"
#include "store/source.h"
