/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing plans: see plan.h.
 */
#include "plan.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *fields;
} words[PLAN_WORDS] = {
#define PLAN_WORD(id, word, fields, meaning) { word, fields },
#include "plan_words.def"
#undef PLAN_WORD
};

/* What a field's value is; the others are text. */
static const char *const whole_fields =
    " seed tenants clients lives n tenant ordered client key bytes count op limit"
    " endpoint status ordered throttle broker exchange mandatory declare filter closed halt breaker site user make ";
static const char *const time_fields = " safety for by since retry_after timeout deadline ";
static const char *const real_fields = " rate ";

static bool list_has(const char *list, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += len) {
        bool begins = at == list || at[-1] == ' ';
        if (begins && (at[len] == ' ' || at[len] == 0))
            return true;
    }
    return false;
}

/* --- values ------------------------------------------------------------------------------------------- */

static bool read_whole(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == 0;
}

static bool read_real(const char *text, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(text, &end);
    return errno == 0 && end != text && *end == 0 && *out >= 0 && *out <= 1;
}

/* 12.5s, 300ms, -1h */
static bool read_time(const char *text, int64_t *out)
{
    static const struct {
        const char *name;
        double us;
    } units[] = { { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 }, { "m", 6e7 }, { "h", 3.6e9 } };
    char *end;
    double number = strtod(text, &end);
    if (end == text || !(fabs(number) < 1e6))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].name) == 0) {
            *out = llround(number * units[i].us);
            return true;
        }
    return false;
}

static bool value_is_valid(const char *name, const char *value)
{
    int64_t whole;
    double real;
    if (list_has(whole_fields, name))
        return read_whole(value, &whole);
    if (list_has(time_fields, name))
        return read_time(value, &whole);
    if (list_has(real_fields, name))
        return read_real(value, &real);
    return *value != 0;
}

/* --- reading ------------------------------------------------------------------------------------------ */

struct reader {
    struct plan *plan;
    size_t number; /* of the line */
    char *why;
};

