/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing answers: JSON straight into a buffer, so that payloads go out byte for byte. The first
 * failure (the buffer's limit) sticks and is asked for once, at the end.
 */
#pragma once

#include "base/base.h"
#include "base/id.h"

struct api_out {
    struct buf *b;
    bool comma;
    enum rc rc;
};

void api_out_begin(struct api_out *o, char bracket); /* '{' or '[' */
void api_out_end(struct api_out *o, char bracket);
void api_out_key(struct api_out *o, const char *name); /* a value must follow */
/* Values with a key; name NULL: an array's element. */
void api_out_str(struct api_out *o, const char *name, struct str s);
void api_out_opt(struct api_out *o, const char *name, struct str s); /* null when ptr is NULL */
void api_out_int(struct api_out *o, const char *name, int64_t n);
void api_out_opt_int(struct api_out *o, const char *name, int64_t n); /* null when 0 */
void api_out_bool(struct api_out *o, const char *name, bool b);
void api_out_null(struct api_out *o, const char *name);
void api_out_raw(struct api_out *o, const char *name, struct str json); /* JSON text; null when ptr is NULL */
void api_out_date(struct api_out *o, const char *name, int64_t wall_us);
void api_out_opt_date(struct api_out *o, const char *name, int64_t wall_us); /* null when 0 */
void api_out_id(struct api_out *o, const char *name, struct str prefix, const struct id *id);
