/* SPDX-License-Identifier: Apache-2.0
 *
 * Webhooks of the Gaia dialect as rows.
 */
#include "caller.h"

#include "dialect/gaia_store.h"

enum { ORG = 3, TENANT = 5 };

static struct store_tx *begin(struct caller *c)
{
    struct store_tx *tx = NULL;
    assert_int_equal(store_write(c->store, &tx), RC_OK);
    return tx;
}

static struct gaia_row row_of(const char *token, int64_t tenant, int64_t n)
{
    return (struct gaia_row){ .token = str_from(token),
                              .org = ORG,
                              .app = 1,
                              .endpoint = 10 + n,
                              .tenant = tenant,
                              .datasource = STR("sensors"),
                              .event = STR("new"),
                              .ts_field = STR("at"),
                              .api_token = str_of("\0sealed", 7),
                              .host = STR("gaia.test"),
                              .created_ms = 100 - n };
}

static void assert_tokens(const struct gaia_row *rows, size_t count, const char *tokens)
{
    assert_int_equal(count, strlen(tokens));
    for (size_t i = 0; i < count; i++)
        assert_true(str_eq(rows[i].token, str_of(&tokens[i], 1)));
}

static void rows_are_found_listed_and_paged(void **state)
{
    struct caller *c = *state;
    struct store_tx *tx = begin(c);
    struct gaia_row found, *rows;
    size_t count;
    const struct gaia_row all[] = { row_of("a", TENANT, 0), row_of("B", TENANT, 1),
                                    row_of("c", TENANT + 1, 2) };
    for (size_t i = 0; i < COUNT_OF(all); i++)
        assert_int_equal(gaia_row_insert(tx, &all[i]), RC_OK);
    assert_int_equal(gaia_row_insert(tx, &all[0]), RC_CONFLICT);
    assert_int_equal(gaia_row_find(tx, ORG, STR("a"), &c->arena, &found), RC_OK);
    assert_true(str_eq(found.api_token, str_of("\0sealed", 7)));
    assert_int_equal(gaia_row_find(tx, ORG + 1, STR("a"), &c->arena, &found), RC_NOT_FOUND);
    assert_int_equal(
        gaia_row_find_same(tx, ORG, TENANT, STR("sensors"), STR("new"), &c->arena, &found), RC_OK);
    assert_true(str_eq(found.token, STR("B"))); /* the oldest */
    assert_int_equal(gaia_row_list(tx, ORG, TENANT, &c->arena, &rows, &count), RC_OK);
    assert_tokens(rows, count, "Ba");
    assert_int_equal(gaia_row_walk(tx, ORG, STR(""), 2, &c->arena, &rows, &count), RC_OK);
    assert_tokens(rows, count, "Ba"); /* in the order of bytes */
    struct gaia_row_page page = { ORG, GAIA_ANY_TENANT, .after = 10, .max = 9 };
    assert_int_equal(gaia_row_page(tx, &page, &c->arena, &rows, &count), RC_OK);
    assert_tokens(rows, count, "Bc");
    page =
        (struct gaia_row_page){ ORG, TENANT, .after = INT64_MAX, .is_descending = true, .max = 9 };
    assert_int_equal(gaia_row_page(tx, &page, &c->arena, &rows, &count), RC_OK);
    assert_tokens(rows, count, "Ba");
    store_end(tx);
}

static void a_row_is_changed_and_deleted(void **state)
{
    struct caller *c = *state;
    struct store_tx *tx = begin(c);
    struct gaia_row found, row = row_of("a", TENANT, 0);
    assert_int_equal(gaia_row_insert(tx, &row), RC_OK);
    row.host = STR("other.test");
    assert_int_equal(gaia_row_update(tx, &row), RC_OK);
    assert_int_equal(gaia_row_find(tx, ORG, STR("a"), &c->arena, &found), RC_OK);
    assert_true(str_eq(found.host, row.host));
    assert_int_equal(gaia_row_delete(tx, ORG, STR("a")), RC_OK);
    assert_int_equal(gaia_row_delete(tx, ORG, STR("a")), RC_NOT_FOUND);
    assert_int_equal(gaia_row_update(tx, &row), RC_NOT_FOUND);
    store_end(tx);
}

#define T(test) cmocka_unit_test_setup_teardown(test, caller_open, caller_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(rows_are_found_listed_and_paged),
        T(a_row_is_changed_and_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
