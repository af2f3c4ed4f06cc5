/* SPDX-License-Identifier: Apache-2.0
 *
 * Times as text. The calendar is computed here (the proleptic Gregorian one), so that neither time
 * zones nor locales of the system matter.
 */
#include "base/time_text.h"

#include "base/macros.h"

#include <string.h>

static const int64_t US = 1000000;
static const int64_t DAY_S = 86400;

struct civil {
    int year;
    int month, day; /* from 1 */
    int hour, minute, second;
};

/* Days since 1970-01-01; a year is taken to start in March, which puts the leap day last. */
static int64_t days_from_civil(const struct civil *c)
{
    int64_t year = c->month <= 2 ? (int64_t)c->year - 1 : c->year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (c->month + (c->month > 2 ? -3 : 9)) + 2) / 5 + c->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, struct civil *c)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    c->day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    c->month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    c->year = (int)(year_of_era + era * 400 + (c->month <= 2));
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* RC_INVALID: no such day or time. A leap second counts as the first second after it. */
static enum rc civil_to_us(const struct civil *c, int64_t *wall_us)
{
    if (c->month < 1 || c->month > 12 || c->day < 1 || c->day > days_in_month(c->year, c->month) ||
        c->hour > 23 || c->minute > 59 || c->second > 60)
        return RC_INVALID;
    int64_t seconds = days_from_civil(c) * DAY_S + c->hour * 3600 + c->minute * 60 + c->second;
    *wall_us = seconds * US;
    return RC_OK;
}

static void put_digits(char *at, int64_t number, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
}

void time_format(int64_t wall_us, char out[static TIME_TEXT_LEN + 1])
{
    static const int64_t first_us = INT64_C(-62167219200) * 1000000; /* 0000-01-01 */
    static const int64_t last_us = INT64_C(253402300800) * 1000000 - 1;
    wall_us = wall_us < first_us ? first_us : wall_us > last_us ? last_us : wall_us;
    int64_t day = wall_us / (DAY_S * US);
    int64_t rest = wall_us % (DAY_S * US);
    if (rest < 0) {
        rest += DAY_S * US;
        day--;
    }
    struct civil c;
    civil_from_days(day, &c);
    memcpy(out, "0000-00-00T00:00:00.000000Z", TIME_TEXT_LEN + 1);
    put_digits(out, c.year, 4);
    put_digits(out + 5, c.month, 2);
    put_digits(out + 8, c.day, 2);
    put_digits(out + 11, rest / (3600 * US), 2);
    put_digits(out + 14, rest / (60 * US) % 60, 2);
    put_digits(out + 17, rest / US % 60, 2);
    put_digits(out + 20, rest % US, 6);
}

static int *field_of(struct civil *c, char letter)
{
    switch (letter) {
    case 'Y': return &c->year;
    case 'M': return &c->month;
    case 'D': return &c->day;
    case '_': return &c->day;
    case 'h': return &c->hour;
    case 'm': return &c->minute;
    case 's': return &c->second;
    default: return NULL;
    }
}

/* Matches *text against `pattern` and takes it off: 'Y', 'M', 'D', 'h', 'm' and 's' stand for a digit
 * of the year, month, ...; '_' for a digit of the day or a space; all else for itself, in either
 * case. */
static bool time_take(struct str *text, const char *pattern, struct civil *c)
{
    size_t len = strlen(pattern);
    if (text->len < len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char at = text->ptr[i];
        int *field = field_of(c, pattern[i]);
        if (pattern[i] == '_' && at == ' ')
            continue;
        if (field == NULL) {
            if (!str_ieq(str_of(&at, 1), str_of(&pattern[i], 1)))
                return false;
        } else {
            if (at < '0' || at > '9')
                return false;
            *field = *field * 10 + (at - '0');
        }
    }
    *text = str_sub(*text, len, text->len);
    return true;
}

/* ".123": one to nine digits, if there is a dot. */
static bool take_fraction(struct str *text, int64_t *us)
{
    *us = 0;
    if (!str_skip_prefix(text, STR(".")))
        return true;
    size_t digits = 0;
    int64_t unit = US / 10;
    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9') {
        *us += (text->ptr[digits] - '0') * unit;
        unit /= 10;
        digits++;
    }
    *text = str_sub(*text, digits, text->len);
    return digits >= 1 && digits <= 9;
}

/* "Z" or "+01:30". */
static bool take_offset(struct str *text, int64_t *us)
{
    struct civil c = { 0 };
    *us = 0;
    if (time_take(text, "Z", &c))
        return true;
    bool is_west = str_starts(*text, STR("-"));
    if (!time_take(text, is_west ? "-hh:mm" : "+hh:mm", &c) || c.hour > 23 || c.minute > 59)
        return false;
    *us = (c.hour * 3600 + c.minute * 60) * US * (is_west ? -1 : 1);
    return true;
}

