/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands on users and tenants, on an open store or on the folder. Whatever changes what a user
 * may do, or how they prove it, ends the access tokens they have.
 */
#include "server/users.h"

#include "access/people.h"
#include "server/admin_client_priv.h"
#include "server/command_act_priv.h"
#include "server/folder_command_priv.h"
#include "server/secret_priv.h"
#include "server/users_priv.h"

struct doing {
    const struct server_users_at *at;
    const json_t *request;
    struct arena arena;
    struct store_tx *tx;
    struct store_org tenant;
    struct buf *out, *why;
    int64_t now_us;
};

static struct str users_text_of(const struct doing *d, const char *name)
{
    return json_str_member(d->request, name);
}

static bool is_off(const struct doing *d)
{
    return str_eq(users_text_of(d, "off"), STR("true"));
}

static enum rc users_invalid(struct doing *d, const char *words)
{
    buf_say(d->why, "%s", words);
    return RC_INVALID;
}

static enum rc roles_text(struct doing *d, struct str *out)
{
    struct str rest = users_text_of(d, "roles"), word;
    json_t *roles = json_array();
    enum rc rc = RC_OK;
    while (rc == RC_OK && str_split(&rest, ',', &word)) {
        rc = access_people_add_role(roles, str_trim(word));
        if (rc != RC_OK)
            rc = users_invalid(
                d,
                "roles: at most 32 of admin, manager, config-manager, user, operator, viewer, or ROLE_... names");
    }
    *out = json_text(&d->arena, roles);
    json_decref(roles);
    return rc;
}

/* --- one user -------------------------------------------------------------------------------------- */

static enum rc find_user(struct doing *d, struct store_user *u)
{
    enum rc rc = store_user_find(d->tx, d->tenant.num, users_text_of(d, "name"), &d->arena, u);
    if (rc == RC_NOT_FOUND)
        buf_say(d->why, "tenant %.*s has no user %.*s", STR_ARGS(d->tenant.name),
                STR_ARGS(users_text_of(d, "name")));
    return rc;
}

static enum rc hash_password(struct doing *d, struct str *out)
{
    struct str password = users_text_of(d, "password");
    *out = STR("");
    if (password.ptr != NULL && access_people_password(password, &d->arena, out) != RC_OK)
        return users_invalid(d, "a password has 8 to 256 bytes");
    return RC_OK;
}

static enum rc users_change(struct doing *d, struct store_user *u)
{
    access_people_changed(u, d->now_us);
    return store_user_update(d->tx, u);
}

static enum rc create_user(struct doing *d)
{
    struct store_user u = access_people_new(d->tenant.num, users_text_of(d, "name"), d->now_us);
    if (!access_people_is_name(u.name))
        return users_invalid(d, "a name has " ACCESS_PEOPLE_NAME_RULE);
    enum rc rc = roles_text(d, &u.roles);
    if (rc == RC_OK)
        rc = hash_password(d, &u.password);
    if (rc == RC_OK)
        rc = store_user_insert(d->tx, &u);
    if (rc == RC_CONFLICT)
        buf_say(d->why, "there is a user %.*s already", STR_ARGS(u.name));
    return rc;
}

static enum rc set_password(struct doing *d)
{
    struct store_user u;
    enum rc rc = find_user(d, &u);
    if (rc == RC_OK && users_text_of(d, "password").ptr == NULL)
        return users_invalid(d, "which password?");
    if (rc == RC_OK)
        rc = hash_password(d, &u.password);
    return rc == RC_OK ? users_change(d, &u) : rc;
}

static enum rc set_roles(struct doing *d)
{
    struct store_user u;
    enum rc rc = find_user(d, &u);
    if (rc == RC_OK)
        rc = roles_text(d, &u.roles);
    return rc == RC_OK ? users_change(d, &u) : rc;
}

static enum rc delete_user(struct doing *d)
{
    struct store_user u;
    enum rc rc = find_user(d, &u);
    return rc == RC_OK ? store_user_delete(d->tx, u.num) : rc;
}

static enum rc set_totp(struct doing *d)
{
    char text[ACCESS_TOTP_TEXT + 1];
    struct store_user u;
    enum rc rc = find_user(d, &u);
    u.totp = u.totp_new = STR_NONE;
    if (rc == RC_OK && !is_off(d)) {
        rc = access_people_totp(d->at->vault, &u, &d->arena, &u.totp, text);
        if (rc == RC_OK)
            rc = buf_addf(d->out, "%s\n", text);
        mem_wipe(text, sizeof(text));
    }
    return rc == RC_OK ? users_change(d, &u) : rc;
}

static enum rc set_shared_secret(struct doing *d)
{
    char text[ACCESS_PEOPLE_SHARED_TEXT + 1];
    struct store_user u;
    enum rc rc = find_user(d, &u);
    u.secret = STR_NONE;
    if (rc == RC_OK && !is_off(d)) {
        rc = access_people_shared(d->at->vault, &u, &d->arena, &u.secret, text);
        if (rc == RC_OK)
            rc = buf_addf(d->out, "%s\n", text);
        mem_wipe(text, sizeof(text));
    }
    return rc == RC_OK ? users_change(d, &u) : rc;
}

