/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers. Each fills the reply.
 */
#pragma once

#include "dialect/ckan_priv.h"

void ckan_succeed(struct ckan_call *c, json_t *result); /* takes the reference */
void ckan_not_authorized(struct ckan_call *c, const char *message);
void ckan_not_found(struct ckan_call *c);
/* Adds a message to a field's list in `errors`. */
void ckan_complain(json_t *errors, const char *field, const char *message);
/* 409 with the fields of `errors`, or, when there are none, nothing; says whether it did. Takes the reference. */
bool ckan_refused(struct ckan_call *c, json_t *errors);
void ckan_unavailable(struct ckan_call *c, const char *message); /* 503 */
/* By rc: not found, not authorized, or unavailable. */
void ckan_fail(struct ckan_call *c, enum rc rc);
/* A string of the input; ptr NULL: not there, or no string, or empty. */
struct str ckan_input(const struct ckan_call *c, const char *name);
