/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict validator: one pass, no recursion, nothing copied. What is open is a stack of bits
 * (object or array), so that depth costs a bit and is bounded. Whoever wants to see the children of
 * the outermost value hangs a hook on the scanner; members, elements and plain validation share
 * everything else.
 *
 * Speed comes from strings, which are most of a payload: eight bytes at a time are looked at in one
 * 64-bit word for a quote, a backslash, a control or the start of a multi-byte character.
 */
#include "json/scan.h"

#include <endian.h>

#include "json/text_priv.h"

#define REASON_DEPTH "nested deeper than 512 levels"
_Static_assert(JSON_DEPTH_MAX == 512, "the reason above names the limit");

enum { WORD_BITS = 64, WORD_BYTES = 8 };

/* What may come next. */
enum state { VALUE, FIRST_ELEMENT, FIRST_NAME, NAME, AFTER_VALUE, DONE, FAILED };

struct scanner {
    const unsigned char *start;
    const unsigned char *at;
    const unsigned char *end;
    const char *reason; /* set once, when the state becomes FAILED */
    unsigned depth;
    uint64_t objects[JSON_DEPTH_MAX /
                     WORD_BITS]; /* bit set: the value open at that depth is an object */

    /* Called at the end of each child of the outermost value; NULL: nobody wants them. */
    enum rc (*on_child)(struct scanner *s);
    void *ctx;
    struct json_span name; /* of the child, when the outermost value is an object */
    struct json_span child;
    size_t child_index;
    enum rc child_rc; /* what the hook returned when it stopped the scan */
    bool escaped;     /* the string taken last holds a backslash */
};

static enum state scan_fail(struct scanner *s, const char *reason)
{
    s->reason = s->at >= s->end ? "the text ends too early" : reason;
    return FAILED;
}

/* NUL is allowed nowhere outside of a string, so it can stand for the end. */
static inline unsigned char scan_peek(const struct scanner *s)
{
    return s->at < s->end ? *s->at : 0;
}

/* --- words of eight bytes ----------------------------------------------------------------------- */

static inline uint64_t load_word(const unsigned char *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof(word));
    return le64toh(word); /* the first byte is the lowest, whatever the machine */
}

static inline uint64_t scan_spread(unsigned char byte)
{
    return UINT64_C(0x0101010101010101) * byte;
}

/* The high bit of each byte that a plain run of string characters cannot hold. Bytes above the
 * first such one may be marked wrongly (a borrow runs upwards), so only the lowest mark counts. */
static inline uint64_t special_marks(uint64_t word)
{
    uint64_t quote = word ^ scan_spread('"');
    uint64_t backslash = word ^ scan_spread('\\');
    uint64_t controls = (word - scan_spread(0x20)) & ~word;
    uint64_t quotes = (quote - scan_spread(1)) & ~quote;
    uint64_t backslashes = (backslash - scan_spread(1)) & ~backslash;
    return (controls | quotes | backslashes | word) & scan_spread(0x80);
}

static inline void skip_space(struct scanner *s)
{
    const unsigned char *at = s->at;
    for (;;) {
        while (s->end - at >= WORD_BYTES && load_word(at) == scan_spread(' ')) {
            at += WORD_BYTES;
        }
        if (at >= s->end || (*at != ' ' && *at != '\n' && *at != '\r' && *at != '\t')) {
            break;
        }
        at++;
    }
    s->at = at;
}

/* --- strings ------------------------------------------------------------------------------------ */