static enum rc users_switch(struct doing *d, bool is_disabled)
{
    struct store_user u;
    enum rc rc = find_user(d, &u);
    u.is_disabled = is_disabled;
    return rc == RC_OK ? users_change(d, &u) : rc;
}

static enum rc enable_user(struct doing *d)
{
    return users_switch(d, false);
}

static enum rc disable_user(struct doing *d)
{
    return users_switch(d, true);
}

static enum rc list_users(struct doing *d)
{
    struct store_user *users = NULL;
    size_t count = 0;
    int64_t org = users_text_of(d, "tenant").ptr == NULL ? 0 : d->tenant.num;
    enum rc rc = store_user_list(d->tx, org, &d->arena, &users, &count);
    if (rc == RC_OK)
        rc = buf_addf(d->out, "%-20s %-24s %-20s %s\n", "TENANT", "NAME", "LOGS IN BY", "ROLES");
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        const struct store_user *u = &users[i];
        struct store_org of;
        rc = store_org_by_num(d->tx, u->org, &d->arena, &of);
        struct str by =
            arena_fmt(&d->arena, "%s%s%s%s", u->is_disabled ? "(disabled) " : "",
                      u->password.len > 0 ? "password " : "", u->totp.ptr != NULL ? "+code " : "",
                      u->secret.ptr != NULL ? "secret" : "");
        if (rc == RC_OK)
            rc = buf_addf(d->out, "%-20.*s %-24.*s %-20.*s %.*s\n", STR_ARGS(of.name),
                          STR_ARGS(u->name), STR_ARGS(by), STR_ARGS(u->roles));
    }
    return rc;
}

/* --- tenants --------------------------------------------------------------------------------------- */

static enum rc create_tenant(struct doing *d)
{
    struct str name = users_text_of(d, "tenant");
    struct store_org org;
    enum rc rc =
        access_people_tenant(d->tx, store_ids(d->at->store), name, d->now_us, &d->arena, &org);
    if (rc == RC_INVALID)
        return users_invalid(d, "a tenant's name has " ACCESS_PEOPLE_NAME_RULE
                                ", and does not begin with org_");
    if (rc == RC_CONFLICT)
        buf_say(d->why, "there is a tenant %.*s already", STR_ARGS(name));
    return rc == RC_OK ? buf_addf(d->out, "%.*s\n", STR_ARGS(org.id)) : rc;
}

static enum rc list_tenants(struct doing *d)
{
    struct store_org *orgs = NULL;
    size_t count = 0;
    enum rc rc = store_org_list(d->tx, &d->arena, &orgs, &count);
    if (rc == RC_OK)
        rc = buf_addf(d->out, "%-32s %s\n", "ID", "NAME");
    for (size_t i = 0; rc == RC_OK && i < count; i++)
        rc = buf_addf(d->out, "%-32.*s %.*s\n", STR_ARGS(orgs[i].id), STR_ARGS(orgs[i].name));
    return rc;
}

/* Makes an API token of the tenant; has a transaction of its own. */
static enum rc make_token(struct doing *d)
{
    char text[ACCESS_TOKEN_TEXT + 1];
    int64_t num;
    struct access_token_spec spec = {
        .org = d->tenant.num,
        .name = d->tenant.name,
        .made_by = STR("{\"kind\":\"command\",\"id\":\"\",\"name\":\"grapnel tenant\"}")
    };
    enum rc rc = access_create(d->at->access, &spec, text, &num);
    if (rc == RC_OK)
        rc = buf_addf(d->out, "%s\n", text);
    mem_wipe(text, sizeof(text));
    return rc;
}

static enum rc list_tokens(struct doing *d)
{
    struct store_token *tokens = NULL;
    size_t count = 0;
    enum rc rc = store_token_list(d->tx, d->tenant.num, &d->arena, &tokens, &count);
    if (rc == RC_OK)
        rc = buf_addf(d->out, "%-6s %-28s %s\n", "NUMBER", "CREATED", "FOR, NAME");
    for (size_t i = 0; rc == RC_OK && i < count; i++) {
        char created[TIME_TEXT_LEN + 1];
        time_format(tokens[i].created_us, created);
        rc = buf_addf(d->out, "%-6lld %-28s %s %.*s\n", (long long)tokens[i].num, created,
                      tokens[i].app == 0 ? "tenant" : "application", STR_ARGS(tokens[i].name));
    }
    return rc;
}

static enum rc revoke_token(struct doing *d)
{
    int64_t num = 0;
    if (str_to_i64(users_text_of(d, "number"), &num) != RC_OK)
        return users_invalid(d, "which token? Its number, as the list shows it");
    enum rc rc = access_revoke_num(d->at->access, d->tenant.num, num);
    if (rc == RC_NOT_FOUND)
        buf_say(d->why, "tenant %.*s has no token %lld", STR_ARGS(d->tenant.name), (long long)num);
    return rc;
}

/* --- the table ------------------------------------------------------------------------------------- */

