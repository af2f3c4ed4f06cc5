/* SPDX-License-Identifier: Apache-2.0
 *
 * libgrapnel: verifying (and, for tests and tools, making) webhook signatures.
 *
 * A *scheme* says how one provider signs: a small text of data, either one of the presets ("github",
 * "stripe", "standard-webhooks", ...) or your own (docs/reference/presets.md has both). Pick it by
 * configuration, never by looking at the request: the same header means different things elsewhere.
 *
 *     struct grapnel_scheme *scheme;
 *     if (grapnel_scheme_preset("github", &scheme) != GRAPNEL_VERIFIED) ...
 *     struct grapnel_bytes secrets[] = { GRAPNEL_TEXT("the secret") };
 *     struct grapnel_config config = { .secrets = secrets, .secret_count = 1, .now_us = now };
 *     struct grapnel_request request = { method, url, query, headers, header_count, body };
 *     struct grapnel_verdict verdict;
 *     switch (grapnel_verify(scheme, &config, &request, &verdict)) {
 *     case GRAPNEL_VERIFIED:  ...handle body, remember verdict.id...
 *     case GRAPNEL_HANDSHAKE: ...answer verdict.reply...
 *     default:                ...answer verdict.reply (401), log grapnel_status_name()...
 *     }
 *
 * Give the body as it came: not decompressed, not decoded, not parsed and written again.
 *
 * Rules kept throughout: no key, no verification (an empty secret never verifies); signatures are
 * decoded to bytes, must have the exact length, and are compared in constant time, every signature
 * with every key; the time is the one that was signed; a header that counts may occur once.
 *
 * Memory: nothing is kept between calls but the scheme. A call uses up to 128 KiB of stack and at
 * most GRAPNEL_WORK_MAX bytes plus eight times the body of heap (for HMAC schemes over the raw body:
 * some 4 KiB in all), given back before it returns. Nothing
 * blocks, but the caller's own certificate function. Threads: schemes never change once made; any
 * number of threads may use one. Needs libcrypto of OpenSSL 3 and nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GRAPNEL_API __attribute__((visibility("default")))

/* Limits. What exceeds them is GRAPNEL_TOO_LARGE or GRAPNEL_BODY_TOO_LARGE, or not a scheme. */
enum {
    GRAPNEL_BODY_MAX_DEFAULT = 26214400, /* bytes: 25 MiB, what GitHub may send */
    GRAPNEL_HEADERS_MAX = 256,
    GRAPNEL_SECRETS_MAX = 16,
    GRAPNEL_SECRET_MAX = 8192,   /* bytes of one secret's text (PEM keys are long) */
    GRAPNEL_SIGNATURES_MAX = 32, /* in one request; more are refused, not ignored */
    GRAPNEL_ITEMS_MAX = 1000,    /* events in one request */
    GRAPNEL_FORM_MAX = 1000,     /* form or query parameters */
    GRAPNEL_JSON_DEPTH_MAX = 64,
    GRAPNEL_JWT_MAX = 16384,        /* bytes */
    GRAPNEL_SCHEME_TEXT_MAX = 8192, /* bytes */
    GRAPNEL_WORK_MAX = 2097152,     /* bytes of heap, beside copies of the body */
    GRAPNEL_KEY_SET_MAX = 65536,    /* bytes of a provider's set of keys */
    GRAPNEL_REPLY_HEADERS_MAX = 4,
    GRAPNEL_VERDICT_TEXT_MAX = 4096 /* bytes of all texts of a verdict together */
};

/* Borrowed bytes; need not end in NUL. */
struct grapnel_bytes {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
};

#define GRAPNEL_TEXT(literal) \
    { \
        ("" literal), sizeof(literal) - 1 \
    }

struct grapnel_header {
    struct grapnel_bytes name; /* compared without regard to case */
    struct grapnel_bytes value;
};

