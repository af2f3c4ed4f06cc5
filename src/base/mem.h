/* SPDX-License-Identifier: Apache-2.0
 *
 * Heap memory. Out of memory panics: what outsiders can size has a limit checked before it gets
 * here, so this is never their doing. The only file that may call malloc and free.
 */
#pragma once

#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size); /* zeroed; panics if the product overflows */
void *xrealloc(void *ptr, size_t size);
char *xstrdup(const char *text);
void *xmemdup(const void *ptr, size_t len); /* adds a NUL after the copy */
void xfree(void *ptr);                      /* NULL is fine */

/* Overwrites with zeros in a way no compiler removes. */
void mem_wipe(void *ptr, size_t len);

#define XNEW(type) ((type *)xcalloc(1, sizeof(type)))