static const struct verb {
    const char *name;
    enum rc (*run)(struct doing *d);
    bool is_read, needs_no_tenant, is_alone; /* alone: not within a transaction */
} verbs[] = {
    { "user-create", create_user, false, false, false },
    { "user-list", list_users, true, false, false },
    { "user-passwd", set_password, false, false, false },
    { "user-roles", set_roles, false, false, false },
    { "user-delete", delete_user, false, false, false },
    { "user-enable", enable_user, false, false, false },
    { "user-disable", disable_user, false, false, false },
    { "user-totp", set_totp, false, false, false },
    { "user-shared-secret", set_shared_secret, false, false, false },
    { "tenant-create", create_tenant, false, true, false },
    { "tenant-list", list_tenants, true, true, false },
    { "tenant-token", make_token, true, false, true },
    { "tenant-tokens", list_tokens, true, false, false },
    { "tenant-revoke", revoke_token, true, false, true },
};

static enum rc find_tenant(struct doing *d)
{
    struct str name = users_text_of(d, "tenant");
    if (name.ptr == NULL)
        name = STR("default");
    enum rc rc = access_tenant_find(d->tx, name, &d->arena, &d->tenant);
    if (rc == RC_NOT_FOUND)
        buf_say(d->why, "there is no tenant %.*s", STR_ARGS(name));
    return rc;
}

static enum rc users_run(struct doing *d, const struct verb *verb)
{
    enum rc rc =
        verb->is_read ? store_read(d->at->store, &d->tx) : store_write(d->at->store, &d->tx);
    if (rc == RC_OK && !verb->needs_no_tenant)
        rc = find_tenant(d);
    if (rc == RC_OK && !verb->is_alone)
        rc = verb->run(d);
    if (rc == RC_OK && !verb->is_read)
        return store_commit(d->tx);
    store_end(d->tx);
    return rc == RC_OK && verb->is_alone ? verb->run(d) : rc;
}

/* "user-create" is `grapnel user create`. */
static struct str command_of(struct doing *d, struct str verb)
{
    size_t dash = str_find(verb, '-');
    return arena_fmt(&d->arena, "grapnel %.*s %.*s", STR_ARGS(str_sub(verb, 0, dash)),
                     STR_ARGS(str_sub(verb, dash + 1, verb.len)));
}

enum rc server_users_on(const struct server_users_at *at, const json_t *request, struct buf *out,
                        struct buf *why)
{
    struct doing d = { .at = at,
                       .request = request,
                       .out = out,
                       .why = why,
                       .now_us = clock_wall_us(clock_system()) };
    struct str name = users_text_of(&d, "verb");
    enum rc rc = RC_INVALID;
    struct store_act act;
    arena_init(&d.arena);
    server_act_begin(&act, command_of(&d, name));
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (str_eq(name, str_from(verbs[i].name)))
            rc = users_run(&d, &verbs[i]);
    store_act_end(&act);
    if (rc != RC_OK && why->len == 0)
        buf_say(why, "%s", rc_name(rc));
    arena_fini(&d.arena);
    return rc;
}

/* For what is sealed only. A secret that were made here would not be the service's, which may have it in its
 * environment alone: nobody could log in by what it sealed. */
static enum rc vault_for(const struct conf *c, struct store *store, const json_t *request,
                         struct sign_vault **out, struct buf *why)
{
    const char *verb = json_string_value(json_object_get(request, "verb"));
    if (verb == NULL || json_object_get(request, "off") != NULL ||
        (strcmp(verb, "user-totp") != 0 && strcmp(verb, "user-shared-secret") != 0))
        return RC_OK;
    if (server_knows_main_secret(c))
        return server_vault_open(c, store, out, why);
    buf_say(why, "the main secret is not known here: do this while the server runs, or give "
                 "server.main_secret as the server has it");
    return RC_INVALID;
}

static enum rc on_folder(const struct conf *c, struct store *store, const json_t *request,
                         struct buf *out, struct buf *why)
{
    struct access_options o = {
        .store = store, .clock = clock_system(), .rng = rng_system(), .cached_max = 16
    };
    struct server_users_at at = { .store = store, .access = access_new(&o) };
    struct sign_vault *vault = NULL;
    struct arena arena;
    struct str id;
    int64_t org;

    arena_init(&arena);
    enum rc rc = access_default_org(at.access, STR("default"), &arena, &org, &id);
    if (rc == RC_OK)
        rc = vault_for(c, store, request, &vault, why);
    at.vault = vault;
    if (rc == RC_OK)
        rc = server_users_on(&at, request, out, why);
    arena_fini(&arena);
    sign_vault_free(vault);
    access_free(at.access);
    return rc;
}

enum rc server_users(const struct conf *c, const json_t *request, struct buf *out, struct buf *why)
{
    struct store *store = NULL;
    enum rc rc = server_folder_for_command(c, &store, why);

    if (rc == RC_BUSY)
        return server_users_ask(c->data_dir, request, out, why);
    if (rc == RC_OK)
        rc = on_folder(c, store, request, out, why);
    store_close(store);
    return rc;
}