/* To the first byte that is not a plain character of a string, or to the end. */
static inline void skip_plain(struct scanner *s)
{
    const unsigned char *at = s->at;
    while (s->end - at >= WORD_BYTES) {
        uint64_t marks = special_marks(load_word(at));
        if (marks != 0) {
            s->at = at + (unsigned)__builtin_ctzll(marks) / 8;
            return;
        }
        at += WORD_BYTES;
    }
    while (at < s->end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    s->at = at;
}

/* One escape; at the backslash. */
static bool take_escape(struct scanner *s)
{
    size_t used =
        json_text_escape((struct str){ (const char *)s->at, (size_t)(s->end - s->at) }, NULL);
    if (used == 0) {
        (void)scan_fail(s, "an escape in a string is malformed");
        return false;
    }
    s->at += used;
    return true;
}

/* Multi-byte characters; at a byte from 0x80 on. */
static bool take_multibyte(struct scanner *s)
{
    while (s->at < s->end && *s->at >= 0x80) {
        size_t used = json_text_utf8(s->at, (size_t)(s->end - s->at));
        if (used == 0) {
            s->reason = "a string is not UTF-8";
            return false;
        }
        s->at += used;
    }
    return true;
}

/* At the opening quote. */
static bool take_string(struct scanner *s)
{
    s->escaped = false;
    s->at++;
    for (;;) {
        skip_plain(s);
        unsigned char c = scan_peek(s);
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c >= 0x80) {
            if (!take_multibyte(s)) {
                return false;
            }
        } else if (c == '\\') {
            s->escaped = true;
            if (!take_escape(s)) {
                return false;
            }
        } else {
            (void)scan_fail(s, "a control character in a string is not escaped");
            return false;
        }
    }
}

/* --- numbers and literals ------------------------------------------------------------------------ */

static inline bool is_digit(unsigned char c)
{
    return (unsigned)c - '0' <= 9;
}

static bool take_digits(struct scanner *s)
{
    if (!is_digit(scan_peek(s))) {
        (void)scan_fail(s, "a number lacks a digit");
        return false;
    }
    do {
        s->at++;
    } while (is_digit(scan_peek(s)));
    return true;
}

static bool take_number(struct scanner *s)
{
    if (*s->at == '-') {
        s->at++;
    }
    if (scan_peek(s) == '0') {
        s->at++;
        if (is_digit(scan_peek(s))) {
            (void)scan_fail(s, "a number begins with a superfluous zero");
            return false;
        }
    } else if (!take_digits(s)) {
        return false;
    }
    if (scan_peek(s) == '.') {
        s->at++;
        if (!take_digits(s)) {
            return false;
        }
    }
    if (scan_peek(s) == 'e' || scan_peek(s) == 'E') {
        s->at++;
        if (scan_peek(s) == '+' || scan_peek(s) == '-') {
            s->at++;
        }
        return take_digits(s);
    }
    return true;
}

static bool take_literal(struct scanner *s, struct str literal)
{
    if ((size_t)(s->end - s->at) < literal.len || memcmp(s->at, literal.ptr, literal.len) != 0) {
        (void)scan_fail(s, "not a value");
        return false;
    }
    s->at += literal.len;
    return true;
}

/* --- structure ---------------------------------------------------------------------------------- */

static inline bool in_object(const struct scanner *s)
{
    unsigned level = s->depth - 1;
    return (s->objects[level / WORD_BITS] >> (level % WORD_BITS) & 1) != 0;
}

static enum state open_container(struct scanner *s, bool object)
{
    if (s->depth == JSON_DEPTH_MAX) {
        return scan_fail(s, REASON_DEPTH);
    }
    uint64_t bit = UINT64_C(1) << (s->depth % WORD_BITS);
    uint64_t *word = &s->objects[s->depth / WORD_BITS];
    *word = object ? *word | bit : *word & ~bit;
    s->depth++;
    s->at++;
    return object ? FIRST_NAME : FIRST_ELEMENT;
}

/* A value has just ended; the depth is again what it was where it began. */
static inline enum state end_value(struct scanner *s)
{
    if (s->depth == 0) {
        return DONE;
    }
    if (s->depth == 1 && s->on_child != NULL) {
        s->child.text.len = (size_t)((const char *)s->at - s->child.text.ptr);
        s->child_rc = s->on_child(s);
        s->child_index++;
        if (s->child_rc != RC_OK) {
            return FAILED;
        }
    }
    return AFTER_VALUE;
}

static enum state close_container(struct scanner *s)
{
    s->at++;
    s->depth--;
    return end_value(s);
}

