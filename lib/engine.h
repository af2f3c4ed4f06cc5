/* SPDX-License-Identifier: Apache-2.0
 *
 * One judgement of one request: its state, and the steps that share it. Private.
 *
 * Steps return VERIFIED when they did what they are for, else the status to end with.
 */
#pragma once

#include <openssl/evp.h>

#include "read.h"
#include "scheme.h"

enum { GN_SIGNATURE_BYTES_MAX = 1024, GN_DIGEST_MAX = 64, GN_VARIANTS = 8, GN_KEY_SET_MAX = 32 };

/* What a request may be tried as, as bits. */
enum { GN_TRY_PORT = 1, GN_TRY_QUOTE = 2, GN_TRY_NEWLINE = 4 };

struct gn_key {
    unsigned index;             /* in config->secrets */
    struct grapnel_bytes bytes; /* of a shared secret */
    EVP_PKEY *pkey;             /* of a pair, with a reference; NULL: shared secret */
};

struct gn_candidate {
    struct grapnel_bytes text;
    bool ed25519;               /* by its tag */
    const unsigned char *bytes; /* decoded */
    size_t len;
};

struct gn_run {
    const struct grapnel_scheme *scheme;
    const struct grapnel_config *config;
    const struct grapnel_request *request;
    struct gn_arena arena;
    struct gn_out explain;
    struct grapnel_signed *kept; /* where the signed bytes go; NULL: nobody asks */
    bool signing; /* private keys are wanted, and {ts} is `ts` */

    struct gn_key keys[GRAPNEL_SECRETS_MAX];
    size_t key_count;
    unsigned matched; /* index of the secret that verified */

    struct grapnel_bytes ts; /* as sent; ptr NULL: not read */
    int64_t ts_us;
    bool has_ts;

    struct gn_candidate candidates[GRAPNEL_SIGNATURES_MAX];
    size_t candidate_count;
    size_t malformed_count;

    struct grapnel_bytes item;   /* JSON of the current item, or of a JWT's claims */
    struct grapnel_bytes secret; /* what {secret} stands for now */
    unsigned variant;
    struct grapnel_bytes values[GN_VALUES_MAX]; /* of a handshake */
};

/* A message in pieces, so that bodies are not copied. */
struct gn_pieces {
    struct grapnel_bytes *list;
    size_t count;
    size_t cap;
};

/* --- locate.c ------------------------------------------------------------------------------------- */
enum grapnel_status gn_locate(struct gn_run *run, const struct gn_location *where,
                              struct grapnel_bytes *out);
/* The first of the list that is there; MISSING_HEADER: none. */
enum grapnel_status gn_locate_first(struct gn_run *run, const struct gn_locations *list,
                                    struct grapnel_bytes *out);
enum grapnel_status gn_header(const struct grapnel_request *request, struct grapnel_bytes name,
                              struct grapnel_bytes *out);
/* Does its content type say that the body is a form? JSON may look like one. */
bool gn_is_form(const struct grapnel_request *request);
/* The public URL with its query, as the variant has it. */
enum grapnel_status gn_url(struct gn_run *run, struct grapnel_bytes *out);
/* Fills ts, has_ts and ts_us. */
enum grapnel_status gn_read_time(struct gn_run *run);
enum grapnel_status gn_check_window(const struct gn_run *run);
/* Is what stands there covered by the signature? */
bool gn_is_signed(const struct grapnel_scheme *s, const struct gn_location *where);

/* --- message.c -------------------------------------------------------------------------------------- */
enum grapnel_status gn_message(struct gn_run *run, const struct gn_template *t,
                               struct gn_pieces *out);
/* The same in one piece. */
enum grapnel_status gn_expand(struct gn_run *run, const struct gn_template *t,
                              struct grapnel_bytes *out);
/* Do all rules hold? `otherwise` is the status for one that does not. */
enum grapnel_status gn_check_rules(struct gn_run *run, const struct gn_rule *rules, size_t count,
                                   enum grapnel_status otherwise);

