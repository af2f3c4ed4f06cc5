/* SPDX-License-Identifier: Apache-2.0
 *
 * Who does what on this thread, for the audit log (store/audit.h). Whatever handles a request or a command begins an
 * act, says who it is as soon as that is proved and what it is about once that is found, and ends it. A commit takes
 * the rest from here, so that no function that writes has to be told for whom it does so. Without an act the server
 * itself is the one who acts: the engine that disables an endpoint, for example.
 *
 * Any thread; an act belongs to the thread that began it. Texts are borrowed until the act ends.
 */
#pragma once

#include "base/base.h"

struct store_act {
    struct str who_kind;  /* "token", "session", "portal", "jwt", "user", "command", ...; empty: nobody proved anything yet */
    struct str who_id;    /* a token's number, a user's; may be empty */
    struct str who_name;
    int64_t org;          /* of whoever acts; 0: not known, and then that of the object counts */
    struct str operation; /* "v1.endpoint.patch"; or a method and a pattern; or a command */
    struct str peer;      /* address */
    struct str request;   /* the request's id, by which the log finds it */
    struct str object_kind, object_id, object_name; /* what it is about, as far as the request says; may be empty */
    struct str about;     /* another object that it concerns, by its id; may be empty */
    int64_t app;          /* number of the application it is about; 0: none */
    bool is_repeat;       /* it only answers as before, and leaves nothing */
    int64_t written;      /* rows of the audit log that it has left. The store's */
    struct store_act *outer; /* the act that it interrupts. This module's */
};

/* The act is the caller's, and may not move until store_act_end(), which restores the one before it. */
void store_act_begin(struct store_act *act);
void store_act_end(struct store_act *act);
/* NULL: the server itself. */
struct store_act *store_act_now(void);

/* Nothing happens without an act. */
void store_act_who(struct str kind, struct str id, struct str name, int64_t org);
void store_act_on(struct str kind, struct str id, struct str name);