static enum json_span_type scan_type_of(unsigned char first)
{
    switch (first) {
    case '{': return JSON_SPAN_OBJECT;
    case '[': return JSON_SPAN_ARRAY;
    case '"': return JSON_SPAN_STRING;
    case 't': return JSON_SPAN_TRUE;
    case 'f': return JSON_SPAN_FALSE;
    case 'n': return JSON_SPAN_NULL;
    default: return JSON_SPAN_NUMBER;
    }
}

static bool take_scalar(struct scanner *s, unsigned char first)
{
    switch (first) {
    case '"': return take_string(s);
    case 't': return take_literal(s, STR("true"));
    case 'f': return take_literal(s, STR("false"));
    case 'n': return take_literal(s, STR("null"));
    default: break;
    }
    if (first == '-' || is_digit(first)) {
        return take_number(s);
    }
    (void)scan_fail(s, "not a value");
    return false;
}

static enum state take_value(struct scanner *s)
{
    unsigned char first = scan_peek(s);
    bool is_child = s->depth == 1 && s->on_child != NULL;
    if (is_child) {
        s->child = (struct json_span){ scan_type_of(first), { (const char *)s->at, 0 }, false };
    }
    if (first == '{' || first == '[') {
        return open_container(s, first == '{');
    }
    if (!take_scalar(s, first)) {
        return FAILED;
    }
    if (is_child && first == '"') {
        s->child.escaped = s->escaped;
    }
    return end_value(s);
}

/* A member's name and its colon. */
static enum state take_name(struct scanner *s)
{
    if (scan_peek(s) != '"') {
        return scan_fail(s, "the name of a member is not a string");
    }
    const char *from = (const char *)s->at;
    if (!take_string(s)) {
        return FAILED;
    }
    if (s->depth == 1 && s->on_child != NULL) {
        struct str text = { from, (size_t)((const char *)s->at - from) };
        s->name = (struct json_span){ JSON_SPAN_STRING, text, s->escaped };
    }
    skip_space(s);
    if (scan_peek(s) != ':') {
        return scan_fail(s, "a colon is missing after the name of a member");
    }
    s->at++;
    return VALUE;
}

static enum state take_separator(struct scanner *s)
{
    bool object = in_object(s);
    unsigned char c = scan_peek(s);
    if (c == ',') {
        s->at++;
        return object ? NAME : VALUE;
    }
    if (c == (object ? '}' : ']')) {
        return close_container(s);
    }
    return scan_fail(s, object ? "neither a comma nor the end of the object"
                               : "neither a comma nor the end of the array");
}

static enum state scan_step(struct scanner *s, enum state state)
{
    skip_space(s);
    switch (state) {
    case VALUE: return take_value(s);
    case FIRST_ELEMENT: return scan_peek(s) == ']' ? close_container(s) : take_value(s);
    case FIRST_NAME: return scan_peek(s) == '}' ? close_container(s) : take_name(s);
    case NAME: return take_name(s);
    case AFTER_VALUE: return take_separator(s);
    case DONE:
    case FAILED: break;
    }
    return state;
}

static enum rc scan_value(struct scanner *s, struct json_error *error)
{
    enum state state = VALUE;
    while (state < DONE) {
        state = scan_step(s, state);
    }
    if (state == DONE) {
        skip_space(s);
        if (s->at == s->end) {
            return RC_OK;
        }
        (void)scan_fail(s, "something follows after the value");
    }
    if (error != NULL) {
        *error = (struct json_error){ (size_t)(s->at - s->start), s->reason };
    }
    return s->child_rc != RC_OK ? s->child_rc : RC_INVALID;
}

static void scanner_init(struct scanner *s, struct str text)
{
    s->start = (const unsigned char *)(text.ptr == NULL ? "" : text.ptr);
    s->at = s->start;
    s->end = s->start + text.len;
    s->reason = NULL;
    s->depth = 0;
    s->on_child = NULL;
    s->ctx = NULL;
    s->child_index = 0;
    s->child_rc = RC_OK;
}

/* --- what others call ---------------------------------------------------------------------------- */

enum rc json_validate(struct str text, struct json_error *error)
{
    struct scanner s;
    scanner_init(&s, text);
    return scan_value(&s, error);
}

