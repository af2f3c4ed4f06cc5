/* SPDX-License-Identifier: Apache-2.0
 *
 * What all contexts begin with.
 */
#pragma once

#include "tls/tls.h"

/* TLS 1.2 and later, no renegotiation, little memory for a connection that is idle. The caller SSL_CTX_free()s it. */
SSL_CTX *tls_context_new(const SSL_METHOD *method);