enum grapnel_status {
    GRAPNEL_VERIFIED = 0,
    GRAPNEL_HANDSHAKE, /* not an event: answer verdict.reply, and keep verdict.learned if any */
    GRAPNEL_UNSIGNED,  /* the scheme has no proof (auth none); nothing was verified */
    GRAPNEL_MISSING_HEADER,   /* a header, parameter or field that the scheme needs is not there */
    GRAPNEL_DUPLICATE_HEADER, /* ... or is there more than once */
    GRAPNEL_MALFORMED_SIGNATURE, /* no signature in the form and length the scheme asks for */
    GRAPNEL_MALFORMED_TIMESTAMP,
    GRAPNEL_MALFORMED_BODY,  /* a field of the body is needed, and the body cannot be read */
    GRAPNEL_NO_MATCHING_KEY, /* well formed, but made by none of the keys over this content */
    GRAPNEL_TIMESTAMP_TOO_OLD,
    GRAPNEL_TIMESTAMP_IN_FUTURE,
    GRAPNEL_CLAIM_MISMATCH,    /* signed, but for another content, time-less token or address */
    GRAPNEL_CHALLENGE_REFUSED, /* a handshake whose value or token is not acceptable */
    GRAPNEL_BODY_TOO_LARGE,
    GRAPNEL_TOO_LARGE,        /* another limit above */
    GRAPNEL_UNCONFIGURED,     /* no secret, or an empty one */
    GRAPNEL_MALFORMED_KEY,    /* no secret has the form that the scheme asks for */
    GRAPNEL_KEY_FETCH_FAILED, /* the certificate function failed, or there is none */
    GRAPNEL_MALFORMED_SCHEME,
    GRAPNEL_UNKNOWN_PRESET,
    GRAPNEL_UNSUPPORTED, /* the request asks for a version or algorithm that the scheme has not */
    GRAPNEL_INTERNAL,    /* libcrypto refused or memory is short */
    GRAPNEL_METHOD_NOT_ALLOWED, /* proven, but events do not come by this method */
    GRAPNEL_STATUS_COUNT
};

/* "verified", "missing_header", ...; never NULL. Stable: for logs and metrics. */
GRAPNEL_API const char *grapnel_status_name(enum grapnel_status status);

/* --- schemes -------------------------------------------------------------------------------------- */

struct grapnel_scheme;

struct grapnel_scheme_error {
    unsigned line;      /* from 1; 0: the scheme as a whole */
    const char *reason; /* literal */
};

/* Reads a scheme's text. The caller grapnel_scheme_free()s *out. GRAPNEL_MALFORMED_SCHEME: `error`
 * (may be NULL) says where and why, *out is NULL. */
GRAPNEL_API enum grapnel_status grapnel_scheme_parse(struct grapnel_bytes text,
                                                     struct grapnel_scheme **out,
                                                     struct grapnel_scheme_error *error);

/* A preset by its name. GRAPNEL_UNKNOWN_PRESET: there is none. The caller grapnel_scheme_free()s. */
GRAPNEL_API enum grapnel_status grapnel_scheme_preset(const char *name,
                                                      struct grapnel_scheme **out);

/* Events are told apart by these fields from now on, whatever the scheme says: "header X-Id", or several joined by
 * " + ", such as "json /order/id + json /status". Where one of them is missing, an event is taken for a new one.
 * For a scheme that nobody else uses yet. MALFORMED_SCHEME: `reason` (may be NULL) says why. */
GRAPNEL_API enum grapnel_status grapnel_scheme_dedupe(struct grapnel_scheme *scheme,
                                                      struct grapnel_bytes fields,
                                                      const char **reason);

GRAPNEL_API void grapnel_scheme_free(struct grapnel_scheme *scheme); /* NULL is fine */

/* All presets, in order of name: 0 <= index < grapnel_preset_count(). */
struct grapnel_preset {
    const char *name;
    const char *text; /* the scheme's text, to start an own one from */
};
GRAPNEL_API size_t grapnel_preset_count(void);
GRAPNEL_API const struct grapnel_preset *grapnel_preset_at(size_t index);

/* "GitHub", or an empty text. Lives as long as the scheme. */
GRAPNEL_API struct grapnel_bytes grapnel_scheme_title(const struct grapnel_scheme *scheme);

/* How large a body the provider sends at most, in bytes (its "body-max" line); 0: the scheme does not say. At most
 * 64 MiB. */
GRAPNEL_API size_t grapnel_scheme_body_max(const struct grapnel_scheme *scheme);

/* --- verifying -------------------------------------------------------------------------------------- */

