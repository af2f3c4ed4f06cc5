/* SPDX-License-Identifier: Apache-2.0
 *
 * The only file that calls the system's allocator.
 *
 * Being out of memory ends the process, on purpose: what was answered is on disk, a start finds it, and
 * no path can be tested that would go on without. So outsiders must not decide how much is taken: what
 * they size is bounded before it gets here. Libraries' NULLs that can mean anything else, or that one
 * request or attempt can be refused for, are handled where they come up.
 */
#include "base/mem.h"

#include "base/panic.h"

#include <stdlib.h>
#include <string.h>

void *xmalloc(size_t size)
{
    void *ptr = malloc(size == 0 ? 1 : size);
    MUST(ptr != NULL);
    return ptr;
}

void *xcalloc(size_t count, size_t size)
{
    if (count == 0 || size == 0)
        count = size = 1;
    void *ptr = calloc(count, size); /* NULL when the product overflows, too */
    MUST(ptr != NULL);
    return ptr;
}

void *xrealloc(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size == 0 ? 1 : size);
    MUST(moved != NULL);
    return moved;
}

char *xstrdup(const char *text)
{
    return xmemdup(text, strlen(text));
}

void *xmemdup(const void *ptr, size_t len)
{
    char *copy = xmalloc(len + 1);
    if (len > 0)
        memcpy(copy, ptr, len);
    copy[len] = '\0';
    return copy;
}

void xfree(void *ptr)
{
    free(ptr);
}

void mem_wipe(void *ptr, size_t len)
{
    if (len > 0)
        explicit_bzero(ptr, len);
}
