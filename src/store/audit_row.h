/* SPDX-License-Identifier: Apache-2.0
 *
 * A row of the audit log, and what bounds the log (store/audit.h). Types only.
 */
#pragma once

#include "base/base.h"

enum {
    STORE_AUDIT_ORG = 100000,
    STORE_AUDIT_APP = 20000,
    STORE_AUDIT_PASSING = 20000,
    STORE_AUDIT_CHANGES = 8192,
    STORE_AUDIT_VALUE = 1024,
    STORE_AUDIT_COMMIT = 200,
    STORE_AUDIT_TEXT = 256 /* bytes of a name, an id, an operation; longer ones are cut */
};

struct store_audit {
    int64_t num;      /* newer ones have greater ones */
    int64_t at_us;    /* wall clock */
    int64_t org;      /* 0: the server's own */
    struct str action; /* "created", "changed", "deleted", "did", "signed-in", "signed-out", "refused" */
    struct str kind, object, name; /* what it is about; may be empty */
    struct str about;              /* another object that it concerns: a task's endpoint, a chain of a filter; may be empty */
    struct str app_id;             /* of a live or deleted application that people can see; ptr NULL: none */
    struct str app_name;
    struct str who_kind, who_id, who_name; /* who_kind "server": it did so by itself; "unknown": nobody had proved anything */
    struct str operation, peer, request;
    struct str changes; /* JSON array text of {"member","from","to"}; a secret has only "to": "(set)", "(changed)" or "(removed)" */
};
