/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies taken apart. Pure; any thread.
 */
#pragma once

#include "base/base.h"
#include "json/json.h"

enum {
    RECEIVE_MEMBERS_MAX = 1000000,  /* of objects that are written anew */
    RECEIVE_XML_DEPTH_MAX = 128,    /* elements within elements */
    RECEIVE_XML_NODES_MAX = 100000, /* elements and attributes of a document */
    RECEIVE_PARTS_MAX = 1000,       /* of a multipart body */
    RECEIVE_PART_HEAD_MAX = 8192,   /* bytes of a part's headers */
    RECEIVE_BOUNDARY_MAX = 200
};

/* JSON as adnanh/webhook reads it: half surrogate pairs and bytes that are not UTF-8 become U+FFFD, and what
 * follows the first object or list is ignored. The span is of `text` or of a copy in the arena. RC_INVALID:
 * it is not JSON; `error` (may be NULL) says where. */
MUST_USE enum rc receive_json_read(struct arena *a, struct str text, struct json_span *out,
                                   struct json_error *error);

/* `text`, or a copy in the arena where each byte that is not UTF-8 has become U+FFFD. */
struct str receive_text_clean(struct arena *a, struct str text);

/* What stands in the place of the outermost object's member of this name: valid JSON. */
struct receive_overlay {
    struct str name;
    struct str text;
};

/* Valid JSON as adnanh/webhook hands it on: compact, names sorted, the last of a name kept, `<`, `>` and `&`
 * escaped, numbers as they came. RC_LIMIT: it outgrows `out`, or has too many members. */
MUST_USE enum rc receive_json_write(struct arena *a, struct str valid, const struct receive_overlay *overlays,
                                    size_t count, struct buf *out);
/* Any text as a JSON string in the same way; what is not UTF-8 becomes U+FFFD. */
MUST_USE enum rc receive_json_write_text(struct str text, struct buf *out);

/* The document as JSON text in the arena, by the rules of adnanh/webhook: {"<name of the root>": value}.
 * An element with nothing but text is a string (without the white space around it), an empty one is "";
 * any other is an object of its attributes ("-name"), its elements (a name that comes again makes a list),
 * and its text ("#text"). Names lose their prefix. No entity but XML's own five is read, nothing is fetched.
 * RC_INVALID: not well-formed, or past a limit above; `why` (may be NULL) says what and where. */
MUST_USE enum rc receive_xml_to_json(struct arena *a, struct str xml, struct str *json,
                                     struct buf *why);

struct receive_part {
    struct str name;
    struct str type; /* its Content-Type; empty: none */
    struct str body; /* in the request's, or decoded in the arena */
    bool is_file;    /* it has a file name */
    bool is_quoted;  /* it came as quoted-printable */
};

/* Parts of a multipart/form-data body that have a name, in order; the list is in the arena.
 * `content_type` is the header's value. RC_INVALID: malformed, or past a limit; `why` says what. */
MUST_USE enum rc receive_multipart_read(struct arena *a, struct str content_type, struct str body,
                                        struct receive_part **out, size_t *count, struct buf *why);