/* --- keys.c ------------------------------------------------------------------------------------------- */
struct grapnel_key {
    EVP_PKEY *pkey;
};
/* Fills run->keys. UNCONFIGURED, MALFORMED_KEY, TOO_LARGE. */
enum grapnel_status gn_load_keys(struct gn_run *run);
void gn_free_keys(struct gn_run *run);
/* One that came from elsewhere; takes it over. False: not of the scheme's kind. */
bool gn_use_key(struct gn_run *run, EVP_PKEY *key);

/* --- candidates.c ----------------------------------------------------------------------------------------- */
/* Fills run->candidates from where the scheme has its signatures. */
enum grapnel_status gn_collect(struct gn_run *run);
/* The value of a key, or the n-th item, in the first signature text. */
enum grapnel_status gn_locate_in_list(struct gn_run *run, const struct gn_location *where,
                                      struct grapnel_bytes *out);
size_t gn_digest_len(enum gn_hash hash);

/* --- crypto.c ------------------------------------------------------------------------------------------- */
bool gn_digest(enum gn_hash hash, const struct grapnel_bytes *pieces, size_t count,
               unsigned char out[static GN_DIGEST_MAX]);
bool gn_hmac(enum gn_hash hash, struct grapnel_bytes key, const struct grapnel_bytes *pieces,
             size_t count, unsigned char out[static GN_DIGEST_MAX]);
bool gn_pkey_verify(EVP_PKEY *key, enum gn_hash hash, struct grapnel_bytes message,
                    const unsigned char *signature, size_t len);
bool gn_pkey_sign(EVP_PKEY *key, enum gn_hash hash, struct grapnel_bytes message,
                  unsigned char *signature, size_t *len);
/* Equal, in time that depends on the lengths only. */
bool gn_equal_secret(struct grapnel_bytes a, struct grapnel_bytes b);

/* --- check.c ------------------------------------------------------------------------------------------- */
/* Candidates against keys; for batches with a signature per item, all of them. */
enum grapnel_status gn_check_signatures(struct gn_run *run);
enum grapnel_status gn_check_equal(struct gn_run *run);
enum grapnel_status gn_check_basic(struct gn_run *run);

/* --- items.c -------------------------------------------------------------------------------------------- */
/* The events of a batch, GRAPNEL_ITEMS_MAX at most. */
enum grapnel_status gn_load_items(struct gn_run *run, struct grapnel_bytes **items, size_t *count);

/* --- jwk.c ------------------------------------------------------------------------------------------------- */
/* NULL: no public key of a kind that is known. */
EVP_PKEY *gn_jwk_read(struct gn_arena *a, struct grapnel_bytes jwk);
/* The one of a set with that id; NULL: none. */
EVP_PKEY *gn_jwks_find(struct gn_arena *a, struct grapnel_bytes set, struct grapnel_bytes kid);

/* --- identity.c -------------------------------------------------------------------------------------------- */
/* What tells the event from others; empty: nothing does. `items_only`: what stands in the current item. */
enum grapnel_status gn_identity(struct gn_run *run, bool items_only, struct grapnel_bytes *out,
                                bool *is_signed);

/* --- jwt.c, sns.c, handshake.c, verify.c ------------------------------------------------------------- */
enum grapnel_status gn_check_jwt(struct gn_run *run);
enum grapnel_status gn_check_sns(struct gn_run *run);
/* Everything but handshakes: keys, proof, time, rules. */
enum grapnel_status gn_judge(struct gn_run *run);
/* HANDSHAKE or why it was refused; VERIFIED: the request is no handshake. */
enum grapnel_status gn_handshake(struct gn_run *run, struct grapnel_verdict *verdict);
/* Hands out what a signature is made over, to whoever asked. */
void gn_keep_signed(struct gn_run *run, const struct grapnel_bytes *pieces, size_t count);
/* Copies into the verdict's own text; false: no room. */
bool gn_keep(struct grapnel_verdict *verdict, struct grapnel_bytes s, struct grapnel_bytes *out);
void gn_run_init(struct gn_run *run, const struct grapnel_scheme *scheme,
                 const struct grapnel_config *config, const struct grapnel_request *request);
void gn_run_fini(struct gn_run *run);
