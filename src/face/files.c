/* SPDX-License-Identifier: Apache-2.0
 *
 * See face/files_priv.h.
 */
#include "face/files_priv.h"

#include "http/gzip.h"

#include <stdatomic.h>

extern const char face_web_bytes[];

/* The rows of web_table.inc: FACE_PAGE and FACE_ASSET(name, type, where and how long it is raw, in Brotli and in gzip,
 * etag); FACE_MISSING(why). */
#define NO_FILE(name, type, raw, raw_len, br, br_len, gz, gz_len, etag)
#define FILE_ROW(name, type, raw, raw_len, br, br_len, gz, gz_len, etag) \
    { (name), (type), { { (raw), (raw_len) }, { (br), (br_len) }, { (gz), (gz_len) } }, (etag) },

static const char *const missing[] = {
#define FACE_PAGE NO_FILE
#define FACE_ASSET NO_FILE
#define FACE_MISSING(why) (why),
#include "face/web_table.inc"
#undef FACE_PAGE
#undef FACE_ASSET
#undef FACE_MISSING
    NULL
};

#define FACE_MISSING(why)

static const struct face_file assets[] = { /* in the order of their names */
#define FACE_PAGE NO_FILE
#define FACE_ASSET FILE_ROW
#include "face/web_table.inc"
#undef FACE_PAGE
#undef FACE_ASSET
                                           { 0 }
};

static const struct face_file pages[] = {
#define FACE_PAGE FILE_ROW
#define FACE_ASSET NO_FILE
#include "face/web_table.inc"
    { 0 }
};

const char *face_missing(void)
{
    return missing[0];
}

const struct face_file *face_asset_find(struct str name)
{
    size_t low = 0, high = COUNT_OF(assets) - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_cmp(name, str_from(assets[middle].name));
        if (order == 0)
            return &assets[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct face_file *face_page_find(const char *name)
{
    for (const struct face_file *f = pages; f->name != NULL; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

unsigned face_file_codings(const struct face_file *f)
{
    unsigned bits = 0;
    for (unsigned c = 0; c < HTTP_CODINGS; c++)
        if (c == HTTP_CODING_NONE || f->coded[c].len > 0)
            bits |= 1u << c;
    return bits;
}

/* --- as they are, for those who take nothing packed ---------------------------------------------------- */

/* In the order of `assets`; NULL: not asked for yet. */
static char *_Atomic unpacked[COUNT_OF(assets)];

static char *unpack_file(const struct face_file *f)
{
    struct buf plain;
    buf_init(&plain, f->coded[HTTP_CODING_NONE].len);
    MUST(http_gunzip(face_file_bytes(f, HTTP_CODING_GZIP), &plain) == RC_OK); /* it is ours */
    MUST(plain.len == f->coded[HTTP_CODING_NONE].len);
    return plain.ptr;
}

/* Two who ask at once both unpack, and one copy stays. */
static const char *face_unpacked(const struct face_file *f)
{
    char *_Atomic *kept = &unpacked[f - assets];
    char *before = atomic_load(kept);
    if (before != NULL)
        return before;
    char *mine = unpack_file(f);
    if (atomic_compare_exchange_strong(kept, &before, mine))
        return mine;
    xfree(mine);
    return before;
}

struct str face_file_bytes(const struct face_file *f, enum http_coding coding)
{
    struct face_span at = f->coded[coding];
    if (at.at == FACE_PACKED)
        return str_of(face_unpacked(f), at.len);
    return str_of(face_web_bytes + at.at, at.len);
}
