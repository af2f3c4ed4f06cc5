/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading hooks.json, and what its rules become.
 */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "receive/hooks.h"
#include "json/json.h"

struct receive_hooks {
    struct arena arena;
    struct receive_hook *list;
    size_t count;
    size_t running_max; /* of those that say it */
    size_t users; /* of a live set, and under its mutex */
};

enum receive_rule_kind {
    RULE_AND,
    RULE_OR,
    RULE_NOT,
    RULE_VALUE,
    RULE_REGEX,
    RULE_HMAC,
    RULE_IP,
    RULE_SCALR
};

enum receive_digest { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };

struct receive_range {
    int family;
    uint8_t address[16];
    unsigned bits;
};

struct receive_rule {
    enum receive_rule_kind kind;
    struct receive_rule *rules; /* AND, OR, NOT (one) */
    size_t rule_count;
    struct receive_parameter parameter;
    struct str value; /* or the secret */
    enum receive_digest digest;
    pcre2_code *regex;
    struct receive_range *ranges;
    size_t range_count;
};

/* Where the reader is: errors begin with it. */
struct receive_reading {
    struct arena *arena;
    struct buf place; /* "hook 2 (deploy): trigger-rule.and[1]" */
    struct buf *why;
};