enum rc json_scan(struct str text, struct json_span *out, struct json_error *error)
{
    struct scanner s;
    scanner_init(&s, text);
    skip_space(&s);
    const char *from = (const char *)s.at;
    unsigned char first = scan_peek(&s);
    enum rc rc = scan_value(&s, error);
    size_t len = (size_t)((const char *)s.end - from);
    while (rc == RC_OK && strchr(" \n\r\t", from[len - 1]) != NULL)
        len--;
    *out = rc == RC_OK ? (struct json_span){ scan_type_of(first),
                                             { from, len },
                                             first == '"' && memchr(from, '\\', len) != NULL }
                       : (struct json_span){ JSON_SPAN_NONE, STR_NONE, false };
    return rc;
}

struct wish_list {
    struct json_member *members;
    size_t count;
    void (*other)(void *ctx, struct json_span name); /* NULL: nobody asks */
    void *ctx;
};

static enum rc note_wanted(struct scanner *s)
{
    const struct wish_list *list = s->ctx;
    for (size_t i = 0; i < list->count; i++) {
        struct json_member *member = &list->members[i];
        if (!json_span_is(s->name, member->name)) {
            continue;
        }
        if (member->value.type != JSON_SPAN_NONE) {
            s->at = (const unsigned char *)s->name.text.ptr;
            s->reason = "a member occurs twice";
            return RC_INVALID;
        }
        member->value = s->child;
        return RC_OK;
    }
    if (list->other != NULL)
        list->other(list->ctx, s->name);
    return RC_OK;
}

enum rc json_scan_object(struct str text, struct json_member *wanted, size_t count,
                         struct json_error *error)
{
    return json_scan_members(text, wanted, count, NULL, NULL, error);
}

enum rc json_scan_members(struct str text, struct json_member *wanted, size_t count,
                          void (*other)(void *ctx, struct json_span name), void *ctx,
                          struct json_error *error)
{
    struct wish_list list = { wanted, count, other, ctx };
    struct scanner s;
    for (size_t i = 0; i < count; i++) {
        wanted[i].value = (struct json_span){ JSON_SPAN_NONE, STR_NONE, false };
    }
    scanner_init(&s, text);
    s.on_child = note_wanted;
    s.ctx = &list;
    skip_space(&s);
    if (scan_peek(&s) != '{') {
        (void)scan_fail(&s, "not an object");
        if (error != NULL) {
            *error = (struct json_error){ (size_t)(s.at - s.start), s.reason };
        }
        return RC_INVALID;
    }
    return scan_value(&s, error);
}

struct member_visit {
    enum rc (*fn)(void *ctx, struct json_span name, struct json_span value);
    void *ctx;
};

static enum rc visit_member(struct scanner *s)
{
    const struct member_visit *visit = s->ctx;
    return visit->fn(visit->ctx, s->name, s->child);
}

enum rc json_span_members(struct json_span object,
                          enum rc (*fn)(void *ctx, struct json_span name, struct json_span value),
                          void *ctx)
{
    struct member_visit visit = { fn, ctx };
    struct scanner s;
    if (object.type != JSON_SPAN_OBJECT) {
        return RC_INVALID;
    }
    scanner_init(&s, object.text);
    s.on_child = visit_member;
    s.ctx = &visit;
    return scan_value(&s, NULL);
}

struct visit {
    enum rc (*fn)(void *ctx, size_t index, struct json_span value);
    void *ctx;
};

static enum rc visit_child(struct scanner *s)
{
    const struct visit *visit = s->ctx;
    return visit->fn(visit->ctx, s->child_index, s->child);
}

enum rc json_span_each(struct json_span array,
                       enum rc (*fn)(void *ctx, size_t index, struct json_span value), void *ctx)
{
    struct visit visit = { fn, ctx };
    struct scanner s;
    if (array.type != JSON_SPAN_ARRAY) {
        return RC_INVALID;
    }
    scanner_init(&s, array.text);
    s.on_child = visit_child;
    s.ctx = &visit;
    return scan_value(&s, NULL);
}
