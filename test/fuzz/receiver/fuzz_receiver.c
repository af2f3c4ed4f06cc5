/* SPDX-License-Identifier: Apache-2.0
 *
 * The receiver's reading of requests: whole and in pieces must come to the same.
 */
#include "../../../lib/http_read.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned read_steps(struct gn_http *h, const char *data, size_t size, size_t step,
                           size_t *taken)
{
    unsigned status = GN_HTTP_MORE;
    *taken = 0;
    while (*taken < size && status == GN_HTTP_MORE) {
        size_t used;
        size_t count = size - *taken < step ? size - *taken : step;
        status = gn_http_push(h, data + *taken, count, &used);
        *taken += used;
        if (used > count || (status == GN_HTTP_MORE && used != count)) {
            abort();
        }
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gn_budget budget = { .max = 1 << 20 };
    struct gn_http whole, pieces;
    size_t step = size > 0 ? data[0] % 16u + 1 : 1;
    size_t one, other;

    gn_http_init(&whole, 4096, 4096, &budget);
    gn_http_init(&pieces, 4096, 4096, &budget);
    unsigned a = read_steps(&whole, (const char *)data, size, size + 1, &one);
    unsigned b = read_steps(&pieces, (const char *)data, size, step, &other);
    if (a != b && a < 400 && b < 400) { /* a refusal may name the limit or the form, by piece */
        abort();
    }
    if (a == GN_HTTP_DONE && (b != a || one != other || whole.body_len != pieces.body_len)) {
        abort();
    }
    gn_http_reset(&whole);
    gn_http_reset(&pieces);
    if (budget.used != 0) {
        abort();
    }
    return 0;
}
