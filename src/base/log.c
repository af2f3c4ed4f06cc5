/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines. A line is built on the stack and handed to one write(2); it is at most 4096 bytes, which
 * is what the kernel keeps whole on a pipe: fields that do not fit are left out and "cut" is set.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/log_priv.h"
#include "base/thread.h"
#include "base/time_text.h"
#include "base/utf8.h"

#include <stdatomic.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 4096,
    VALUE_MAX = 1024,
    TAIL_MAX = 16,
    RECENT_COUNT = 64,
    RECENT_MAX = 512
};

static const struct {
    enum log_level level;
    const char *name;
} events[] = {
#define LOG_EVENT(id, level, name, doc) { LOG_LEVEL_##level, name },
#include "tables/events.def"
#undef LOG_EVENT
};

struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
    bool is_cut; /* a field was left out */
    bool is_json;
};

/* One of the last lines; whoever finds it busy goes without, so that nobody waits. */
struct recent {
    atomic_bool is_busy;
    atomic_size_t len;
    char bytes[RECENT_MAX];
};

static struct recent recents[RECENT_COUNT];
static atomic_uint recent_next;

static atomic_int output_fd = STDERR_FILENO;
static atomic_int least_level = LOG_LEVEL_INFO;
static atomic_bool is_json_wanted;

static struct mutex tap_lock = { PTHREAD_MUTEX_INITIALIZER };
static atomic_bool has_tap;
static void (*tap_fn)(void *ctx, enum log_event event, struct str line);
static void *tap_ctx;

static void log_add(struct line *l, const char *bytes, size_t len)
{
    if (len > LINE_MAX_BYTES - TAIL_MAX - l->len) {
        l->is_cut = true;
        return;
    }
    memcpy(l->bytes + l->len, bytes, len);
    l->len += len;
}

static void log_add_text(struct line *l, const char *text)
{
    log_add(l, text, strlen(text));
}

/* One character of a quoted value; logfmt and JSON share the escapes. Returns the bytes used up. */
static size_t add_quoted_char(struct line *l, const unsigned char *at, size_t left)
{
    static const char hex[] = "0123456789abcdef";
    if (*at == '"' || *at == '\\') {
        log_add(l, (const char[]){ '\\', (char)*at }, 2);
        return 1;
    }
    if (*at == '\n') {
        log_add(l, "\\n", 2);
        return 1;
    }
    if (*at < 0x20 || *at == 0x7f) {
        log_add(l, (const char[]){ '\\', 'u', '0', '0', hex[*at >> 4], hex[*at & 15] }, 6);
        return 1;
    }
    size_t step = str_utf8_sequence(at, left);
    if (step == 0) {
        log_add(l, "\xEF\xBF\xBD", 3);
        return 1;
    }
    log_add(l, (const char *)at, step);
    return step;
}

static void add_quoted(struct line *l, struct str s)
{
    const unsigned char *at = (const unsigned char *)s.ptr;
    log_add(l, "\"", 1);
    for (size_t i = 0; i < s.len;)
        i += add_quoted_char(l, at + i, s.len - i);
    log_add(l, "\"", 1);
}

/* True if logfmt shows the value without quotes. */
static bool is_bare(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return s.len > 0;
}

static void add_number(struct line *l, int64_t number)
{
    char text[24];
    char *at = text + sizeof(text);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *--at = '-';
    log_add(l, at, (size_t)(text + sizeof(text) - at));
}

static void log_add_name(struct line *l, const char *name)
{
    if (l->is_json) {
        log_add_text(l, l->len == 0 ? "{\"" : ",\"");
        log_add_text(l, name);
        log_add_text(l, "\":");
    } else {
        if (l->len > 0)
            log_add_text(l, " ");
        log_add_text(l, name);
        log_add_text(l, "=");
    }
}

