/* SPDX-License-Identifier: Apache-2.0
 *
 * Notes from where a token or session is used (access/uses.h). Any thread, cheap: most requests only look.
 */
#pragma once

#include "access/access.h"
#include "http/router.h"

void api_note_use(struct http_request *req, struct access_identity *who);
