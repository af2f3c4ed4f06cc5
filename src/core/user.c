/* SPDX-License-Identifier: Apache-2.0
 *
 * See core/user.h.
 */
#include "core/user.h"

#include "core/meter.h"
#include "core/options.h"
#include "json/json.h"

#include <stdatomic.h>

enum { FAILURE_PLACES = 16384, FAILURES_AT_ONCE = 10, OPENED_MAX = 4096 };

static const int64_t second_us = 1000000;
static const int64_t failure_gap_us = 30 * INT64_C(1000000);
static const int64_t timestamp_off_us = 300 * INT64_C(1000000);

struct core_users {
    struct core_users_options o;
    struct core_meter *failures;
    atomic_int checking;
    char nobody[CORE_PASSWORD_TEXT_MAX]; /* the hash of a password that nobody has */
};

struct core_users *core_users_new(const struct core_users_options *o)
{
    struct core_users *u = XNEW(struct core_users);
    uint8_t password[32];
    u->o = *o;
    u->failures = core_meter_new(FAILURE_PLACES, failure_gap_us, FAILURES_AT_ONCE);
    atomic_init(&u->checking, 0);
    rng_fill(o->rng, password, sizeof(password));
    enum rc rc =
        core_password_hash(o->rng, str_of((const char *)password, sizeof(password)), u->nobody);
    MUST(rc == RC_OK);
    return u;
}

void core_users_free(struct core_users *u)
{
    if (u == NULL)
        return;
    core_meter_free(u->failures);
    xfree(u);
}

/* --- finding --------------------------------------------------------------------------------------- */

enum rc core_tenant_find(struct store_tx *tx, struct str name_or_id, struct arena *a,
                         struct store_org *out)
{
    enum rc rc = store_org_find(tx, name_or_id, a, out);
    return rc == RC_NOT_FOUND ? store_org_named(tx, name_or_id, a, out) : rc;
}

static enum rc find_in(struct store_tx *tx, struct str tenant, struct str name, struct arena *a,
                       struct core_user *out)
{
    enum rc rc;
    if (tenant.len == 0) {
        rc = store_user_only(tx, name, a, &out->row);
        return rc == RC_OK ? store_org_by_num(tx, out->row.org, a, &out->org) : rc;
    }
    rc = core_tenant_find(tx, tenant, a, &out->org);
    return rc == RC_OK ? store_user_find(tx, out->org.num, name, a, &out->row) : rc;
}