static bool line_refuse(const struct reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static bool line_refuse(const struct reader *r, const char *fmt, ...)
{
    va_list args;
    int used = snprintf(r->why, PLAN_WHY_BYTES, "line %zu: ", r->number);
    va_start(args, fmt);
    (void)vsnprintf(r->why + used, PLAN_WHY_BYTES - (size_t)used, fmt, args);
    va_end(args);
    return false;
}

static bool line_read_field(const struct reader *r, struct plan_line *line, char *token)
{
    char *value = strchr(token, '=');
    const char *fields = words[line->word].fields;
    if (value == NULL)
        return line_refuse(r, "'%s' is no field: name=value", token);
    *value++ = 0;
    if (strcmp(fields, "*") != 0 && !list_has(fields, token))
        return line_refuse(r, "%s has no field '%s'", words[line->word].name, token);
    if (plan_text(line, token, NULL) != NULL)
        return line_refuse(r, "the field '%s' stands twice", token);
    if (line->field_count == PLAN_FIELDS_MAX)
        return line_refuse(r, "more than %d fields", PLAN_FIELDS_MAX);
    if (strcmp(fields, "*") != 0 && !value_is_valid(token, value))
        return line_refuse(r, "'%s' is no value of '%s'", value, token);
    line->fields[line->field_count++] = (struct plan_field){ token, value };
    return true;
}

static bool line_read_word(const struct reader *r, struct plan_line *line, const char *token)
{
    for (line->word = 0; line->word < PLAN_WORDS; line->word++)
        if (strcmp(words[line->word].name, token) == 0)
            break;
    if (line->word == PLAN_WORDS)
        return line_refuse(r, "there is no word '%s'", token);
    if ((strchr(token, '.') != NULL) != (line->at_us != PLAN_NO_TIME))
        return line_refuse(
            r, line->at_us == PLAN_NO_TIME ? "%s needs a time: at=1.5s" : "%s has no time", token);
    return true;
}

/* One line, whose end is a NUL; blank lines and those that begin with # are none. */
static bool line_read(struct reader *r, char *text)
{
    struct plan_line line = { .at_us = PLAN_NO_TIME };
    char *rest, *token = strtok_r(text, " \t\r", &rest);
    r->number++;
    if (token == NULL || *token == '#')
        return true;
    if (strncmp(token, "at=", 3) == 0) {
        if (!read_time(token + 3, &line.at_us) || line.at_us < 0)
            return line_refuse(r, "'%s' is no time", token + 3);
        token = strtok_r(NULL, " \t\r", &rest);
    }
    if (token == NULL)
        return line_refuse(r, "a time alone says nothing");
    if (!line_read_word(r, &line, token))
        return false;
    while ((token = strtok_r(NULL, " \t\r", &rest)) != NULL)
        if (!line_read_field(r, &line, token))
            return false;
    if (r->plan->count == PLAN_LINES_MAX)
        return line_refuse(r, "more than %d lines", PLAN_LINES_MAX);
    r->plan->lines[r->plan->count++] = line;
    return true;
}

/* Lines are nearly in order, and those of one moment keep theirs. */
static void plan_sort(struct plan *p)
{
    for (size_t i = 1; i < p->count; i++) {
        struct plan_line line = p->lines[i];
        size_t at = i;
        for (; at > 0 && p->lines[at - 1].at_us > line.at_us; at--)
            p->lines[at] = p->lines[at - 1];
        p->lines[at] = line;
    }
}

bool plan_parse(const char *text, struct plan *out, char why[static PLAN_WHY_BYTES])
{
    struct reader r = { .plan = out, .why = why };
    size_t lines = 1;
    for (const char *at = text; *at != 0; at++)
        lines += *at == '\n';
    *out = (struct plan){ .text = strdup(text), .lines = calloc(lines, sizeof *out->lines) };
    bool is_read = out->text != NULL && out->lines != NULL;
    if (!is_read)
        (void)snprintf(why, PLAN_WHY_BYTES, "no memory");
    for (char *line = out->text, *next; is_read && line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = 0;
        is_read = line_read(&r, line);
    }
    if (is_read && (out->count == 0 || plan_find(out, PLAN_RUN) == NULL)) {
        (void)snprintf(why, PLAN_WHY_BYTES, "the line 'run seed=...' is missing");
        is_read = false;
    }
    if (!is_read) {
        plan_free(out);
        return false;
    }
    plan_sort(out);
    return true;
}

void plan_free(struct plan *p)
{
    free(p->lines);
    free(p->text);
    *p = (struct plan){ 0 };
}

/* --- writing ------------------------------------------------------------------------------------------ */

char *plan_print(const struct plan *p)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return NULL;
    for (const struct plan_line *l = p->lines; l < p->lines + p->count; l++) {
        if (l->at_us != PLAN_NO_TIME)
            (void)fprintf(out, "at=%.9gs ", (double)l->at_us / 1e6);
        (void)fputs(words[l->word].name, out);
        for (size_t i = 0; i < l->field_count; i++)
            (void)fprintf(out, " %s=%s", l->fields[i].name, l->fields[i].value);
        (void)fputc('\n', out);
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* --- asking ------------------------------------------------------------------------------------------- */

const char *plan_word_name(enum plan_word word)
{
    return words[word].name;
}

bool plan_is_fault(enum plan_word word)
{
    return word >= PLAN_DISK_FULL && word <= PLAN_LIFE_CUT;
}

bool plan_is_op(enum plan_word word)
{
    return word >= PLAN_OP_PUBLISH && word <= PLAN_OP_DELETE;
}

const char *plan_text(const struct plan_line *l, const char *field, const char *otherwise)
{
    for (size_t i = 0; i < l->field_count; i++)
        if (strcmp(l->fields[i].name, field) == 0)
            return l->fields[i].value;
    return otherwise;
}

int64_t plan_int(const struct plan_line *l, const char *field, int64_t otherwise)
{
    const char *value = plan_text(l, field, NULL);
    int64_t number;
    return value != NULL && read_whole(value, &number) ? number : otherwise;
}

double plan_real(const struct plan_line *l, const char *field, double otherwise)
{
    const char *value = plan_text(l, field, NULL);
    double number;
    return value != NULL && read_real(value, &number) ? number : otherwise;
}

int64_t plan_us(const struct plan_line *l, const char *field, int64_t otherwise)
{
    const char *value = plan_text(l, field, NULL);
    int64_t us;
    return value != NULL && read_time(value, &us) ? us : otherwise;
}

const struct plan_line *plan_find(const struct plan *p, enum plan_word word)
{
    for (const struct plan_line *l = p->lines; l < p->lines + p->count; l++)
        if (l->word == word)
            return l;
    return NULL;
}

const struct plan_line *plan_numbered(const struct plan *p, enum plan_word word, int64_t number)
{
    for (const struct plan_line *l = p->lines; l < p->lines + p->count; l++)
        if (l->word == word && plan_int(l, "n", -1) == number)
            return l;
    return NULL;
}
