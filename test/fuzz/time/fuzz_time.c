/* SPDX-License-Identifier: Apache-2.0
 *
 * Times: what is read and within the years 0 to 9999 comes back from its text.
 */
#include "../fuzz.h"
#include "base/base.h"

static void check(int64_t us)
{
    char text[TIME_TEXT_LEN + 1];
    int64_t back = 0;
    time_format(us, text);
    MUST(strlen(text) == TIME_TEXT_LEN);
    MUST(time_parse(str_from(text), &back) == RC_OK);
    bool is_shown = us >= INT64_C(-62167219200000000) && us < INT64_C(253402300800000000);
    MUST(back == us || !is_shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    int64_t us = 0;
    if (time_parse(text, &us) == RC_OK)
        check(us);
    if (time_parse_http(text, &us) == RC_OK)
        check(us);
    if (size >= sizeof(us)) {
        memcpy(&us, data, sizeof(us));
        check(us);
    }
    return 0;
}
