/* SPDX-License-Identifier: Apache-2.0 */
typedef int tls_placeholder; /* replaced when the module gets its first file */