enum rc time_parse(struct str text, int64_t *wall_us)
{
    struct civil c = { 0 };
    int64_t whole, fraction, offset;
    if (!time_take(&text, "YYYY-MM-DD", &c) || !time_take(&text, "T", &c) ||
        !time_take(&text, "hh:mm:ss", &c) || !take_fraction(&text, &fraction) ||
        !take_offset(&text, &offset) || text.len != 0 || civil_to_us(&c, &whole) != RC_OK)
        return RC_INVALID;
    *wall_us = whole + fraction - offset;
    return RC_OK;
}

/* "Z", "UTC", "+01:30", "+0130"; a blank may stand before it, or for its '+'. */
static bool take_relaxed_offset(struct str *text, int64_t *us)
{
    struct civil c = { 0 };
    bool has_blank = str_skip_prefix(text, STR(" "));
    *us = 0;
    if (time_take(text, "UTC", &c) || time_take(text, "Z", &c))
        return true;
    bool is_west = str_skip_prefix(text, STR("-"));
    if (!is_west && !str_skip_prefix(text, STR("+")) && !has_blank)
        return false;
    if (!time_take(text, text->len == 4 ? "hhmm" : "hh:mm", &c) || c.hour > 23 || c.minute > 59)
        return false;
    *us = (c.hour * 3600 + c.minute * 60) * US * (is_west ? -1 : 1);
    return true;
}

enum rc time_parse_relaxed(struct str text, int64_t *wall_us)
{
    struct civil c = { 0 };
    int64_t whole, fraction = 0, offset;
    text = str_trim(text);
    if (!time_take(&text, "YYYY-MM-DD", &c) ||
        (!time_take(&text, "T", &c) && !time_take(&text, " ", &c)) ||
        !time_take(&text, "hh:mm", &c))
        return RC_INVALID;
    if (str_starts(text, STR(":")) &&
        (!time_take(&text, ":ss", &c) || !take_fraction(&text, &fraction)))
        return RC_INVALID;
    if (!take_relaxed_offset(&text, &offset) || text.len != 0 || civil_to_us(&c, &whole) != RC_OK)
        return RC_INVALID;
    *wall_us = whole + fraction - offset;
    return RC_OK;
}

/* Takes one of `names` (three letters each) off *text; returns its number from 1, or 0. */
static int take_name(struct str *text, const char *names)
{
    struct str head = str_sub(*text, 0, 3);
    for (int i = 0; names[i * 3] != '\0'; i++) {
        if (head.len == 3 && str_eq(head, str_of(names + (size_t)i * 3, 3))) {
            *text = str_sub(*text, 3, text->len);
            return i + 1;
        }
    }
    return 0;
}

static bool take_month(struct str *text, struct civil *c)
{
    c->month = take_name(text, "JanFebMarAprMayJunJulAugSepOctNovDec");
    return c->month != 0;
}

/* After the day's name: ", 06 Nov 1994 08:49:37 GMT". */
static bool take_imf(struct str text, struct civil *c)
{
    return time_take(&text, ", DD ", c) && take_month(&text, c) &&
           time_take(&text, " YYYY hh:mm:ss ", c) && str_eq(text, STR("GMT"));
}

/* "day, 06-Nov-94 08:49:37 GMT"; RFC 9110 puts a year that seems far ahead into the past. Fixed here
 * at 70, the Unix epoch, so that parsing needs no clock. */
static bool take_rfc850(struct str text, struct civil *c)
{
    static const char *const endings[] = { "day", "sday", "nesday", "rsday", "urday" };
    bool is_named = false;
    size_t comma = str_find(text, ',');
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        is_named = is_named || str_eq(str_sub(text, 0, comma), str_from(endings[i]));
    text = str_sub(text, comma, text.len);
    if (!is_named || !time_take(&text, ", DD-", c) || !take_month(&text, c) ||
        !time_take(&text, "-YY hh:mm:ss ", c) || !str_eq(text, STR("GMT")))
        return false;
    c->year += c->year < 70 ? 2000 : 1900;
    return true;
}

/* After the day's name: " Nov  6 08:49:37 1994". */
static bool take_asctime(struct str text, struct civil *c)
{
    return time_take(&text, " ", c) && take_month(&text, c) &&
           time_take(&text, " _D hh:mm:ss YYYY", c) && text.len == 0;
}

enum rc time_parse_http(struct str text, int64_t *wall_us)
{
    static bool (*const forms[])(struct str text, struct civil * c) = { take_imf, take_rfc850,
                                                                        take_asctime };
    if (take_name(&text, "MonTueWedThuFriSatSun") == 0)
        return RC_INVALID;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct civil c = { 0 };
        if (forms[i](text, &c))
            return civil_to_us(&c, wall_us);
    }
    return RC_INVALID;
}
