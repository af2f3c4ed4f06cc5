/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the readers of a scheme's lines: where the parser is, and what several of them read. Private.
 */
#pragma once

#include "scheme.h"

struct gn_parser {
    struct grapnel_scheme *scheme;
    struct gn_handshake *handshake; /* the block we are in, or NULL */
    unsigned line;
    unsigned long seen; /* bit per row of the table below */
};

typedef const char *line_fn(struct gn_parser *p, struct grapnel_bytes value);

struct gn_word {
    struct grapnel_bytes word;
    int value;
};

#define WORD(text, value) \
    { \
        GRAPNEL_TEXT(text), value \
    }

/* False: `text` is none of the words. */
bool gn_find_word(const struct gn_word *words, size_t count, struct grapnel_bytes text, int *out);
/* "<location>" or "<location> = <template>". NULL, or a reason, as all readers give. */
const char *gn_add_rule(struct gn_parser *p, struct gn_rule *rules, size_t *count, size_t max,
                        struct grapnel_bytes value);
const char *gn_read_status(struct grapnel_bytes value, unsigned *out);

/* Lines of a handshake. */
line_fn gn_line_handshake;
line_fn gn_line_method;
line_fn gn_line_when;
line_fn gn_line_proof;
line_fn gn_line_expect;
line_fn gn_line_value;
line_fn gn_line_status;
line_fn gn_line_content_type;
line_fn gn_line_header;
line_fn gn_line_body;
line_fn gn_line_learn;
line_fn gn_line_tentative;
