/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured log events. Which events exist, their level and their meaning: tables/events.def.
 * Lines are logfmt or JSON; fields that join them: req (request id), msg, attempt, app, endpoint,
 * source. Any thread; a line is one write(2), lines never mix. Secrets and payloads are never
 * fields.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/str.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_event {
#define LOG_EVENT(id, level, name, doc) EV_##id,
#include "tables/events.def"
#undef LOG_EVENT
    EV_COUNT
};

struct log_field {
    const char *name; /* literal */
    struct str text;
    int64_t number;
    bool is_number;
};

#define F_STR(name, value) ((struct log_field){ name, (value), 0, false })
#define F_TEXT(name, cstr) ((struct log_field){ name, str_from(cstr), 0, false })
#define F_INT(name, value) ((struct log_field){ name, STR_NONE, (int64_t)(value), true })

/* LOG(SERVER_STARTED, F_STR("req", id), F_INT("took_us", took)); any number of fields, none too. */
#define LOG(...) LOG_FIELDS(__VA_ARGS__, LOG_LAST)
#define LOG_LAST ((struct log_field){ 0 })
#define LOG_FIELDS(event, ...) \
    log_write(EV_##event, (struct log_field[]){ __VA_ARGS__ }, \
              sizeof((struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))

/* The last field is left out (see LOG). Values are cut at 1 KiB; fields that would make the line
 * longer than 4 KiB are left out, and "cut" says so. */
void log_write(enum log_event event, const struct log_field *fields, size_t count);

/* -1 as `fd`: no output. At first: standard error, info, logfmt. */
void log_configure(int fd, enum log_level least, bool json);
void log_set_level(enum log_level least);

/* Each line also goes to fn (NULL: no more), for tests; without its line feed. One call at a time; fn
 * must not log. */
void log_tap(void (*fn)(void *ctx, enum log_event event, struct str line), void *ctx);
