/* SPDX-License-Identifier: Apache-2.0
 *
 * Encodings: hex, base64 (both alphabets), percent. Pure; strict when decoding. And the credentials in URLs, for all
 * who keep or show a URL.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "base/str.h"

#define HEX_LEN(bytes) ((bytes)*2)
#define BASE64_LEN(bytes) (((bytes) + 2) / 3 * 4)

/* Lower case; writes HEX_LEN(len) bytes and a NUL. */
void hex_encode(const void *bytes, size_t len, char *out);
/* Either case. RC_INVALID: odd length or not hex; RC_LIMIT: more than `cap` bytes. */
MUST_USE enum rc hex_decode(struct str text, void *out, size_t cap, size_t *len);

/* Standard alphabet with padding; writes BASE64_LEN(len) bytes and a NUL. */
void base64_encode(const void *bytes, size_t len, char *out);
/* Both alphabets, with or without padding; RC_INVALID: anything else, or stray bits at the end;
 * RC_LIMIT: more than `cap` bytes. */
MUST_USE enum rc base64_decode(struct str text, void *out, size_t cap, size_t *len);

/* Appends `s` with %XX undone (and '+' as space when `form`). RC_INVALID: bad escape. */
MUST_USE enum rc percent_decode(struct str s, bool form, struct buf *out);
/* Appends `s` with everything but unreserved characters escaped. */
MUST_USE enum rc percent_encode(struct str s, struct buf *out);

/* A URL without its user part ("user:password" before the '@' of its host) and that '@'; the text as it is when there
 * is none. *user is the part: ptr NULL: there is none; empty: "https://@host/". In the arena or borrowed from `url`. */
struct str text_url_split(struct str url, struct arena *a, struct str *user);
/* The other way round. */
struct str text_url_join(struct str url, struct str user, struct arena *a);
/* Appends a text without the user parts of the URLs in it, for words that are shown. */
MUST_USE enum rc text_hide_users(struct str text, struct buf *out);
