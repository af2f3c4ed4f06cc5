/* SPDX-License-Identifier: Apache-2.0
 *
 * A signature looked at by hand: the verdict in words, the exact bytes that were signed, and, where no secret matches, what
 * would have to be otherwise for one to match. Nothing is logged or kept, and no text here ever holds a secret.
 */
#pragma once

#include "verify/verify.h"

struct verify_look {
    enum grapnel_status status;
    const char *words;   /* the verdict, a literal sentence */
    const char *remedy;  /* what to do, a literal sentence; NULL: nothing */
    const char *cause;   /* a word for what was found to be otherwise, such as "body_newline"; NULL: nothing was */
    unsigned key_index;  /* which of the secrets matched; UINT_MAX: none did */
    bool matched;        /* one did, whatever the verdict */
    struct str signed_bytes; /* ptr NULL: it did not come so far, or nothing is signed */
    struct str explanation;  /* what was looked for and found, line by line */
    struct str id, type;     /* empty: none, or nothing was proven */
    bool id_signed, type_signed;
    bool has_time;
    int64_t time_us;         /* the time that was signed */
    struct str reply;        /* of a handshake: what is answered */
    size_t item_count;
};

/* Judges the request; texts in the arena, wiped with it where they were made of a body. Takes some ten times what verifying
 * takes. Worker when the scheme is slow or fetches (config's functions). */
void verify_look(const struct verify_scheme *scheme, const struct grapnel_config *config,
                 const struct grapnel_request *request, struct arena *a, struct verify_look *out);
