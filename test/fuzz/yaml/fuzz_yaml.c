/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML of OpenAPI documents and hook files. What is read is a tree that JSON could have made: written as
 * JSON, read and written again it is the same text. What is refused has a reason.
 */
#include "../fuzz.h"

#include "json/json.h"

enum { WRITTEN_MAX = 64 << 20 };

/* As text: a real that is whole is read again as an integer. */
static void check_tree(const json_t *tree)
{
    struct buf written, second;
    json_t *again = NULL;
    buf_init(&written, WRITTEN_MAX);
    buf_init(&second, WRITTEN_MAX);
    enum rc rc = json_write(tree, &written);
    MUST(rc == RC_OK || rc == RC_LIMIT);
    MUST(rc != RC_OK || json_validate(buf_str(&written), NULL) == RC_OK);
    if (rc == RC_OK && json_parse(buf_str(&written), &again, NULL) == RC_OK) {
        MUST(json_write(again, &second) == RC_OK);
        MUST(str_eq(buf_str(&written), buf_str(&second)));
    }
    json_decref(again);
    buf_fini(&written);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_error error = { 0 };
    json_t *tree = NULL;
    enum rc rc = json_parse_yaml(str_of((const char *)data, size), &tree, &error);
    MUST(rc == RC_OK || rc == RC_INVALID || rc == RC_LIMIT);
    MUST((rc == RC_OK) == (tree != NULL));
    MUST(rc == RC_OK || error.reason != NULL);
    if (rc == RC_OK)
        check_tree(tree);
    json_decref(tree);
    return 0;
}
