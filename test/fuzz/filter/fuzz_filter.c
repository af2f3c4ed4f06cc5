/* SPDX-License-Identifier: Apache-2.0
 *
 * A filter, a zero byte, a body, a zero byte, a header's value. Whatever they are: matching ends, explaining
 * says the same, and a filter and its denial never both match.
 */
#include "../fuzz.h"

#include "filter/language.h"

static struct str part(struct str *rest)
{
    struct str first = str_sub(*rest, 0, str_find(*rest, '\0'));
    *rest = str_sub(*rest, first.len + 1, rest->len);
    return first;
}

static bool denied(struct str text, const struct filter_input *in)
{
    struct filter_program *program = NULL;
    struct buf b;
    bool found = false;
    buf_init(&b, FILTER_TEXT_MAX);
    if (buf_addf(&b, "{\"$not\":%.*s}", STR_ARGS(text)) == RC_OK &&
        filter_compile(buf_str(&b), &program, NULL) == RC_OK)
        found = filter_match(program, in, NULL);
    filter_program_free(program);
    buf_fini(&b);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_of((const char *)data, size);
    struct str text = part(&rest);
    struct str body = part(&rest);
    struct filter_pair header = { STR("x"), rest };
    struct filter_input in = { .body = body,
                               .headers = &header,
                               .header_count = 1,
                               .query = &header,
                               .query_count = 1,
                               .path = rest };
    struct filter_program *program = NULL;
    struct filter_fault fault = { .reason = "" };
    json_t *explanation = NULL;
    if (filter_compile(text, &program, &fault) != RC_OK) {
        MUST(program == NULL && fault.reason[0] != '\0');
        return 0;
    }
    bool found = filter_match(program, &in, &explanation);
    MUST(found == filter_match(program, &in, NULL));
    MUST(found == json_is_true(json_object_get(explanation, "matches")));
    MUST(!found || !denied(text, &in));
    json_decref(explanation);
    filter_program_free(program);
    return 0;
}
