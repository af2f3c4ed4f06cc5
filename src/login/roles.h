/* SPDX-License-Identifier: Apache-2.0
 *
 * What somebody else says of a person, such as the groups of a directory, as a role in the console. Pure.
 */
#pragma once

#include "access/access.h"

enum { LOGIN_RULES_MAX = 64, LOGIN_VALUE_MAX = 256 };

struct login_rule {
    struct str value;
    enum access_role role;
};

struct login_roles {
    struct login_rule rules[LOGIN_RULES_MAX];
    size_t count;
};

/* "value=role, value=role"; the role is what stands behind the last '=', and a comma in a value is written %2C. The
 * values are in the arena. RC_INVALID: `why` names `option`, what is wrong and what to write. */
MUST_USE enum rc login_roles_parse(const char *option, struct str text, struct arena *a, struct login_roles *out, struct buf *why);

/* A person's role while their values are looked at, one after another. */
struct login_role {
    bool has_one;
    enum access_role role; /* the strongest so far */
};
void login_role_add(struct login_role *of, const struct login_roles *roles, struct str value);
