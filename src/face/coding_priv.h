/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client's headers ask for, read strictly and without allocating. Pure.
 */
#pragma once

#include "http/coding.h"

/* Whether If-None-Match (a list, weak ones too, or "*") names `etag` (with its quotes). */
bool face_etag_matches(struct str if_none_match, struct str etag);

/* A host of an Origin or Host header without its port, IPv6 without brackets: "a.example:8071" is "a.example". */
struct str face_host_bare(struct str host);
/* Whether a page at `host` (a Host header) can only be ours: an address, localhost, or `own` (a name, no port). A name
 * that somebody else controls may lead here, too (DNS rebinding), and must not open what trusts its origin. */
bool face_host_is_ours(struct str host, struct str own);
