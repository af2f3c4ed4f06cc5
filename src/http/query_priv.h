/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/router.h"

/* Undoes %XX (and '+' when `is_form`), into the arena if there is any. False: a bad escape. */
bool http_decode(struct arena *arena, struct str s, bool is_form, struct str *out);
