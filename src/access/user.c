/* SPDX-License-Identifier: Apache-2.0
 *
 * See access/user.h.
 */
#include "access/user.h"

#include "core/meter.h"
#include "json/json.h"

#include <stdatomic.h>

enum {
    FAILURE_PLACES = 16384,
    FAILURES_AT_ONCE = 10, /* of an address for a name */
    ADDRESS_AT_ONCE = 50,  /* of an address */
    NAME_AT_ONCE =
        100, /* of a name: from one address that has logged in with it, or from all others */
    OPENED_MAX = 4096
};

static const int64_t second_us = 1000000;
static const int64_t failure_gap_us = 30 * INT64_C(1000000);
static const int64_t address_gap_us = 6 * INT64_C(1000000);
static const int64_t name_gap_us = 3 * INT64_C(1000000);
static const int64_t timestamp_off_us = 300 * INT64_C(1000000);

struct access_users {
    struct access_users_options o;
    /* Each limit has places of its own: strangers cannot fill those that people with a password count in. */
    struct core_meter *of_pair, *of_address, *of_name, *of_known, *of_code;
    struct share *checking;                /* places for passwords that strangers have checked */
    atomic_int checking_known;             /* and for addresses that have logged in with the name */
    atomic_ullong known[FAILURE_PLACES];   /* pairs of a name and an address that did; 0: none */
    char nobody[ACCESS_PASSWORD_TEXT_MAX]; /* the hash of a password that nobody has */
};

struct access_users *access_users_new(const struct access_users_options *o)
{
    struct access_users *u = XNEW(struct access_users);
    uint8_t password[32];
    u->o = *o;
    u->of_pair = core_meter_new(FAILURE_PLACES, failure_gap_us, FAILURES_AT_ONCE);
    u->of_address = core_meter_new(FAILURE_PLACES, address_gap_us, ADDRESS_AT_ONCE);
    u->of_name = core_meter_new(FAILURE_PLACES, name_gap_us, NAME_AT_ONCE);
    u->of_known = core_meter_new(FAILURE_PLACES, name_gap_us, NAME_AT_ONCE);
    u->of_code = core_meter_new(FAILURE_PLACES, failure_gap_us, FAILURES_AT_ONCE);
    size_t strangers = o->at_once > 1 ? (size_t)o->at_once - 1 : 1;
    u->checking = share_new(strangers, (strangers + 1) / 2);
    atomic_init(&u->checking_known, 0);
    rng_fill(o->rng, password, sizeof(password));
    enum rc rc =
        access_password_hash(o->rng, str_of((const char *)password, sizeof(password)), u->nobody);
    MUST(rc == RC_OK);
    return u;
}

void access_users_free(struct access_users *u)
{
    if (u == NULL)
        return;
    core_meter_free(u->of_pair);
    core_meter_free(u->of_address);
    core_meter_free(u->of_name);
    core_meter_free(u->of_known);
    core_meter_free(u->of_code);
    share_free(u->checking);
    xfree(u);
}

/* --- finding --------------------------------------------------------------------------------------- */

enum rc access_tenant_find(struct store_tx *tx, struct str name_or_id, struct arena *a,
                           struct store_org *out)
{
    enum rc rc = store_org_find(tx, name_or_id, a, out);
    return rc == RC_NOT_FOUND ? store_org_named(tx, name_or_id, a, out) : rc;
}

static enum rc find_in(struct store_tx *tx, struct str tenant, struct str name, struct arena *a,
                       struct access_user *out)
{
    enum rc rc;
    if (tenant.len == 0) {
        rc = store_user_only(tx, name, a, &out->row);
        return rc == RC_OK ? store_org_by_num(tx, out->row.org, a, &out->org) : rc;
    }
    rc = access_tenant_find(tx, tenant, a, &out->org);
    return rc == RC_OK ? store_user_find(tx, out->org.num, name, a, &out->row) : rc;
}

