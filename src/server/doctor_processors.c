/* SPDX-License-Identifier: Apache-2.0
 *
 * The doctor's look at webfilters: a processor at an address that fetch.allow does not have counts as one that does
 * not answer, so its filter lets everything pass unless it fails closed.
 */
#include "server/clients_priv.h"
#include "server/doctor_config_priv.h"
#include "server/doctor_priv.h"

#include <sys/socket.h>

enum { LOOK_UP_US = 1000000, PROCESSORS_MAX = 100 /* looked up; the others are not */ };

/* Says which address of the processor's is refused, and returns true, if all are. */
static bool is_out_of_reach(const struct fetch_policy *policy, struct str id, struct str text,
                            struct buf *out)
{
    struct sockaddr_storage found[FETCH_LOOK_UP_MAX];
    struct http_url url;
    struct buf why;
    const char *kind = "";
    if (http_url_parse(text, &url, NULL) != RC_OK)
        return false;
    buf_init(&why, 512);
    size_t count = fetch_look_up(url.host, url.port, LOOK_UP_US, found, &why);
    buf_fini(&why);
    for (size_t i = 0; i < count; i++)
        if (fetch_policy_allows(policy, (const struct sockaddr *)&found[i], &kind))
            return false;
    if (count == 0)
        return false; /* it may have a name tomorrow */
    buf_say(out,
            "webfilter %.*s: %.*s is at an address (%s) that fetch.allow does not have; the filter "
            "counts as not answering. Add the address or its network to fetch.allow",
            STR_ARGS(id), STR_ARGS(url.host), kind);
    return true;
}

static enum server_verdict doctor_processors_look(const struct fetch_policy *policy, struct db *db,
                                                  struct buf *text)
{
    enum server_verdict verdict = SERVER_CHECK_OK;
    enum rc rc;
    int count = 0;
    struct db_stmt *s = db_prepare(db, "SELECT id, url FROM filter WHERE enabled <> 0 LIMIT ?");
    db_bind_int(s, 1, PROCESSORS_MAX);
    while (verdict == SERVER_CHECK_OK && db_step(s, &rc)) {
        count++;
        if (is_out_of_reach(policy, db_borrow(s, 0), db_borrow(s, 1), text))
            verdict = SERVER_CHECK_WARN;
    }
    if (verdict == SERVER_CHECK_OK)
        buf_say(text, "%d webfilters may be asked", count);
    return verdict;
}

enum server_verdict server_doctor_processors(const struct conf *c, struct buf *text)
{
    struct fetch_policy *policy = NULL;
    struct db *db = server_doctor_config(c);
    if (db == NULL || server_fetch_policy(c, &policy, text) != RC_OK) {
        db_close(db);
        buf_reset(text);
        buf_say(text, "none yet");
        return SERVER_CHECK_OK;
    }
    enum server_verdict verdict = doctor_processors_look(policy, db, text);
    fetch_policy_unref(policy);
    db_close(db);
    return verdict;
}
