/* SPDX-License-Identifier: Apache-2.0 */
#include "store/owner.h"

#include "store/config_priv.h"

enum rc store_owner_find(struct store_tx *tx, enum store_owned what, struct str id,
                         struct store_owner *out)
{
    static const char *const queries[] = {
        [STORE_OWNED_APPLICATION] =
            "SELECT num, num, org FROM application WHERE id = ? AND deleted = 0",
        [STORE_OWNED_ENDPOINT] =
            "SELECT e.num, a.num, a.org FROM endpoint e JOIN application a ON a.num = e.app"
            " WHERE e.id = ? AND e.deleted = 0 AND a.deleted = 0",
        [STORE_OWNED_SOURCE] = "SELECT num, app, org FROM source WHERE id = ? AND deleted = 0",
        [STORE_OWNED_FILTER] =
            "SELECT f.num, a.num, a.org FROM filter f JOIN application a ON a.num = f.app"
            " WHERE f.id = ? AND a.deleted = 0",
    };
    enum rc rc;
    struct db_stmt *s = db_prepare(tx->db, queries[what]);
    db_bind_text(s, 1, id);
    bool found = db_step(s, &rc);
    if (found)
        *out = (struct store_owner){ db_int(s, 0), db_int(s, 1), db_int(s, 2) };
    db_reset(s);
    return rc == RC_OK && !found ? RC_NOT_FOUND : rc;
}
