/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests that are run a second time with the store's configuration on PostgreSQL: meson sets STORE_CONFIG=postgres in
 * their environment. A program that links this and is run so where there is no PostgreSQL is skipped before main().
 */
#pragma once

/* For struct store_options: NULL, or with STORE_CONFIG=postgres the URL of a database, which each call empties.
 * Borrowed. One thread. */
const char *on_server_url(void);