/* A field is there whole or not at all. */
static void add_field(struct line *l, const struct log_field *field)
{
    size_t before = l->len;
    bool was_cut = l->is_cut;
    l->is_cut = false;
    log_add_name(l, field->name);
    struct str value = str_cut_utf8(field->text, VALUE_MAX);
    if (field->is_number)
        add_number(l, field->number);
    else if (!l->is_json && is_bare(value))
        log_add(l, value.ptr, value.len);
    else
        add_quoted(l, value);
    if (l->is_cut)
        l->len = before;
    l->is_cut = l->is_cut || was_cut;
}

static void add_end(struct line *l)
{
    struct str tail = STR("\n");
    if (l->is_json)
        tail = l->is_cut ? STR(",\"cut\":true}\n") : STR("}\n");
    else if (l->is_cut)
        tail = STR(" cut=true\n");
    memcpy(l->bytes + l->len, tail.ptr, tail.len); /* TAIL_MAX was kept free for it */
    l->len += tail.len;
}

static void log_remember(const struct line *l)
{
    unsigned at = atomic_fetch_add_explicit(&recent_next, 1, memory_order_relaxed) % RECENT_COUNT;
    struct recent *recent = &recents[at];
    if (atomic_exchange_explicit(&recent->is_busy, true, memory_order_acquire))
        return;
    size_t len = l->len < RECENT_MAX ? l->len : RECENT_MAX;
    memcpy(recent->bytes, l->bytes, len);
    recent->bytes[len - 1] = '\n';
    atomic_store_explicit(&recent->len, len, memory_order_relaxed);
    atomic_store_explicit(&recent->is_busy, false, memory_order_release);
}

void log_recent(void (*fn)(void *ctx, const char *line, size_t len), void *ctx)
{
    unsigned next = atomic_load(&recent_next);
    for (unsigned i = 0; i < RECENT_COUNT; i++) {
        const struct recent *recent = &recents[(next + i) % RECENT_COUNT];
        size_t len = atomic_load_explicit(&recent->len, memory_order_acquire);
        if (len > 0)
            fn(ctx, recent->bytes, len);
    }
}

static void tell_tap(enum log_event event, const struct line *l)
{
    if (!atomic_load_explicit(&has_tap, memory_order_relaxed))
        return;
    mutex_lock(&tap_lock);
    if (tap_fn != NULL)
        tap_fn(tap_ctx, event, str_of(l->bytes, l->len - 1));
    mutex_unlock(&tap_lock);
}

void log_write(enum log_event event, const struct log_field *fields, size_t count)
{
    static const char *const level_names[] = { "debug", "info", "warn", "error" };
    enum log_level level = events[event].level;
    if ((int)level < atomic_load_explicit(&least_level, memory_order_relaxed))
        return;
    struct line l;
    l.len = 0;
    l.is_cut = false;
    l.is_json = atomic_load_explicit(&is_json_wanted, memory_order_relaxed);
    char now[TIME_TEXT_LEN + 1];
    time_format(clock_wall_us(clock_system()), now);
    add_field(&l, &F_TEXT("time", now));
    add_field(&l, &F_TEXT("level", level_names[level]));
    add_field(&l, &F_TEXT("event", events[event].name));
    for (size_t i = 0; i + 1 < count; i++)
        add_field(&l, &fields[i]);
    add_end(&l);
    log_remember(&l);
    int fd = atomic_load_explicit(&output_fd, memory_order_relaxed);
    if (fd >= 0 && write(fd, l.bytes, l.len) < 0)
        l.is_cut = true; /* nowhere to say that the log is broken; the tap and the ring have it */
    tell_tap(event, &l);
}

void log_configure(int fd, enum log_level least, bool json)
{
    atomic_store(&output_fd, fd);
    atomic_store(&is_json_wanted, json);
    log_set_level(least);
}

void log_set_level(enum log_level least)
{
    atomic_store(&least_level, (int)least);
}

void log_tap(void (*fn)(void *ctx, enum log_event event, struct str line), void *ctx)
{
    mutex_lock(&tap_lock);
    tap_fn = fn;
    tap_ctx = ctx;
    atomic_store(&has_tap, fn != NULL);
    mutex_unlock(&tap_lock);
}
