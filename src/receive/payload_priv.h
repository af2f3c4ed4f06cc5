/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies that are not JSON, taken apart. Pure; any thread.
 */
#pragma once

#include "base/base.h"

enum {
    RECEIVE_XML_DEPTH_MAX = 128,    /* elements within elements */
    RECEIVE_XML_NODES_MAX = 100000, /* elements and attributes of a document */
    RECEIVE_PARTS_MAX = 1000,       /* of a multipart body */
    RECEIVE_PART_HEAD_MAX = 8192,   /* bytes of a part's headers */
    RECEIVE_BOUNDARY_MAX = 200
};

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
    struct str body; /* in the request's */
    bool is_file;    /* it has a file name */
};

/* Parts of a multipart/form-data body that have a name, in order; the list is in the arena.
 * `content_type` is the header's value. RC_INVALID: malformed, or past a limit; `why` says what. */
MUST_USE enum rc receive_multipart_read(struct arena *a, struct str content_type, struct str body,
                                        struct receive_part **out, size_t *count, struct buf *why);
