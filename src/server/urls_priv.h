/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials in stored URLs.
 */
#pragma once

#include "server/server_priv.h"

/* Seals the credentials in URLs that older versions kept in clear. What fails is logged, and done at the next start. */
void server_seal_urls(struct store *store, const struct sign_vault *vault);