struct grapnel_request {
    struct grapnel_bytes method; /* "POST" */
    struct grapnel_bytes url;    /* the public one, as the provider knows it, without the query:
                                    from configuration, never from the Host header */
    struct grapnel_bytes query;  /* as received, without '?' */
    const struct grapnel_header *headers;
    size_t header_count;
    struct grapnel_bytes body; /* raw */
};

/* Fetches the certificate (PEM) at `url`, whose host has been checked. Writes at most `cap` bytes and
 * sets *len. Returns false on failure. May block and may cache. */
typedef bool grapnel_certificate_fn(void *ctx, struct grapnel_bytes url, char *pem, size_t cap,
                                    size_t *len);

struct grapnel_window {
    int64_t past_s;   /* how old a signed time may be; 0: any age */
    int64_t future_s; /* how far ahead; 0: any */
};

/* A secret that is a public key, read beforehand: reading one costs more than checking a signature. */
struct grapnel_key;

/* NULL for what is no public key of the scheme's form (as shared secrets are): verifying reads that itself.
 * The caller grapnel_key_free()s, after the last call that was given it. Any number of threads may use one. */
GRAPNEL_API struct grapnel_key *grapnel_key_read(const struct grapnel_scheme *scheme,
                                                 struct grapnel_bytes secret);
GRAPNEL_API void grapnel_key_free(struct grapnel_key *key); /* NULL is fine */

struct grapnel_config {
    const struct grapnel_bytes *secrets; /* in the form the provider shows; any may match */
    size_t secret_count;
    struct grapnel_bytes
        companion;  /* the second value that some providers give beside the secret (a
                                       verify token, a public key's name, a webhook's id); never used
                                       as a key */
    const struct grapnel_key *const *keys; /* NULL, or one a secret: what grapnel_key_read() gave */
    int64_t now_us; /* the clock: microseconds since 1970 */
    const struct grapnel_window *window; /* NULL: the scheme's own */
    size_t body_max; /* bytes; 0: GRAPNEL_BODY_MAX_DEFAULT, or the scheme's own if it is larger */
    grapnel_certificate_fn *certificate; /* only for schemes with fetched certificates (aws-sns) */
    void *certificate_ctx;
    grapnel_certificate_fn *key_set; /* only for schemes with a "jwks" line: fetches that address (a JSON Web Key Set);
                                        expected to cache */
    void *key_set_ctx;
    struct grapnel_bytes methods; /* by which events may come, such as "POST, PUT"; empty: the scheme's. HEAD and OPTIONS
                                     are never events. Not looked at when the request names no method */
    bool is_tentative; /* the secret came in a handshake, and no event has verified with it yet */
};

/* What to answer. All texts live in the verdict or in the scheme. */
struct grapnel_reply {
    unsigned status;
    struct grapnel_bytes content_type; /* empty: none */
    struct grapnel_header headers[GRAPNEL_REPLY_HEADERS_MAX];
    size_t header_count;
    struct grapnel_bytes body;
};

struct grapnel_verdict {
    enum grapnel_status status;
    unsigned key_index;        /* which secret matched, also when something else is wrong; UINT_MAX: none did */
    struct grapnel_bytes id; /* equal for deliveries of the same event, by the provider's own rules (several fields
                                joined by a blank, a long one as its hash); empty: nothing says so */
    bool id_signed; /* false: whoever recorded a request can send it again under another id */
    struct grapnel_bytes type; /* event type; empty: none, or it is per item */
    bool type_signed;
    bool has_time;
    int64_t time_us;              /* the time that was signed */
    size_t item_count;            /* events in the body, for schemes with batches; 0: not a batch */
    struct grapnel_reply reply;   /* for every status */
    struct grapnel_bytes learned; /* HANDSHAKE: the secret to keep from now on; empty: none */
    bool learned_is_tentative; /* somebody has to see it, and a later one replaces it until an event verifies */
    size_t _text_len;
    char _text[GRAPNEL_VERDICT_TEXT_MAX];
};

/* Judges a request; returns verdict->status. Texts in the verdict are borrowed from the verdict, the
 * request and the scheme; do not copy the struct while using them. */
GRAPNEL_API enum grapnel_status grapnel_verify(const struct grapnel_scheme *scheme,
                                               const struct grapnel_config *config,
                                               const struct grapnel_request *request,
                                               struct grapnel_verdict *verdict);

