/* SPDX-License-Identifier: Apache-2.0 */
typedef int core_placeholder; /* replaced when the module gets its first file */
