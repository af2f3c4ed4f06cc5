/* SPDX-License-Identifier: Apache-2.0
 *
 * The model of a scheme: what the lines of its text become. Private.
 *
 * All texts point into the scheme's own copy of its text. The line format is described in
 * docs/reference/presets.md; scheme.c has a row for each kind of line.
 */
#pragma once

#include "bytes.h"

enum {
    GN_LOCATIONS_MAX = 8,
    GN_PARTS_MAX = 96, /* of all templates of a scheme */
    GN_FILTERS_MAX = 2,
    GN_STRIP_MAX = 4,
    GN_ACCEPT_MAX = 4,
    GN_RULES_MAX = 4,
    GN_HANDSHAKES_MAX = 4,
    GN_CONDITIONS_MAX = 4,
    GN_VALUES_MAX = 2,
    GN_TYPES_MAX = 4,
    GN_IDENTITIES_MAX = 4,
    GN_BODY_MAX_MOST = 67108864 /* bytes a scheme may name: 64 MiB */
};

enum gn_auth {
    GN_AUTH_UNSET,
    GN_AUTH_HMAC,
    GN_AUTH_HASH, /* plain digest of a message that holds {secret} */
    GN_AUTH_ED25519,
    GN_AUTH_ECDSA, /* P-256, DER signature */
    GN_AUTH_RSA,   /* PKCS #1 v1.5 */
    GN_AUTH_EQUAL, /* the secret itself */
    GN_AUTH_BASIC, /* HTTP Basic; the secret is "user:password" */
    GN_AUTH_JWT,
    GN_AUTH_SNS, /* AWS SNS: message and certificate rules are code */
    GN_AUTH_NONE
};

enum gn_hash { GN_SHA256, GN_SHA1, GN_SHA512 };
enum { GN_HASHES = 3 };
enum gn_key_form { GN_KEY_RAW, GN_KEY_BASE64, GN_KEY_HEX, GN_KEY_SHA1, GN_KEY_PEM };
enum gn_encoding { GN_ENC_HEX, GN_ENC_BASE64, GN_ENC_BASE64URL };
enum gn_unit { GN_UNIT_NONE, GN_UNIT_S, GN_UNIT_MS, GN_UNIT_ISO }; /* NONE: signed, but not read */

enum gn_place {
    GN_HEADER,
    GN_HEADERS, /* numbered: name1 .. name<max>; with a max of 0: the same name as often as it is there */
    GN_QUERY,
    GN_FORM,
    GN_JSON,     /* pointer into the body */
    GN_ITEM,     /* pointer into the current item of a batch */
    GN_PAIR,     /* value of another key in the signature's own list */
    GN_POSITION, /* the n-th item of the signature's list, from 1 */
    GN_BODY
};

struct gn_location {
    enum gn_place place;
    struct grapnel_bytes name; /* header, parameter, pointer or key */
    unsigned number;           /* HEADERS: how many; POSITION: which */
};

struct gn_locations {
    struct gn_location list[GN_LOCATIONS_MAX];
    size_t count;
};

enum gn_token {
    GN_LITERAL,
    GN_TOKEN_LOCATION,
    GN_TOKEN_TS,
    GN_TOKEN_ID,
    GN_TOKEN_METHOD,
    GN_TOKEN_URL,
    GN_TOKEN_PATH,
    GN_TOKEN_FORM_SORTED,
    GN_TOKEN_SHA256, /* of `over`, as hex */
    GN_TOKEN_CRC32,  /* of the body, decimal */
    GN_TOKEN_SECRET,
    GN_TOKEN_COMPANION,
    GN_TOKEN_VALUE /* of the handshake's n-th value line */
};

enum gn_filter {
    GN_FILTER_NONE,
    GN_FILTER_LOWER,
    GN_FILTER_HMAC_HEX,
    GN_FILTER_HMAC_B64,
    GN_FILTER_SHA256_HEX,
    GN_FILTER_JSON /* as it stands within a JSON string */
};

struct gn_part {
    enum gn_token token;
    struct grapnel_bytes literal;
    struct gn_location location;
    enum gn_token over; /* SHA256: URL, LOCATION for the body, or VALUE for a challenge and what belongs to it */
    unsigned number;    /* VALUE: which, from 0 */
    enum gn_filter filters[GN_FILTERS_MAX];
    unsigned group; /* 0: always there; else left out with its group when a token is absent */
};

/* The parts of all templates of a scheme live side by side. */
struct gn_parts {
    struct gn_part list[GN_PARTS_MAX];
    size_t count;
};

struct gn_template {
    const struct gn_part *parts; /* in the scheme's gn_parts */
    size_t count;
};

/* "<location> = <template>", or just "<location>": has to be there. */
struct gn_rule {
    struct gn_location location;
    bool has_template;
    bool needs_body; /* does not hold for a request without one, and need not */
    struct gn_template expect;
};

