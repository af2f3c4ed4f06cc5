/* SPDX-License-Identifier: Apache-2.0 */
typedef int db_placeholder; /* replaced when the module gets its first file */
