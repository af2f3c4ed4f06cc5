/* SPDX-License-Identifier: Apache-2.0
 *
 * Small texts of HTTP: methods, reasons, dates, and what may stand in a header line. Pure; any thread.
 */
#pragma once

#include "base/base.h"

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER
};
struct str http_method_name(enum http_method m);

/* "Not Found" and the like; "" for unknown codes. */
const char *http_reason(int status);
/* "Sun, 06 Nov 1994 08:49:37 GMT" */
enum { HTTP_DATE_LEN = 29 };
void http_date(int64_t wall_us, char out[static HTTP_DATE_LEN + 1]);

/* A name that may stand in a header line; a value without CR, LF, NUL and other controls. */
bool http_is_token(struct str s);
bool http_is_field_value(struct str s);
