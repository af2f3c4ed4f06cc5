/* SPDX-License-Identifier: Apache-2.0
 *
 * See access/people.h.
 */
#include "access/people.h"

enum { ROLE_MAX = 64, SHARED_BYTES = 24, SEALED_MAX = 4096 };

bool access_people_is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 0x7f)
            return false;
    return name.len > 0 && name.len <= ACCESS_USER_NAME_MAX && str_is_utf8(name);
}

/* --- roles ----------------------------------------------------------------------------------------- */

static const char *const short_roles[][2] = {
    { "admin", "ROLE_SDB_ADMIN_USER" },
    { "manager", "ROLE_SDB_MANAGER_USER" },
    { "config-manager", "ROLE_SDB_CONFIG_MANAGER_USER" },
    { "user", "ROLE_SDB_USER" },
    { "operator", "ROLE_OPERATOR" }, /* these two in the console: access/session.c */
    { "viewer", "ROLE_VIEWER" },
};

struct str access_people_role(struct str word)
{
    for (size_t i = 0; i < COUNT_OF(short_roles); i++)
        if (str_eq(word, str_from(short_roles[i][0])))
            return str_from(short_roles[i][1]);
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
            return STR("");
    }
    return word.len <= ROLE_MAX && str_starts(word, STR("ROLE_")) ? word : STR("");
}

struct str access_people_role_word(struct str role)
{
    for (size_t i = 0; i < COUNT_OF(short_roles); i++)
        if (str_eq(role, str_from(short_roles[i][1])))
            return str_from(short_roles[i][0]);
    return role;
}

enum rc access_people_add_role(json_t *roles, struct str word)
{
    struct str role = access_people_role(word);
    if (role.len == 0)
        return RC_INVALID;
    if (json_array_size(roles) >= ACCESS_USER_ROLES_MAX)
        return RC_LIMIT;
    json_array_append_new(roles, json_stringn(role.ptr, role.len));
    return RC_OK;
}

/* --- one user -------------------------------------------------------------------------------------- */

struct store_user access_people_new(int64_t org, struct str name, int64_t now_us)
{
    return (struct store_user){ .org = org,
                                .name = name,
                                .roles = STR("[]"),
                                .generation =
                                    now_us, /* no token of an earlier user of that number */
                                .created_us = now_us,
                                .updated_us = now_us };
}

void access_people_changed(struct store_user *u, int64_t now_us)
{
    u->generation++;
    u->updated_us = now_us;
}

enum rc access_people_password(struct str password, struct arena *a, struct str *out)
{
    char hash[ACCESS_PASSWORD_TEXT_MAX];
    enum rc rc = access_password_hash(rng_system(), password, hash);
    if (rc == RC_OK)
        *out = arena_str(a, str_from(hash));
    return rc;
}

static enum rc people_seal(const struct sign_vault *v, enum access_user_secret what,
                           const struct store_user *u, struct str plain, struct arena *a,
                           struct str *out)
{
    struct buf sealed;
    buf_init(&sealed, SEALED_MAX);
    enum rc rc = access_user_seal(v, what, u->org, u->name, plain, &sealed);
    if (rc == RC_OK)
        *out = arena_str(a, buf_str(&sealed));
    buf_fini(&sealed);
    return rc;
}

enum rc access_people_totp(const struct sign_vault *v, const struct store_user *u, struct arena *a,
                           struct str *sealed, char text[static ACCESS_TOTP_TEXT + 1])
{
    uint8_t secret[ACCESS_TOTP_BYTES];
    rng_fill(rng_system(), secret, sizeof(secret));
    access_totp_show(secret, text);
    enum rc rc = people_seal(v, ACCESS_USER_TOTP, u, str_of((const char *)secret, sizeof(secret)),
                             a, sealed);
    mem_wipe(secret, sizeof(secret));
    return rc;
}

bool access_people_confirms(const struct sign_vault *v, const struct store_user *u, struct str code,
                            int64_t now_us, struct arena *a, int64_t *step)
{
    struct str secret;
    return u->totp_new.ptr != NULL &&
           access_user_open(v, ACCESS_USER_TOTP, u->org, u->name, u->totp_new, a, &secret) ==
               RC_OK &&
           access_totp_is(secret, code, now_us, step);
}

enum rc access_people_shared(const struct sign_vault *v, const struct store_user *u,
                             struct arena *a, struct str *sealed,
                             char text[static ACCESS_PEOPLE_SHARED_TEXT + 1])
{
    uint8_t bytes[SHARED_BYTES];
    rng_fill(rng_system(), bytes, sizeof(bytes));
    hex_encode(bytes, sizeof(bytes), text);
    enum rc rc = people_seal(v, ACCESS_USER_SHARED, u, str_from(text), a, sealed);
    mem_wipe(bytes, sizeof(bytes));
    return rc;
}

/* --- tenants --------------------------------------------------------------------------------------- */

enum rc access_people_tenant(struct store_tx *tx, struct id_source *ids, struct str name,
                             int64_t now_us, struct arena *a, struct store_org *out)
{
    char text[ID_TEXT_MAX + 1];
    if (!access_people_is_name(name) || str_starts(name, STR("org_")))
        return RC_INVALID;
    enum rc rc = store_org_named(tx, name, a, out);
    if (rc != RC_NOT_FOUND)
        return rc == RC_OK ? RC_CONFLICT : rc;
    struct id id = id_new(ids);
    *out = (struct store_org){ .id = arena_str(a, id_format(STR("org_"), &id, text)),
                               .name = name,
                               .created_us = now_us };
    return store_org_insert(tx, out);
}
