/* SPDX-License-Identifier: Apache-2.0
 *
 * What the API's documents say of receivers of other systems; the code is in dialect/. A test compares the names with
 * the dialects' rows.
 */
#pragma once

#define FOREIGN_HANDSHAKES "preservica, cloudevents, websub or ping."
#define FOREIGN_SCHEMES "standard, or preservica: its envelope, sent chunked, with its signature beside ours."
#define FOREIGN_IDENTIFIERS "preservica: whether events keep their identifiers. Default: true."
#define FOREIGN_SECRET \
    "The key for schemes other than standard and for the preservica handshake: printable ASCII, never shown. Default: the text of the signing secret."
