/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/copy/digest_priv.h.
 */
#include "store/copy/digest_priv.h"

#include <inttypes.h>

enum { DIGEST_ROW_MAX = 1 << 20, WAITING_AT = 3 };

static const char *const sort_kinds[COPY_SORTS] = { "lblllb", "llllll", "lllblll", "lbll", "lbll" };
static const char *const sort_names[COPY_SORTS] = { "messages", "deliveries", "attempts",
                                                    "requests", "filter runs" };
/* Only has to be the same on both sides. */
static const uint64_t digest_key[2] = { UINT64_C(0x6772617031), UINT64_C(0x636f7079) };

struct digesting {
    struct copy_digest *out;
    enum copy_sort sort;
    struct buf text;
};

static void add_bytes(struct digesting *d, const void *bytes, size_t len)
{
    enum rc rc = buf_add(&d->text, bytes, len);
    MUST(rc == RC_OK); /* keys and short columns only */
}

static enum rc digest_row(void *ctx, struct copy_row *row)
{
    struct digesting *d = ctx;
    buf_reset(&d->text);
    add_bytes(d, &d->sort, sizeof d->sort);
    for (size_t i = 0; i < row->count; i++) {
        const struct copy_value *v = &row->at[i];
        uint64_t head[2] = { (uint64_t)v->number, v->is_null ? UINT64_MAX : v->bytes.len };
        add_bytes(d, head, sizeof head);
        if (!v->is_null && v->bytes.len > 0)
            add_bytes(d, v->bytes.ptr, v->bytes.len);
    }
    d->out->sum += str_siphash(digest_key, buf_str(&d->text));
    d->out->rows[d->sort]++;
    if (d->sort == COPY_DELIVERIES && !row->at[WAITING_AT].is_null)
        d->out->waiting++;
    return RC_OK;
}

enum rc store_copy_digest(const struct copy_side *side, const struct copy_digest_sql *sql,
                          struct copy_digest *out)
{
    enum rc rc = RC_OK;
    *out = (struct copy_digest){ 0 };
    struct digesting d = { .out = out };
    buf_init(&d.text, DIGEST_ROW_MAX);
    for (d.sort = COPY_MESSAGES; rc == RC_OK && d.sort < COPY_SORTS; d.sort++)
        rc = store_copy_each(side, sql->of[d.sort], sort_kinds[d.sort], digest_row, &d);
    buf_fini(&d.text);
    return rc;
}

bool store_copy_digest_eq(const struct copy_digest *a, const struct copy_digest *b)
{
    return memcmp(a->rows, b->rows, sizeof a->rows) == 0 && a->waiting == b->waiting &&
           a->sum == b->sum;
}

void store_copy_digest_say(const struct copy_digest *source, const struct copy_digest *target,
                           struct buf *why)
{
    bool is_said = false;
    for (size_t i = 0; i < COPY_SORTS; i++) {
        if (source->rows[i] == target->rows[i])
            continue;
        buf_say(why, "%s%" PRId64 " %s there and %" PRId64 " in the copy", is_said ? ", " : "",
                source->rows[i], sort_names[i], target->rows[i]);
        is_said = true;
    }
    if (!is_said)
        buf_say(why, "as many rows there as in the copy, but not the same ones");
}