enum gn_proof { GN_PROOF_NO, GN_PROOF_YES, GN_PROOF_IF_KEYED };
enum gn_guard { GN_GUARD_TOKEN, GN_GUARD_TEXT, GN_GUARD_HEX };

struct gn_value {
    struct gn_location location;
    enum gn_guard guard;
    unsigned least; /* characters */
    unsigned most;
};

struct gn_handshake {
    struct grapnel_bytes name;
    struct grapnel_bytes method; /* empty: any */
    struct gn_rule when[GN_CONDITIONS_MAX];
    size_t when_count;
    enum gn_proof proof;
    struct gn_rule expect[GN_CONDITIONS_MAX]; /* else refused, such as a verify token */
    size_t expect_count;
    struct gn_value values[GN_VALUES_MAX];
    size_t value_count;
    unsigned status;
    struct grapnel_bytes content_type;
    struct grapnel_bytes header_names[GRAPNEL_REPLY_HEADERS_MAX];
    struct gn_template header_values[GRAPNEL_REPLY_HEADERS_MAX];
    size_t header_count;
    struct gn_template body;
    bool learns;
    bool is_tentative; /* what was learned is shown and may be replaced until an event verifies */
    struct gn_location learn;
};

struct grapnel_scheme {
    char *text; /* owned */
    struct gn_parts parts;
    struct grapnel_bytes title;
    enum gn_auth auth;
    enum gn_hash hash;
    enum gn_key_form key;
    struct grapnel_bytes strip[GN_STRIP_MAX];
    size_t strip_count;
    struct grapnel_bytes ed25519_tag; /* Standard Webhooks: entries so tagged are Ed25519 */

    struct gn_locations sig;
    char item_sep; /* NUL: one signature */
    char set_sep;  /* between whole sets of pairs, while a secret is replaced; NUL: one set */
    char kv_sep;   /* NUL: no tags */
    struct grapnel_bytes accept[GN_ACCEPT_MAX];
    size_t accept_count;
    bool accept_companion;
    struct grapnel_bytes prefix;
    enum gn_encoding enc;

    struct gn_template msg;
    struct gn_locations ts;
    enum gn_unit ts_unit;
    struct grapnel_window window;
    bool try_port;    /* also with the default port added or taken away */
    bool try_quote;   /* also with ' as %27 */
    bool try_newline; /* also with a line feed after the message */

    struct gn_rule require[GN_RULES_MAX]; /* before the signature; else unsupported */
    size_t require_count;
    struct gn_rule check[GN_RULES_MAX]; /* after it; else claim_mismatch. JWT: claims */
    size_t check_count;
    struct grapnel_bytes jwt_alg[GN_ACCEPT_MAX];
    size_t jwt_alg_count;
    bool jwt_detached; /* the payload is the body */
    struct grapnel_bytes jwks; /* address of the provider's key set; empty: the keys are the secrets */
    struct grapnel_bytes methods;
    size_t body_max; /* bytes that the provider sends at most; 0: not known */

    struct gn_locations id;
    struct gn_locations identities[GN_IDENTITIES_MAX]; /* the first whose fields are all there; none: the id */
    size_t identity_count;
    bool has_no_identity; /* the provider does not say which events are the same */
    char *identity_text;  /* owned; NULL: those of the text */
    struct gn_template types[GN_TYPES_MAX]; /* the first whose parts are there */
    size_t type_count;
    bool has_items;
    bool keeps_whole;           /* its events mean something together only */
    struct grapnel_bytes items; /* pointer to the array of events */

    unsigned accept_status;
    struct grapnel_bytes accept_type;
    struct grapnel_bytes accept_body;
    unsigned reject_status;

    struct gn_handshake handshakes[GN_HANDSHAKES_MAX];
    size_t handshake_count;
};

/* The limit of a body: what the caller gave, or else the larger of the default and the scheme's own (NULL: no scheme). */
size_t gn_body_max(const struct grapnel_scheme *scheme, size_t given);
/* Reads a template into `pool`; NULL, or a reason. */
const char *gn_template_parse(struct grapnel_bytes text, struct gn_parts *pool,
                              struct gn_template *out);
/* Reads "header NAME", "json /pointer", ...; NULL, or a reason. */
const char *gn_location_parse(struct grapnel_bytes text, struct gn_location *out);
/* Reads "header NAME + json /pointer"; NULL, or a reason. */
const char *gn_identity_parse(struct grapnel_bytes text, struct gn_locations *out);
/* Has the scheme all that its kind needs, and nothing that contradicts? NULL, or a reason. */
const char *gn_scheme_check(const struct grapnel_scheme *s);
/* Does a part of `t` stand for that token? */
bool gn_template_has(const struct gn_template *t, enum gn_token token);
/* The body as a whole? */
bool gn_template_has_body(const struct gn_template *t);
/* Literal text before the first token; empty if there is none. */
struct grapnel_bytes gn_template_prefix(const struct gn_template *t);
