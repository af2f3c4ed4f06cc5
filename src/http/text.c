/* SPDX-License-Identifier: Apache-2.0
 *
 * Small texts of HTTP: character classes, reasons, dates, methods.
 */
#include "http/text.h"

#include "http/text_priv.h"

#include <stdio.h>
#include <time.h>

enum {
    V = HTTP_CHAR_VALUE,
    G = V | HTTP_CHAR_TARGET,               /* visible, nothing more */
    U = G | HTTP_CHAR_URI,                  /* delimiters */
    T = G | HTTP_CHAR_TOKEN,                /* ^ ` | */
    M = T | HTTP_CHAR_URI,                  /* ! $ % & ' * + ~ */
    H = V | HTTP_CHAR_TOKEN,                /* '#' */
    N = M | HTTP_CHAR_HOST,                 /* letters, '-', '.', '_' */
    X = N | HTTP_CHAR_HEX,                  /* digits and a-f */
    B = G | HTTP_CHAR_HOST | HTTP_CHAR_URI, /* brackets */
    C = U | HTTP_CHAR_HOST                  /* colon */
};

/* clang-format off */
const uint8_t http_char_bits[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, V, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    V, M, G, H, M, M, M, M, U, U, M, M, U, N, N, U, /*  !"#$%&'()*+,-./ */
    X, X, X, X, X, X, X, X, X, X, C, U, G, U, G, U, /* 0-9 :;<=>? */
    U, X, X, X, X, X, X, N, N, N, N, N, N, N, N, N, /* @ A-O */
    N, N, N, N, N, N, N, N, N, N, N, B, G, B, T, N, /* P-Z [\]^_ */
    T, X, X, X, X, X, X, N, N, N, N, N, N, N, N, N, /* ` a-o */
    N, N, N, N, N, N, N, N, N, N, N, G, T, G, M, 0, /* p-z {|}~ */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V
};
/* clang-format on */

static const struct str METHODS[] = {
    [HTTP_GET] = { "GET", 3 },         [HTTP_HEAD] = { "HEAD", 4 },
    [HTTP_POST] = { "POST", 4 },       [HTTP_PUT] = { "PUT", 3 },
    [HTTP_PATCH] = { "PATCH", 5 },     [HTTP_DELETE] = { "DELETE", 6 },
    [HTTP_OPTIONS] = { "OPTIONS", 7 }, [HTTP_OTHER] = { "", 0 }
};

struct str http_method_name(enum http_method m)
{
    return METHODS[m];
}

static const struct {
    int status;
    const char *reason;
} REASONS[] = { { 100, "Continue" },
                { 101, "Switching Protocols" },
                { 103, "Early Hints" },
                { 200, "OK" },
                { 201, "Created" },
                { 202, "Accepted" },
                { 204, "No Content" },
                { 206, "Partial Content" },
                { 301, "Moved Permanently" },
                { 302, "Found" },
                { 303, "See Other" },
                { 304, "Not Modified" },
                { 307, "Temporary Redirect" },
                { 308, "Permanent Redirect" },
                { 400, "Bad Request" },
                { 401, "Unauthorized" },
                { 403, "Forbidden" },
                { 404, "Not Found" },
                { 405, "Method Not Allowed" },
                { 406, "Not Acceptable" },
                { 408, "Request Timeout" },
                { 409, "Conflict" },
                { 410, "Gone" },
                { 411, "Length Required" },
                { 412, "Precondition Failed" },
                { 413, "Content Too Large" },
                { 414, "URI Too Long" },
                { 415, "Unsupported Media Type" },
                { 417, "Expectation Failed" },
                { 421, "Misdirected Request" },
                { 422, "Unprocessable Content" },
                { 423, "Locked" },
                { 425, "Too Early" },
                { 426, "Upgrade Required" },
                { 428, "Precondition Required" },
                { 429, "Too Many Requests" },
                { 431, "Request Header Fields Too Large" },
                { 500, "Internal Server Error" },
                { 501, "Not Implemented" },
                { 502, "Bad Gateway" },
                { 503, "Service Unavailable" },
                { 504, "Gateway Timeout" },
                { 505, "HTTP Version Not Supported" },
                { 507, "Insufficient Storage" } };

const char *http_reason(int status)
{
    for (size_t i = 0; i < COUNT_OF(REASONS); i++) {
        if (REASONS[i].status == status)
            return REASONS[i].reason;
    }
    return "";
}

void http_date(int64_t wall_us, char out[static HTTP_DATE_LEN + 1])
{
    static const char DAYS[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char MONTHS[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    MUST(gmtime_r(&seconds, &tm) != NULL && tm.tm_year >= 0 && tm.tm_year < 8100);
    char text[64];
    int len = snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", DAYS[tm.tm_wday],
                       tm.tm_mday, MONTHS[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                       tm.tm_sec);
    MUST(len == HTTP_DATE_LEN);
    memcpy(out, text, HTTP_DATE_LEN + 1);
}

bool http_is_token(struct str s)
{
    return s.len > 0 && http_span(s.ptr, s.len, HTTP_CHAR_TOKEN) == s.len;
}

bool http_is_field_value(struct str s)
{
    return s.len == 0 || http_value_span(s.ptr, s.len) == s.len;
}