static enum rc user_find(struct access_users *u, struct str tenant, struct str name,
                         struct arena *a, struct access_user *out)
{
    struct store_tx *tx = NULL;
    *out = (struct access_user){ 0 };
    if (name.len > ACCESS_USER_NAME_MAX || tenant.len > ACCESS_USER_NAME_MAX)
        return RC_NOT_FOUND;
    enum rc rc = store_read(u->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = find_in(tx, tenant, name, a, out);
    store_end(tx);
    return rc;
}

bool access_user_is_here(struct access_users *u, struct str tenant, struct str name)
{
    struct arena a;
    struct access_user user;
    arena_init(&a);
    enum rc rc = user_find(u, tenant, name, &a, &user);
    arena_fini(&a);
    return rc != RC_NOT_FOUND;
}

enum rc access_user_load(struct access_users *u, int64_t num, struct arena *a,
                         struct access_user *out)
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

bool access_user_has_role(const struct access_user *user, const char *const *any_of, size_t count)
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

/* One try to log in: whose failures it may add to. */
struct login_try {
    uint64_t name; /* the user however they were named, or the name that is nobody's */
    uint64_t pair; /* the same from this address */
    uint64_t address;
    bool is_known; /* this address has logged in with the name */
};

static uint64_t user_mix(uint64_t a, uint64_t b)
{
    uint64_t both[] = { a, b };
    return str_hash(str_of((const char *)both, sizeof(both)));
}

static struct login_try try_of(const struct access_users *u, uint64_t from, enum rc found,
                               const struct access_user *user, struct str name)
{
    struct login_try t = { .address = user_mix(from, 0) };
    t.name = found == RC_OK ? user_mix((uint64_t)user->row.num, 1)
                            : str_hash(str_sub(name, 0, ACCESS_USER_NAME_MAX));
    t.pair = user_mix(t.name, t.address);
    t.is_known = found == RC_OK && atomic_load_explicit(&u->known[t.pair % FAILURE_PLACES],
                                                        memory_order_relaxed) == t.pair;
    return t;
}

static int64_t now_us(const struct access_users *u)
{
    return clock_mono_us(u->o.clock);
}

static bool may_try(const struct access_users *u, const struct login_try *t)
{
    int64_t now = now_us(u);
    if (t->is_known)
        return core_meter_has_room(u->of_known, t->pair, now);
    return core_meter_has_room(u->of_pair, t->pair, now) &&
           core_meter_has_room(u->of_address, t->address, now) &&
           core_meter_has_room(u->of_name, t->name, now);
}

static enum access_login login_judge(struct access_users *u, const struct login_try *t,
                                     bool is_right)
{
    int64_t now = now_us(u);
    if (is_right) {
        atomic_store_explicit(&u->known[t->pair % FAILURE_PLACES], t->pair, memory_order_relaxed);
        return ACCESS_LOGIN_OK;
    }
    /* What finds no place is over the limit already: what comes next is refused unheard. */
    if (t->is_known) {
        (void)core_meter_take(u->of_known, t->pair, now);
    } else {
        (void)core_meter_take(u->of_pair, t->pair, now);
        (void)core_meter_take(u->of_address, t->address, now);
        (void)core_meter_take(u->of_name, t->name, now);
    }
    return ACCESS_LOGIN_WRONG;
}

/* A place to check a password in. */
static bool place_take(struct access_users *u, const struct login_try *t)
{
    if (!t->is_known)
        return share_take(u->checking, t->address, 1) == RC_OK;
    if (atomic_fetch_add(&u->checking_known, 1) < u->o.at_once)
        return true;
    atomic_fetch_sub(&u->checking_known, 1);
    return false;
}

static void place_give(struct access_users *u, const struct login_try *t)
{
    if (t->is_known)
        atomic_fetch_sub(&u->checking_known, 1);
    else
        share_give(u->checking, t->address, 1);
}

enum access_login access_login_password(struct access_users *u, uint64_t from, struct str tenant,
                                        struct str name, struct str password, struct arena *a,
                                        struct access_user *out)
{
    enum rc found = user_find(u, tenant, name, a, out);
    if (found != RC_OK && found != RC_NOT_FOUND)
        return ACCESS_LOGIN_BUSY;
    struct login_try t = try_of(u, from, found, out, name);
    if (!may_try(u, &t))
        return ACCESS_LOGIN_LIMITED;
    if (!place_take(u, &t))
        return ACCESS_LOGIN_BUSY;
    bool has_password = found == RC_OK && !out->row.is_disabled && out->row.password.len > 0;
    bool is_right =
        access_password_is(has_password ? out->row.password : str_from(u->nobody), password);
    place_give(u, &t);
    return login_judge(u, &t, is_right && has_password);
}

/* SHA-1 in hex of what both sides know. The text holds the secret: it is wiped. */
static void shared_proof(const struct access_users *u, struct str timestamp, struct str name,
                         struct str secret, char out[static ACCESS_SHA1_HEX + 1])
{
    struct buf text;
    buf_init(&text, timestamp.len + name.len + OPENED_MAX + 64);
    buf_say(&text, "%s%.*s%.*s%.*s", u->o.proof_prefix, STR_ARGS(timestamp), STR_ARGS(name),
            STR_ARGS(secret));
    access_sha1_hex(buf_str(&text), out);
    mem_wipe(text.ptr, text.len);
    buf_fini(&text);
}

enum access_login access_login_shared(struct access_users *u, uint64_t from, struct str tenant,
                                      struct str name, struct str timestamp, struct str hash,
                                      struct arena *a, struct access_user *out)
{
    char expected[ACCESS_SHA1_HEX + 1];
    struct str secret = STR("a secret that nobody has");
    int64_t at_s = 0;
    enum rc found = user_find(u, tenant, name, a, out);
    if (found != RC_OK && found != RC_NOT_FOUND)
        return ACCESS_LOGIN_BUSY;
    struct login_try t = try_of(u, from, found, out, name);
    if (!may_try(u, &t))
        return ACCESS_LOGIN_LIMITED;
    bool is_right = found == RC_OK && !out->row.is_disabled && out->row.secret.ptr != NULL &&
                    access_user_open(u->o.vault, ACCESS_USER_SHARED, out->row.org, out->row.name,
                                     out->row.secret, a, &secret) == RC_OK;
    shared_proof(u, timestamp, name, secret, expected);
    is_right &= str_eq_constant_time(str_from(expected), hash);
    if (str_to_i64(timestamp, &at_s) != RC_OK || at_s < 0 || at_s > INT32_MAX * INT64_C(4))
        return login_judge(u, &t, false);
    int64_t off_us = clock_wall_us(u->o.clock) - at_s * second_us;
    return login_judge(u, &t, is_right && off_us < timestamp_off_us && off_us > -timestamp_off_us);
}

static enum rc use_step(struct access_users *u, int64_t num, int64_t step)
{
    struct store_tx *tx = NULL;
    if (u->o.codes_are_reused)
        return RC_OK;
    enum rc rc = store_write(u->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    rc = store_user_use_step(tx, num, step);
    return store_finish(tx, rc);
}

static enum access_login code_judge(struct access_users *u, uint64_t key, bool is_right)
{
    if (!is_right)
        (void)core_meter_take(u->of_code, key, now_us(u));
    return is_right ? ACCESS_LOGIN_OK : ACCESS_LOGIN_WRONG;
}

enum access_login access_login_code(struct access_users *u, const struct access_user *user,
                                    struct str code, struct arena *a)
{
    struct str secret;
    int64_t step = 0;
    uint64_t key = user_mix((uint64_t)user->row.num, 2);
    if (!core_meter_has_room(u->of_code, key, now_us(u)))
        return ACCESS_LOGIN_LIMITED;
    if (user->row.totp.ptr == NULL ||
        access_user_open(u->o.vault, ACCESS_USER_TOTP, user->row.org, user->row.name,
                         user->row.totp, a, &secret) != RC_OK ||
        !access_totp_is(secret, code, clock_wall_us(u->o.clock), &step))
        return code_judge(u, key, false);
    enum rc rc = use_step(u, user->row.num, step);
    if (rc == RC_OK || rc == RC_NOT_FOUND)
        return code_judge(u, key, rc == RC_OK);
    return ACCESS_LOGIN_BUSY;
}

/* --- secrets --------------------------------------------------------------------------------------- */

static struct str context_of(struct arena *a, enum access_user_secret what, int64_t org,
                             struct str name)
{
    return arena_fmt(a, "%s:%lld:%.*s", what == ACCESS_USER_TOTP ? "user-totp" : "user-shared",
                     (long long)org, STR_ARGS(name));
}

enum rc access_user_seal(const struct sign_vault *v, enum access_user_secret what, int64_t org,
                         struct str name, struct str plain, struct buf *out)
{
    struct arena a;
    arena_init(&a);
    enum rc rc = sign_seal(v, context_of(&a, what, org, name), plain, out);
    arena_fini(&a);
    return rc;
}

enum rc access_user_open(const struct sign_vault *v, enum access_user_secret what, int64_t org,
                         struct str name, struct str sealed, struct arena *a, struct str *out)
{
    struct buf plain;
    buf_init(&plain, OPENED_MAX);
    enum rc rc = sign_open(v, context_of(a, what, org, name), sealed, &plain);
    if (rc == RC_OK)
        *out = arena_secret(a, buf_str(&plain));
    if (plain.ptr != NULL)
        mem_wipe(plain.ptr, plain.len);
    buf_fini(&plain);
    return rc;
}