static enum rc find(struct core_users *u, struct str tenant, struct str name, struct arena *a,
                    struct core_user *out)
{
    struct store_tx *tx = NULL;
    *out = (struct core_user){ 0 };
    if (name.len > CORE_USER_NAME_MAX || tenant.len > CORE_USER_NAME_MAX)
        return RC_NOT_FOUND;
    enum rc rc = store_read(u->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = find_in(tx, tenant, name, a, out);
    store_end(tx);
    return rc;
}

enum rc core_user_load(struct core_users *u, int64_t num, struct arena *a, struct core_user *out)
{
    struct store_tx *tx = NULL;
    enum rc rc = store_read(u->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_user_by_num(tx, num, a, &out->row);
    if (rc == RC_OK)
        rc = store_org_by_num(tx, out->row.org, a, &out->org);
    store_end(tx);
    return rc;
}

bool core_user_has_role(const struct core_user *user, const char *const *any_of, size_t count)
{
    json_t *roles = NULL;
    bool has = false;
    if (json_parse(user->row.roles, &roles, NULL) != RC_OK)
        return false;
    for (size_t i = 0; i < json_array_size(roles); i++) {
        const char *role = json_string_value(json_array_get(roles, i));
        for (size_t k = 0; role != NULL && k < count; k++)
            has |= strcmp(role, any_of[k]) == 0;
    }
    json_decref(roles);
    return has;
}

/* --- logging in ------------------------------------------------------------------------------------ */

/* Whose failures: the user's however they were named, or the name that is nobody's. */
static uint64_t failure_key(enum rc found, const struct core_user *user, struct str name)
{
    if (found == RC_OK)
        return (uint64_t)user->row.num * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    return str_hash(str_sub(name, 0, CORE_USER_NAME_MAX));
}

static int64_t now_us(const struct core_users *u)
{
    return clock_mono_us(u->o.clock);
}

static enum core_login judge(struct core_users *u, uint64_t key, bool is_right)
{
    if (!is_right)
        (void)core_meter_take(u->failures, key, now_us(u)); /* what comes next is refused then */
    return is_right ? CORE_LOGIN_OK : CORE_LOGIN_WRONG;
}

enum core_login core_login_password(struct core_users *u, struct str tenant, struct str name,
                                    struct str password, struct arena *a, struct core_user *out)
{
    enum rc found = find(u, tenant, name, a, out);
    if (found != RC_OK && found != RC_NOT_FOUND)
        return CORE_LOGIN_BUSY;
    uint64_t key = failure_key(found, out, name);
    if (!core_meter_has_room(u->failures, key, now_us(u)))
        return CORE_LOGIN_LIMITED;
    if (atomic_fetch_add(&u->checking, 1) >= u->o.at_once) {
        atomic_fetch_sub(&u->checking, 1);
        return CORE_LOGIN_BUSY;
    }
    bool has_password = found == RC_OK && out->row.password.len > 0;
    bool is_right =
        core_password_is(has_password ? out->row.password : str_from(u->nobody), password);
    atomic_fetch_sub(&u->checking, 1);
    return judge(u, key, is_right && has_password);
}

/* SHA-1 in hex of what both sides know. The text holds the secret: it is wiped. */
static void shared_proof(struct str timestamp, struct str name, struct str secret,
                         char out[static CORE_SHA1_HEX + 1])
{
    struct buf text;
    buf_init(&text, timestamp.len + name.len + OPENED_MAX + 64);
    buf_say(&text, "preservica-external-auth%.*s%.*s%.*s", STR_ARGS(timestamp), STR_ARGS(name),
            STR_ARGS(secret));
    core_sha1_hex(buf_str(&text), out);
    mem_wipe(text.ptr, text.len);
    buf_fini(&text);
}

enum core_login core_login_shared(struct core_users *u, struct str tenant, struct str name,
                                  struct str timestamp, struct str hash, struct arena *a,
                                  struct core_user *out)
{
    char expected[CORE_SHA1_HEX + 1];
    struct str secret = STR("a secret that nobody has");
    int64_t at_s = 0;
    enum rc found = find(u, tenant, name, a, out);
    if (found != RC_OK && found != RC_NOT_FOUND)
        return CORE_LOGIN_BUSY;
    uint64_t key = failure_key(found, out, name);
    if (!core_meter_has_room(u->failures, key, now_us(u)))
        return CORE_LOGIN_LIMITED;
    bool is_right = found == RC_OK && out->row.secret.ptr != NULL &&
                    core_user_open(u->o.vault, CORE_USER_SHARED, out->row.org, out->row.name,
                                   out->row.secret, a, &secret) == RC_OK;
    shared_proof(timestamp, name, secret, expected);
    is_right &= str_eq_constant_time(str_from(expected), hash);
    if (str_to_i64(timestamp, &at_s) != RC_OK || at_s < 0 || at_s > INT32_MAX * INT64_C(4))
        return judge(u, key, false);
    int64_t off_us = clock_wall_us(u->o.clock) - at_s * second_us;
    return judge(u, key, is_right && off_us < timestamp_off_us && off_us > -timestamp_off_us);
}

static enum rc use_step(struct core_users *u, int64_t num, int64_t step)
{
    struct store_tx *tx = NULL;
    if (u->o.codes_are_reused)
        return RC_OK;
    enum rc rc = store_write(u->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_user_use_step(tx, num, step);
    if (rc == RC_OK)
        return store_commit(tx);
    store_end(tx);
    return rc;
}

enum core_login core_login_code(struct core_users *u, const struct core_user *user, struct str code,
                                struct arena *a)
{
    struct str secret;
    int64_t step = 0;
    uint64_t key = failure_key(RC_OK, user, STR_NONE);
    if (!core_meter_has_room(u->failures, key, now_us(u)))
        return CORE_LOGIN_LIMITED;
    if (user->row.totp.ptr == NULL ||
        core_user_open(u->o.vault, CORE_USER_TOTP, user->row.org, user->row.name, user->row.totp, a,
                       &secret) != RC_OK ||
        !core_totp_is(secret, code, clock_wall_us(u->o.clock), &step))
        return judge(u, key, false);
    enum rc rc = use_step(u, user->row.num, step);
    if (rc == RC_OK || rc == RC_NOT_FOUND)
        return judge(u, key, rc == RC_OK);
    return CORE_LOGIN_BUSY;
}

/* --- secrets --------------------------------------------------------------------------------------- */

static struct str context_of(struct arena *a, enum core_user_secret what, int64_t org,
                             struct str name)
{
    return arena_fmt(a, "%s:%lld:%.*s", what == CORE_USER_TOTP ? "user-totp" : "user-shared",
                     (long long)org, STR_ARGS(name));
}

enum rc core_user_seal(const struct sign_vault *v, enum core_user_secret what, int64_t org,
                       struct str name, struct str plain, struct buf *out)
{
    struct arena a;
    arena_init(&a);
    enum rc rc = sign_seal(v, context_of(&a, what, org, name), plain, out);
    arena_fini(&a);
    return rc;
}

enum rc core_user_open(const struct sign_vault *v, enum core_user_secret what, int64_t org,
                       struct str name, struct str sealed, struct arena *a, struct str *out)
{
    struct buf plain;
    buf_init(&plain, OPENED_MAX);
    enum rc rc = sign_open(v, context_of(a, what, org, name), sealed, &plain);
    if (rc == RC_OK)
        *out = core_keep_secret(a, buf_str(&plain));
    if (plain.ptr != NULL)
        mem_wipe(plain.ptr, plain.len);
    buf_fini(&plain);
    return rc;
}
