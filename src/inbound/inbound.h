/* SPDX-License-Identifier: Apache-2.0
 *
 * Receiving: requests that come in at a source's URL are verified on their raw bytes, before anything
 * in them is believed; accepted ones become a message of the source's hidden application and of every
 * application its routes name, all in one durable commit, and are answered after it. Every request
 * leaves a row (store/request.h), whatever became of it.
 *
 * A source in use is an immutable, counted view, found by the hash of the token in the URL. A commit that
 * touches a source drops its view before it returns (store/notes.h).
 */
#pragma once

#include "core/directory.h"
#include "core/publish.h"
#include "fetch/fetch.h"
#include "http/router.h"
#include "inbound/settings.h"
#include "store/request.h"
#include "store/source.h"
#include "transform/transform.h"
#include "verify/look.h"
#include "verify/remote.h"
#include "work/work.h"

struct inbound;

struct inbound_options {
    struct store *store;
    struct core_directory *directory;
    struct core_publisher *publisher;
    const struct sign_vault *vault;
    const struct verify_book *book;
    struct work_pool *pool;
    const struct clock *clock;
    const struct rng *rng;
    const char *public_url; /* without slash at the end; part of what some providers sign */
    const struct fetch_options *fetch; /* copied; for certificates and confirmations of AWS SNS */
    struct transform_pool *transforms; /* NULL: routes with a transform deliver nothing */
    struct transform_limits transform_limits;
    int64_t retention_us; /* of payloads */
    size_t sources_max;   /* views kept in memory */
};
struct inbound *inbound_new(const struct inbound_options *o);
void inbound_free(struct inbound *in); /* NULL is fine */

/* The handler of "/in/{token}", for every method. Inline. */
void inbound_receive(struct inbound *in, struct http_request *req);
/* Judges such a request by its head: without a source at that URL its body is not read. */
void inbound_admit(struct inbound *in, struct http_request *req);

/* --- secrets: JSON {"secrets":[{"secret":"...","expires":0}],"companion":"..."}, sealed ------------ */

struct inbound_secret {
    struct str text;
    int64_t expires_us; /* 0: the current ones */
};
struct inbound_secrets {
    struct inbound_secret list[GRAPNEL_SECRETS_MAX];
    size_t count;
    struct str companion; /* empty: none */
    bool is_tentative; /* learned in a handshake and shown, until an event verifies with it */
};
/* Texts in the arena, wiped with it. An unset blob is no secret at all. RC_CORRUPT. */
MUST_USE enum rc inbound_secrets_open(const struct sign_vault *v, const struct store_source *source,
                                      struct arena *a, struct inbound_secrets *out);
MUST_USE enum rc inbound_secrets_seal(const struct sign_vault *v, struct str source_id,
                                      const struct inbound_secrets *secrets, struct buf *out);

/* --- tokens ---------------------------------------------------------------------------------------- */
enum { INBOUND_TOKEN_LEN = 43 };
/* Makes a token, and what the store keeps of it; `sealed` is appended to. */
MUST_USE enum rc inbound_token_make(struct inbound *in, struct str source_id, struct buf *sealed,
                                    struct store_source_token *out);
/* The source's URL with its current token. RC_CORRUPT. */
MUST_USE enum rc inbound_url(struct inbound *in, const struct store_source *source, struct arena *a,
                             struct str *out);

/* --- by hand: worker threads ----------------------------------------------------------------------- */

/* A request as somebody describes it. */
struct inbound_trial {
    struct str method, query, body;
    const struct http_header *headers;
    size_t header_count;
    int64_t at_us;
};
/* One application that would receive it. */
struct inbound_target {
    struct str app; /* as the route names it; the source's own endpoints: empty */
    bool takes;        /* one of its events at least */
    struct str reason; /* why not: "event_type", "filter", "application_gone", "paused" */
    size_t endpoint_count;
};
struct inbound_explanation {
    const char *status; /* a grapnel_status_name() */
    bool accepted;
    int reply_status;
    struct str id, type, event_type;
    bool id_signed, type_signed;
    struct str words; /* what was looked for and what was signed */
    size_t event_count; /* in the request */
    struct inbound_target *targets;
    size_t target_count;
};
/* Judges and matches; changes nothing. RC_NOT_FOUND: no such source; RC_CORRUPT. */
MUST_USE enum rc inbound_explain(struct inbound *in, int64_t source,
                                 const struct inbound_trial *trial, struct arena *a,
                                 struct inbound_explanation *out);

/* The same of its signature alone, with the bytes that were signed. */
struct inbound_looked {
    const struct verify_scheme *scheme; /* lives as long as the arena */
    struct verify_look look;
    size_t secret_count;  /* valid ones */
    int64_t expires_us;   /* store_clock(): of the one that matched; 0: it is a current one */
};
MUST_USE enum rc inbound_look(struct inbound *in, int64_t source, const struct inbound_trial *trial,
                              struct arena *a, struct inbound_looked *out);
/* What fetches providers' keys and certificates; lives as long as `in`. */
struct verify_remote *inbound_remote(const struct inbound *in);

/* Publishes a stored request (with its body) again, through today's configuration. One that was not
 * accepted has to verify now, as of the time it came. RC_DENIED: it does not. RC_INVALID: a duplicate,
 * a handshake, or its body is not kept (whole). RC_CONFLICT: the source is paused. *out: the new one. */
MUST_USE enum rc inbound_replay(struct inbound *in, const struct store_request *request,
                                struct arena *a, struct id *out);
