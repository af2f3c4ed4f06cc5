/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte strings and working memory.
 */
#include "bytes.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

struct grapnel_bytes gn_cstr(const char *text)
{
    return gn_bytes(text, text == NULL ? 0 : strlen(text));
}

bool gn_eq(struct grapnel_bytes a, struct grapnel_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static char bytes_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool gn_ieq(struct grapnel_bytes a, struct grapnel_bytes b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (bytes_lower(a.ptr[i]) != bytes_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool gn_starts(struct grapnel_bytes s, struct grapnel_bytes prefix)
{
    return s.len >= prefix.len && gn_eq(gn_bytes(s.ptr, prefix.len), prefix);
}

size_t gn_find(struct grapnel_bytes s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);
    return at == NULL ? s.len : (size_t)(at - s.ptr);
}

struct grapnel_bytes gn_trim(struct grapnel_bytes s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = gn_skip(s, 1);
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

bool gn_split(struct grapnel_bytes *rest, char sep, struct grapnel_bytes *part)
{
    if (rest->ptr == NULL) {
        return false;
    }
    size_t at = gn_find(*rest, sep);
    *part = gn_bytes(rest->ptr, at);
    *rest = at == rest->len ? GN_NONE : gn_skip(*rest, at + 1);
    return true;
}

int gn_cmp(struct grapnel_bytes a, struct grapnel_bytes b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* --- working memory ------------------------------------------------------------------------------ */

enum { BLOCK_BYTES = 4096, ALIGNMENT = 16 };

struct gn_block {
    struct gn_block *next;
    size_t used;
    size_t size;
    _Alignas(ALIGNMENT) char bytes[];
};

static struct gn_block *block_new(struct gn_arena *a, size_t size)
{
    size_t wanted = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    if (wanted > a->limit - a->used) {
        return NULL;
    }
    struct gn_block *block = malloc(sizeof(*block) + wanted);
    if (block == NULL) {
        return NULL;
    }
    block->next = a->blocks;
    block->used = 0;
    block->size = wanted;
    a->blocks = block;
    a->used += wanted;
    return block;
}

void *gn_alloc(struct gn_arena *a, size_t size)
{
    if (size > SIZE_MAX - ALIGNMENT) {
        return NULL;
    }
    size_t padded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct gn_block *block = a->blocks;
    if (block == NULL || block->size - block->used < padded) {
        block = block_new(a, padded);
    }
    if (block == NULL) {
        return NULL;
    }
    void *place = block->bytes + block->used;
    block->used += padded;
    return place;
}

struct grapnel_bytes gn_join(struct gn_arena *a, const struct grapnel_bytes *pieces, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += pieces[i].len;
    }
    char *out = gn_alloc(a, total + 1);
    if (out == NULL) {
        return GN_NONE;
    }
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len > 0) {
            memcpy(out + len, pieces[i].ptr, pieces[i].len);
        }
        len += pieces[i].len;
    }
    out[len] = '\0';
    return gn_bytes(out, len);
}

void gn_arena_fini(struct gn_arena *a)
{
    for (struct gn_block *block = a->blocks, *next; block != NULL; block = next) {
        next = block->next;
        OPENSSL_cleanse(block->bytes, block->used);
        free(block);
    }
    a->blocks = NULL;
}

/* --- text into a fixed place ---------------------------------------------------------------------- */

void gn_say(struct gn_out *out, const char *format, ...)
{
    if (out->ptr == NULL || out->cap == 0) {
        return;
    }
    size_t room = out->cap - out->len;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(out->ptr + out->len, room, format, args);
    va_end(args);
    if (wanted > 0) {
        out->len += (size_t)wanted < room ? (size_t)wanted : room - 1;
    }
}

void gn_say_escaped(struct gn_out *out, struct grapnel_bytes s, size_t max)
{
    for (size_t i = 0; i < s.len && i < max; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '\n') {
            gn_say(out, "\\n");
        } else if (c == '\\') {
            gn_say(out, "\\\\");
        } else if (c >= 0x20 && c < 0x7f) {
            gn_say(out, "%c", c);
        } else {
            gn_say(out, "\\x%02x", c);
        }
    }
    if (s.len > max) {
        gn_say(out, "... (%zu more bytes)", s.len - max);
    }
}
