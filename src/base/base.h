/* SPDX-License-Identifier: Apache-2.0
 *
 * What every module stands on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/activity.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/rc.h"
#include "base/rng.h"
#include "base/share.h"
#include "base/str.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/time_text.h"
#include "base/utf8.h"