/* One event of a batch. Its JSON is the request's; the other texts live during the call of the function only. */
struct grapnel_item {
    struct grapnel_bytes json; /* as it stands in the body */
    struct grapnel_bytes id;   /* empty: none of its own */
    struct grapnel_bytes type; /* empty: none */
    bool id_signed;            /* as in the verdict */
};

/* Is each event of a batch to be handled by itself? False: no batches, or what surrounds the events says
 * something about them, so that they belong together. */
GRAPNEL_API bool grapnel_scheme_splits(const struct grapnel_scheme *scheme);

/* Returns false to stop. */
typedef bool grapnel_item_fn(void *ctx, size_t index, const struct grapnel_item *item);

/* Calls fn for each event of a verified batch (verdict.item_count > 0). UNSUPPORTED: the scheme knows
 * no batches; MALFORMED_BODY, DUPLICATE_HEADER, TOO_LARGE, MISSING_HEADER (no array): as it says. */
GRAPNEL_API enum grapnel_status grapnel_each_item(const struct grapnel_scheme *scheme,
                                                  const struct grapnel_request *request,
                                                  grapnel_item_fn *fn, void *ctx);

/* As grapnel_verify(), and writes to `out` (NUL-terminated, cut to `cap` bytes) what was looked for,
 * the string that was signed (escaped and cut), and which signature failed and why. Never writes
 * secrets, nor the signature that would have been right. */
GRAPNEL_API enum grapnel_status grapnel_explain(const struct grapnel_scheme *scheme,
                                                const struct grapnel_config *config,
                                                const struct grapnel_request *request,
                                                struct grapnel_verdict *verdict, char *out,
                                                size_t cap);

/* The bytes that a signature is made over, for whoever looks for the difference. */
struct grapnel_signed {
    char *ptr;  /* the caller's, `cap` bytes */
    size_t cap;
    size_t len; /* out: of all of them, also when more than `cap`, which are cut. 0: it did not come so far, or nothing is
                   signed (a secret that travels as it is) */
};

/* As grapnel_explain(), and copies those bytes: of several readings that a scheme allows the first one, or the one that
 * matched; of a batch with a signature for each event, those of the last one that was looked at. Where the secret is a
 * part of them, "<secret>" stands in its place. */
GRAPNEL_API enum grapnel_status grapnel_explain_signed(const struct grapnel_scheme *scheme,
                                                       const struct grapnel_config *config,
                                                       const struct grapnel_request *request,
                                                       struct grapnel_verdict *verdict, char *out,
                                                       size_t cap, struct grapnel_signed *bytes);

/* Has this secret the form the scheme asks for? VERIFIED, UNCONFIGURED or MALFORMED_KEY. */
GRAPNEL_API enum grapnel_status grapnel_check_secret(const struct grapnel_scheme *scheme,
                                                     struct grapnel_bytes secret);

/* --- signing ---------------------------------------------------------------------------------------- */

enum { GRAPNEL_SIGNATURE_TEXT_MAX = 8192, GRAPNEL_SIGNATURE_HEADERS_MAX = 3 };

struct grapnel_signature {
    struct grapnel_bytes value;     /* the whole text that belongs where the scheme looks for it */
    struct grapnel_bytes timestamp; /* as signed; empty: the scheme has none */
    /* What to add to the request: the signature and the time, where they travel in headers. */
    struct grapnel_header headers[GRAPNEL_SIGNATURE_HEADERS_MAX];
    size_t header_count;
    size_t _text_len;
    char _text[GRAPNEL_SIGNATURE_TEXT_MAX];
};

/* Signs `request` with every secret of `config`, at config->now_us. The request already holds what is
 * signed besides (such as the id header). Asymmetric schemes need the private key as the secret (for
 * Standard Webhooks "whsk_...", else PEM). UNSUPPORTED: a scheme that cannot be signed here (aws-sns;
 * signatures per item). */
GRAPNEL_API enum grapnel_status grapnel_sign(const struct grapnel_scheme *scheme,
                                             const struct grapnel_config *config,
                                             const struct grapnel_request *request,
                                             struct grapnel_signature *out);

#ifdef __cplusplus
}
#endif
