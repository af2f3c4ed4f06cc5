/* SPDX-License-Identifier: Apache-2.0
 *
 * Dumps of the older CKAN extension's table. What is taken has an id in each row; and written as CSV with
 * every field quoted, CSV comes back as the same rows.
 */
#include "../fuzz.h"

#include "cli/ckan_dump_priv.h"

enum { WRITTEN_MAX = 1 << 20 };

static void add_field(struct buf *out, struct str text, bool last)
{
    struct str part;
    MUST(buf_add_char(out, '"') == RC_OK);
    while (text.len > 0) {
        size_t quote = str_find(text, '"');
        part = str_sub(text, 0, quote);
        MUST(buf_add_str(out, part) == RC_OK);
        if (quote < text.len)
            MUST(buf_add_str(out, STR("\"\"")) == RC_OK);
        text = str_sub(text, quote + 1, text.len);
    }
    MUST(buf_add_str(out, last ? STR("\"\n") : STR("\",")) == RC_OK);
}

/* One line: the names of the row's members, or their values. False: a value is no text. */
static bool add_line(struct buf *out, json_t *row, bool names)
{
    size_t left = json_object_size(row);
    for (void *at = json_object_iter(row); at != NULL; at = json_object_iter_next(row, at)) {
        const json_t *value = json_object_iter_value(at);
        if (!json_is_string(value))
            return false;
        struct str name = str_of(json_object_iter_key(at), json_object_iter_key_len(at));
        struct str text = json_str_of(value);
        add_field(out, names ? name : text, --left == 0);
    }
    return true;
}

static void check_again(json_t *rows)
{
    struct buf csv;
    struct arena a;
    json_t *again = json_array();
    bool fine = true;
    arena_init(&a);
    buf_init(&csv, WRITTEN_MAX);
    for (size_t i = 0; i <= json_array_size(rows) && fine; i++)
        fine = add_line(&csv, json_array_get(rows, i == 0 ? 0 : i - 1), i == 0);
    if (fine) {
        MUST(cli_ckan_dump_read(&a, buf_str(&csv), again) == RC_OK);
        MUST(json_equal(rows, again));
    }
    json_decref(again);
    buf_fini(&csv);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of((const char *)data, size);
    json_t *rows = json_array();
    struct arena a;
    if (size > WRITTEN_MAX / 64) {
        json_decref(rows);
        return 0;
    }
    arena_init(&a);
    enum rc rc = cli_ckan_dump_read(&a, text, rows);
    MUST(rc == RC_OK || rc == RC_INVALID);
    for (size_t i = 0; rc == RC_OK && i < json_array_size(rows); i++)
        MUST(json_string_length(json_object_get(json_array_get(rows, i), "id")) > 0);
    bool is_csv = size > 0 && data[0] != '[' && data[0] != '{';
    if (rc == RC_OK && is_csv && str_is_utf8(text))
        check_again(rows);
    json_decref(rows);
    arena_fini(&a);
    return 0;
}
