/* SPDX-License-Identifier: Apache-2.0
 *
 * grapnel user, grapnel tenant: who may log in to the dialects that have users. Works on the store's folder,
 * or through the server that has it open; either way who may write to the folder may do this. Passwords
 * come from standard input only: arguments show in process lists.
 */
#include "cli/cli_priv.h"
#include "server/users.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum { PASSWORD_LINE_MAX = 1024 };

static int user_perform(struct cli *cli, const char *verb, json_t *request)
{
    struct conf *conf = cli_conf(cli);
    struct buf out, why;

    if (conf == NULL) {
        json_decref(request);
        return CLI_MISUSED;
    }
    buf_init(&out, SERVER_USERS_OUT_MAX);
    buf_init(&why, 4096);
    json_object_set_new(request, "verb", json_string(verb));
    log_set_level(LOG_LEVEL_WARN); /* that a store was opened is no news here */
    enum rc rc = server_users(conf, request, &out, &why);
    int code = cli_answered(cli, rc, &out, &why);
    json_decref(request);
    conf_free(conf);
    return code;
}

/* One line of standard input, not echoed on a terminal. */
static bool read_password(char line[static PASSWORD_LINE_MAX])
{
    struct termios before, quiet;
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;

    if (is_terminal) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
        fprintf(stderr, "Password: ");
    }
    bool got = fgets(line, PASSWORD_LINE_MAX, stdin) != NULL;
    if (is_terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fprintf(stderr, "\n");
    }
    line[got ? strcspn(line, "\r\n") : 0] = '\0';
    return got;
}

static bool user_set(json_t *request, const char *name, const char *value)
{
    return value == NULL || json_object_set_new(request, name, json_string(value)) == 0;
}

static bool set_password(json_t *request)
{
    char line[PASSWORD_LINE_MAX];
    bool fine = read_password(line) && user_set(request, "password", line);

    mem_wipe(line, sizeof line);
    return fine;
}

static const struct action {
    const char *word, *verb;
    bool has_name, has_password;
} user_actions[] = {
    { "create", "user-create", true, true },
    { "list", "user-list", false, false },
    { "passwd", "user-passwd", true, true },
    { "roles", "user-roles", true, false },
    { "delete", "user-delete", true, false },
    { "enable", "user-enable", true, false },
    { "disable", "user-disable", true, false },
    { "totp", "user-totp", true, false },
    { "shared-secret", "user-shared-secret", true, false },
};

static int run_user_action(struct cli *cli, const struct action *action)
{
    json_t *request = json_object();
    bool without = cli_take_switch(cli, "no-password");
    bool fine = user_set(request, "tenant", cli_take(cli, "tenant")) &&
                user_set(request, "roles", cli_take(cli, "roles")) &&
                user_set(request, "off", cli_take_switch(cli, "off") ? "true" : NULL);
    const char *name = action->has_name ? cli_take_word(cli) : NULL;

    if (action->has_name && name == NULL) {
        json_decref(request);
        return cli_misused(cli, "%s needs the user's name", action->word);
    }
    fine = fine && user_set(request, "name", name);
    if (fine && action->has_password && !without)
        fine = set_password(request);
    if (!fine) {
        json_decref(request);
        return cli_misused(cli, "a text is not UTF-8, or there is no password on standard input");
    }
    return user_perform(cli, action->verb, request);
}

static int run_user(struct cli *cli)
{
    const char *what = cli_take_word(cli);

    for (size_t i = 0; what != NULL && i < COUNT_OF(user_actions); i++)
        if (str_eq(str_from(what), str_from(user_actions[i].word)))
            return run_user_action(cli, &user_actions[i]);
    return cli_misused(
        cli, "create, list, passwd, roles, disable, enable, delete, totp or shared-secret?");
}

static const struct tenant_action {
    const char *word, *verb;
    bool has_name, has_number;
} tenant_actions[] = {
    { "create", "tenant-create", true, false }, { "list", "tenant-list", false, false },
    { "token", "tenant-token", true, false },   { "tokens", "tenant-tokens", true, false },
    { "revoke", "tenant-revoke", true, true },
};

static int run_tenant_action(struct cli *cli, const struct tenant_action *action)
{
    const char *name = action->has_name ? cli_take_word(cli) : NULL;
    const char *number = action->has_number ? cli_take_word(cli) : NULL;
    json_t *request;

    if (action->has_name && name == NULL)
        return cli_misused(cli, "%s needs the tenant's name", action->word);
    request = json_object();
    if (!user_set(request, "tenant", name) || !user_set(request, "number", number)) {
        json_decref(request);
        return cli_misused(cli, "a text is not UTF-8");
    }
    return user_perform(cli, action->verb, request);
}

static int run_tenant(struct cli *cli)
{
    const char *what = cli_take_word(cli);

    for (size_t i = 0; what != NULL && i < COUNT_OF(tenant_actions); i++)
        if (str_eq(str_from(what), str_from(tenant_actions[i].word)))
            return run_tenant_action(cli, &tenant_actions[i]);
    return cli_misused(cli, "create, list, token, tokens or revoke?");
}

const struct cli_verb cli_user = {
    .name = "user",
    .arguments =
        "create|list|passwd|roles|disable|enable|delete|totp|shared-secret [NAME] [--tenant=NAME]",
    .summary = "Manage users: of the console, and of dialects that have users",
    .details =
        "  create NAME [--roles=admin,...] [--no-password]   reads the password from a line of standard input\n"
        "  list                                              lists the users of all tenants, or of --tenant\n"
        "  passwd NAME                                       sets a new password, from standard input\n"
        "  roles NAME --roles=manager,...                    admin, manager, config-manager, user, operator, viewer, or ROLE_...\n"
        "  disable NAME                                      refuses logins until the user is enabled again\n"
        "  enable NAME\n"
        "  delete NAME\n"
        "  totp NAME [--off]                                 prints the secret of a second factor, once\n"
        "  shared-secret NAME [--off]                        prints a secret to log in with, once\n"
        "Every change except create invalidates the user's access tokens. Without --tenant, the tenant is \"default\".\n",
    .run = run_user,
};

const struct cli_verb cli_tenant = {
    .name = "tenant",
    .arguments = "create|list|token|tokens|revoke [NAME] [--config=FILE] [--store.dir=DIR]",
    .summary = "Manage tenants: organisations with their own users, applications and tokens",
    .details = "  create NAME          creates a tenant and prints its id\n"
               "  list\n"
               "  token NAME           creates an API token of the tenant and prints it, once\n"
               "  tokens NAME          lists its tokens\n"
               "  revoke NAME NUMBER   revokes one of its tokens at once\n",
    .run = run_tenant,
};
