/* SPDX-License-Identifier: Apache-2.0 */
typedef int work_placeholder; /* replaced when the module gets its first file */
