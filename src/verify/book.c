/* SPDX-License-Identifier: Apache-2.0
 *
 * All presets, sorted by name: libgrapnel's, a few more that only the Svix API names, and the
 * operator's.
 */
#include "verify/verify_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct verify_book {
    struct verify_scheme **list; /* owned */
    size_t count, room;
};

/* Senders without a preset of libgrapnel's. */
static const struct grapnel_preset more_presets[] = {
    { "generic-webhook",
      "title Anything (no verification but the secret URL)\nauth none\nid header Idempotency-Key\n" },
    { "adobe-sign",
      "title Adobe Sign\nauth equal\nsig header X-AdobeSign-ClientId\n"
      "handshake client-id\nmethod GET\nwhen header X-AdobeSign-ClientId\nproof yes\n"
      "value token 1 256 header X-AdobeSign-ClientId\nheader X-AdobeSign-ClientId {value:1}\n" },
};

/* What the Svix API calls senders that have another name here, or sign as Svix does. */
static const struct {
    const char *name, *preset;
} other_names[] = {
    { "beehiiv", "svix" },   { "guesty", "svix" },        { "lithic", "svix" },
    { "nash", "svix" },      { "pleo", "svix" },          { "psi-fi", "svix" },
    { "safebase", "svix" },  { "sardine", "svix" },       { "stych", "stytch" },
    { "open-ai", "openai" }, { "hubspot", "hubspot-v3" },
};

size_t verify_book_count(const struct verify_book *book)
{
    return book->count;
}

const struct verify_scheme *verify_book_at(const struct verify_book *book, size_t index)
{
    return book->list[index];
}

static const struct verify_scheme *book_find(const struct verify_book *book, struct str name)
{
    size_t low = 0, high = book->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(book->list[middle]->name, name);
        if (order == 0)
            return book->list[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct verify_scheme *verify_book_find(const struct verify_book *book, struct str name)
{
    const struct verify_scheme *found = book_find(book, name);
    for (size_t i = 0; found == NULL && i < COUNT_OF(other_names); i++)
        if (str_eq(name, str_from(other_names[i].name)))
            found = book_find(book, str_from(other_names[i].preset));
    return found;
}

static int book_compare(const void *a, const void *b)
{
    return str_cmp((*(struct verify_scheme *const *)a)->name,
                   (*(struct verify_scheme *const *)b)->name);
}

/* Takes the scheme over. */
static void book_add(struct verify_book *book, struct verify_scheme *scheme)
{
    if (book->count == book->room) {
        book->room = book->room == 0 ? 256 : book->room * 2;
        book->list = xrealloc(book->list, book->room * sizeof(*book->list));
    }
    book->list[book->count++] = scheme;
}

/* They are ours: one that cannot be read is a bug. */
static void add_known(struct verify_book *book, const struct grapnel_preset *preset)
{
    struct str text = str_from(preset->text);
    struct grapnel_scheme *engine = NULL;
    MUST(grapnel_scheme_parse(verify_bytes(text), &engine, NULL) == GRAPNEL_VERIFIED);
    book_add(book, verify_scheme_wrap(engine, str_from(preset->name), text, "built in"));
}

/* --- the operator's folder ------------------------------------------------------------------------ */

static bool book_is_name(struct str s)
{
    if (s.len == 0 || s.len > VERIFY_NAME_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!(s.ptr[i] >= 'a' && s.ptr[i] <= 'z') && !(s.ptr[i] >= '0' && s.ptr[i] <= '9') &&
            s.ptr[i] != '-')
            return false;
    return true;
}

/* At most one byte more than a scheme may have, so that a longer one is noticed. */
static enum rc read_file(const char *path, struct buf *out)
{
    char bytes[4096];
    enum rc rc = RC_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return RC_IO;
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof(bytes));
        if (got <= 0) {
            rc = got < 0 ? RC_IO : RC_OK;
            break;
        }
        rc = buf_add(out, bytes, (size_t)got);
        if (rc != RC_OK)
            break;
    }
    (void)close(fd);
    return rc;
}

/* File names are unique: only a built-in name can clash. */
static const char *name_fault(const struct verify_book *known, struct str name)
{
    if (!book_is_name(name))
        return "a preset's name has a-z, 0-9 and '-', and at most 64 of them";
    return book_find(known, name) != NULL ? "there is a built-in preset of this name" : NULL;
}

static enum rc add_file(const struct verify_book *known, struct verify_book *own, const char *path,
                        struct str name, struct buf *why)
{
    struct buf text;
    struct grapnel_scheme *engine = NULL;
    struct grapnel_scheme_error error = { 0 };
    const char *fault = name_fault(known, name);
    if (fault != NULL) {
        buf_say(why, "%s: %s", path, fault);
        return RC_INVALID;
    }
    buf_init(&text, GRAPNEL_SCHEME_TEXT_MAX);
    enum rc rc = read_file(path, &text);
    if (rc == RC_LIMIT) {
        buf_say(why, "%s: more than %d bytes", path, GRAPNEL_SCHEME_TEXT_MAX);
        rc = RC_INVALID;
    } else if (rc != RC_OK) {
        buf_say(why, "%s: %s", path, strerror(errno));
    } else if (grapnel_scheme_parse(verify_bytes(buf_str(&text)), &engine, &error) !=
               GRAPNEL_VERIFIED) {
        buf_say(why, "%s:%u: %s", path, error.line,
                error.reason == NULL ? "not a scheme" : error.reason);
        rc = RC_INVALID;
    } else {
        book_add(own, verify_scheme_wrap(engine, name, buf_str(&text), path));
    }
    buf_fini(&text);
    return rc;
}

static enum rc add_entries(const struct verify_book *known, struct verify_book *own,
                           const char *folder, DIR *dir, struct buf *why)
{
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[4096];
        struct str name = str_from(entry->d_name);
        if (!str_ends(name, STR(".scheme")))
            continue;
        name.len -= strlen(".scheme");
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (own->count == VERIFY_FOLDER_MAX) {
            buf_say(why, "%s: more than %d presets", folder, VERIFY_FOLDER_MAX);
            return RC_INVALID;
        }
        enum rc rc = add_file(known, own, path, name, why);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc add_folder(struct verify_book *book, const char *folder, struct buf *why)
{
    struct verify_book own = { 0 };
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        buf_say(why, "%s: %s", folder, strerror(errno));
        return RC_IO;
    }
    enum rc rc = add_entries(book, &own, folder, dir, why);
    (void)closedir(dir);
    for (size_t i = 0; i < own.count; i++)
        book_add(book, own.list[i]);
    xfree(own.list);
    return rc;
}

enum rc verify_book_open(const char *folder, struct verify_book **out, struct buf *why)
{
    struct verify_book *book = XNEW(struct verify_book);
    enum rc rc = RC_OK;
    for (size_t i = 0; i < grapnel_preset_count(); i++)
        add_known(book, grapnel_preset_at(i));
    for (size_t i = 0; i < COUNT_OF(more_presets); i++)
        add_known(book, &more_presets[i]);
    qsort(book->list, book->count, sizeof(*book->list), book_compare);
    if (folder != NULL && folder[0] != '\0')
        rc = add_folder(book, folder, why);
    if (rc != RC_OK) {
        verify_book_free(book);
        return rc;
    }
    qsort(book->list, book->count, sizeof(*book->list), book_compare);
    *out = book;
    return RC_OK;
}

void verify_book_free(struct verify_book *book)
{
    if (book == NULL)
        return;
    for (size_t i = 0; i < book->count; i++)
        verify_scheme_free(book->list[i]);
    xfree(book->list);
    xfree(book);
}
