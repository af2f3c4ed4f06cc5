/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the lines of a handshake's block.
 */
#include "scheme_lines.h"

static const struct gn_word proof_words[] = { WORD("no", GN_PROOF_NO), WORD("yes", GN_PROOF_YES),
                                              WORD("if-keyed", GN_PROOF_IF_KEYED) };
static const struct gn_word guard_words[] = { WORD("token", GN_GUARD_TOKEN),
                                              WORD("text", GN_GUARD_TEXT),
                                              WORD("hex", GN_GUARD_HEX) };

const char *gn_line_handshake(struct gn_parser *p, struct grapnel_bytes value)
{
    if (p->scheme->handshake_count == GN_HANDSHAKES_MAX) {
        return "more than 4 handshakes";
    }
    p->handshake = &p->scheme->handshakes[p->scheme->handshake_count++];
    p->handshake->name = value;
    p->handshake->status = 200;
    return NULL;
}

const char *gn_line_method(struct gn_parser *p, struct grapnel_bytes value)
{
    p->handshake->method = value;
    return NULL;
}

const char *gn_line_when(struct gn_parser *p, struct grapnel_bytes value)
{
    return gn_add_rule(p, p->handshake->when, &p->handshake->when_count, GN_CONDITIONS_MAX, value);
}

const char *gn_line_proof(struct gn_parser *p, struct grapnel_bytes value)
{
    int word;
    if (!gn_find_word(proof_words, GN_COUNT(proof_words), value, &word)) {
        return "proof is no, yes or if-keyed";
    }
    p->handshake->proof = (enum gn_proof)word;
    return NULL;
}

const char *gn_line_expect(struct gn_parser *p, struct grapnel_bytes value)
{
    return gn_add_rule(p, p->handshake->expect, &p->handshake->expect_count, GN_CONDITIONS_MAX,
                       value);
}

/* "<guard> <least> <most> <location>" */
const char *gn_line_value(struct gn_parser *p, struct grapnel_bytes value)
{
    static const char form[] = "a value is: token|text|hex, least and most characters, location";
    struct grapnel_bytes guard;
    struct grapnel_bytes least;
    struct grapnel_bytes most;
    int64_t numbers[2];
    int word;
    if (p->handshake->value_count == GN_VALUES_MAX) {
        return "more than 2 values";
    }
    if (!gn_split(&value, ' ', &guard) || !gn_split(&value, ' ', &least) ||
        !gn_split(&value, ' ', &most) || value.len == 0) {
        return form;
    }
    if (!gn_find_word(guard_words, GN_COUNT(guard_words), guard, &word) ||
        !gn_decimal(least, 4, &numbers[0]) || !gn_decimal(most, 4, &numbers[1]) || numbers[0] < 1 ||
        numbers[1] < numbers[0] || numbers[1] > 1024) {
        return form;
    }
    struct gn_value *out = &p->handshake->values[p->handshake->value_count++];
    out->guard = (enum gn_guard)word;
    out->least = (unsigned)numbers[0];
    out->most = (unsigned)numbers[1];
    return gn_location_parse(value, &out->location);
}

const char *gn_line_status(struct gn_parser *p, struct grapnel_bytes value)
{
    return gn_read_status(value, &p->handshake->status);
}

const char *gn_line_content_type(struct gn_parser *p, struct grapnel_bytes value)
{
    p->handshake->content_type = value;
    return NULL;
}

const char *gn_line_header(struct gn_parser *p, struct grapnel_bytes value)
{
    struct gn_handshake *h = p->handshake;
    size_t space = gn_find(value, ' ');
    if (h->header_count == GRAPNEL_REPLY_HEADERS_MAX) {
        return "more than 4 headers";
    }
    if (space == value.len) {
        return "a header lacks its value";
    }
    h->header_names[h->header_count] = gn_bytes(value.ptr, space);
    const char *reason = gn_template_parse(gn_skip(value, space + 1), &p->scheme->parts,
                                           &h->header_values[h->header_count]);
    h->header_count++;
    return reason;
}

const char *gn_line_body(struct gn_parser *p, struct grapnel_bytes value)
{
    return gn_template_parse(value, &p->scheme->parts, &p->handshake->body);
}

const char *gn_line_learn(struct gn_parser *p, struct grapnel_bytes value)
{
    p->handshake->learns = true;
    return gn_location_parse(value, &p->handshake->learn);
}

const char *gn_line_tentative(struct gn_parser *p, struct grapnel_bytes value)
{
    p->handshake->is_tentative = gn_eq(value, GN_TEXT("yes"));
    return p->handshake->is_tentative ? NULL : "only yes makes sense here";
}
