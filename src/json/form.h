/* SPDX-License-Identifier: Apache-2.0
 *
 * The flattened form encoding that some receivers read: {"user":{"pii":{"email":"a@b"}}} becomes
 * user_pii_email=a%40b. Keys are joined with '_'; only objects are descended into (an empty one
 * leaves nothing); every other value is one text, spelled as Python's str() does: True, False,
 * None, ['a', 1], 1.0. Writing takes trees of json/any.h, too. Pure.
 */
#pragma once

#include "json/json.h"

/* Appends "key=value&..." for the object's members. RC_LIMIT: out would outgrow its limit; what was
 * added before stays. RC_INVALID: not an object. */
MUST_USE enum rc json_form_write(const json_t *object, struct buf *out);

/* The flat object of a form's fields, all strings; the last of a name wins. RC_INVALID: a bad escape,
 * text that is not UTF-8, or U+0000. The caller json_decref()s. */
MUST_USE enum rc json_form_read(struct str form, json_t **out);

/* The same for whatever was sent, into a tree of json/any.h: an escape that is none stands for itself, bytes that are not
 * UTF-8 are U+FFFD, U+0000 is kept. RC_LIMIT: larger than memory may be. */
MUST_USE enum rc json_form_read_any(struct str form, json_t **out);

/* Whether a content type (with or without parameters) is that of a form. */
bool json_form_is_type(struct str content_type);
