/* SPDX-License-Identifier: Apache-2.0
 *
 * The main secret: what endpoint secrets are sealed with at rest. From the configuration, or from a
 * file beside the store that is made once. The file is written whole and synced under another name
 * first, so that a crash never leaves half a secret that a later start would take.
 */
#include "server/server_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_BYTES = 32, SECRET_FILE_MAX = 512, MAIN_SECRET_MAX = 4096 };

static enum rc read_secret(int fd, const char *path, struct buf *out, struct buf *why)
{
    char text[SECRET_FILE_MAX];
    struct stat st;
    ssize_t n = read(fd, text, sizeof text);

    if (n < 0 || fstat(fd, &st) != 0) {
        buf_say(why, "%s: %s", path, strerror(errno));
        return RC_IO;
    }
    if ((st.st_mode & 077) != 0) {
        buf_say(why, "%s: others may read it; chmod 600 it", path);
        mem_wipe(text, sizeof text);
        return RC_DENIED;
    }
    struct str secret = str_of(text, (size_t)n);
    while (secret.len > 0 &&
           (secret.ptr[secret.len - 1] == '\n' || secret.ptr[secret.len - 1] == '\r'))
        secret.len--;
    enum rc rc = buf_add_str(out, secret);
    mem_wipe(text, sizeof text);
    return rc;
}

static enum rc sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return RC_IO;
    int failed = fsync(fd);
    close(fd);
    return failed == 0 ? RC_OK : RC_IO;
}

static enum rc write_secret(const char *dir, const char *path, struct str text, struct buf *why)
{
    char part[4096];
    enum rc rc = RC_IO;

    snprintf(part, sizeof part, "%s.part", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len && fsync(fd) == 0 &&
        rename(part, path) == 0 && sync_folder(dir) == RC_OK)
        rc = RC_OK;
    if (rc != RC_OK)
        buf_say(why, "%s: cannot write the main secret: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

static enum rc make_secret(const char *dir, const char *path, struct buf *out, struct buf *why)
{
    uint8_t bytes[SECRET_BYTES];
    char text[BASE64_LEN(SECRET_BYTES) + 1];

    rng_fill(rng_system(), bytes, sizeof bytes);
    base64_encode(bytes, sizeof bytes, text);
    enum rc rc = write_secret(dir, path, str_from(text), why);
    if (rc == RC_OK) {
        rc = buf_add_str(out, str_from(text));
        LOG(SERVER_SECRET_MADE, F_TEXT("file", path));
    }
    mem_wipe(bytes, sizeof bytes);
    mem_wipe(text, sizeof text);
    return rc;
}

bool server_knows_main_secret(const struct conf *c)
{
    char path[4000];

    return server_text(c->main_secret) != NULL ||
           (snprintf(path, sizeof path, "%s/main-secret", c->data_dir) < (int)sizeof path &&
            access(path, F_OK) == 0);
}

enum rc server_main_secret(const struct conf *c, struct buf *out, struct buf *why)
{
    char path[4000];

    if (server_text(c->main_secret) != NULL)
        return buf_add_str(out, str_from(c->main_secret));
    if (snprintf(path, sizeof path, "%s/main-secret", c->data_dir) >= (int)sizeof path) {
        buf_say(why, "store.dir: the path is too long");
        return RC_INVALID;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return make_secret(c->data_dir, path, out, why);
    if (fd < 0) {
        buf_say(why, "%s: %s", path, strerror(errno));
        return RC_IO;
    }
    enum rc rc = read_secret(fd, path, out, why);
    close(fd);
    return rc;
}

enum rc server_vault(const struct conf *c, struct sign_vault **out, struct buf *why)
{
    struct buf secret;

    buf_init(&secret, MAIN_SECRET_MAX);
    enum rc rc = server_main_secret(c, &secret, why);
    if (rc == RC_OK) {
        rc = sign_vault_new(buf_str(&secret), out);
        if (rc != RC_OK)
            buf_say(why, "the main secret is shorter than 16 bytes");
    }
    if (secret.ptr != NULL)
        mem_wipe(secret.ptr, secret.len);
    buf_fini(&secret);
    return rc;
}
