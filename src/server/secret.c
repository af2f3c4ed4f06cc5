/* SPDX-License-Identifier: Apache-2.0
 *
 * The main secret: what endpoint secrets are sealed with at rest. From the configuration, or from a
 * file beside the store that is made once. The file is written whole and synced under another name
 * first, so that a crash never leaves half a secret that a later start would take. A store keeps a proof, a text
 * sealed under its main secret: without the right one it is not opened, as all that is sealed would be lost on
 * whoever goes on.
 */
#include "server/secret_priv.h"

#include "server/options_priv.h"

#include "base/file.h"
#include "store/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_BYTES = 32, SECRET_FILE_MAX = 512, MAIN_SECRET_MAX = 4096, OPENED_MAX = 1 << 20 };

#define PROOF_CONTEXT "main-secret"

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

/* Nothing may be sealed under a secret that a power cut could take: neither after its name was not made durable,
 * nor after somebody copied it here. */
static enum rc sync_secret(int fd, const char *dir, const char *path, struct buf *why)
{
    if (fsync(fd) == 0 && file_sync_folder(dir) == RC_OK)
        return RC_OK;
    buf_say(why, "%s: the disk cannot make it durable: %s", path, strerror(errno));
    return RC_IO;
}

static enum rc write_secret(const char *path, struct str text, struct buf *why)
{
    enum rc rc = file_replace(path, &text, 1, false);
    if (rc == RC_OK)
        return RC_OK;
    buf_say(why, "%s: cannot write the main secret: %s", path, strerror(errno));
    (void)unlink(path); /* should it stay, the next start makes it durable before it is used */
    return rc;
}

static enum rc make_secret(const char *path, struct buf *out, struct buf *why)
{
    uint8_t bytes[SECRET_BYTES];
    char text[BASE64_LEN(SECRET_BYTES) + 1];

    rng_fill(rng_system(), bytes, sizeof bytes);
    base64_encode(bytes, sizeof bytes, text);
    enum rc rc = write_secret(path, str_from(text), why);
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
           snprintf(path, sizeof path, "%s/main-secret", c->data_dir) >= (int)sizeof path ||
           access(path, F_OK) == 0 || errno != ENOENT;
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
        return make_secret(path, out, why);
    if (fd < 0) {
        buf_say(why, "%s: %s", path, strerror(errno));
        return RC_IO;
    }
    enum rc rc = sync_secret(fd, c->data_dir, path, why);
    if (rc == RC_OK)
        rc = read_secret(fd, path, out, why);
    (void)close(fd); /* only read */
    return rc;
}

static void secret_fini(struct buf *secret)
{
    if (secret->ptr != NULL)
        mem_wipe(secret->ptr, secret->len);
    buf_fini(secret);
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
    secret_fini(&secret);
    return rc;
}

enum rc server_key_for(const struct conf *c, struct str purpose, uint8_t key[static 32],
                       struct buf *why)
{
    struct buf secret;

    buf_init(&secret, MAIN_SECRET_MAX);
    enum rc rc = server_main_secret(c, &secret, why);
    if (rc == RC_OK)
        sign_hmac256(buf_str(&secret), purpose, key);
    secret_fini(&secret);
    return rc;
}

/* --- the proof -------------------------------------------------------------------------------------- */

struct trial {
    const struct sign_vault *vault; /* NULL: nothing opens */
    bool has_proof;
    bool is_right;
};

static bool secret_opens(const struct sign_vault *vault, struct str context, struct str sealed)
{
    struct buf plain;

    buf_init(&plain, OPENED_MAX);
    bool is_ours = vault != NULL && sign_open(vault, context, sealed, &plain) == RC_OK;
    if (plain.ptr != NULL)
        mem_wipe(plain.ptr, plain.len);
    buf_fini(&plain);
    return is_ours;
}

/* A proof that does not open is only looked past when nothing else is sealed. A store of a build that kept no proof
 * is judged by its rows: one that opens will do, as others may be of a time when a lost secret went unnoticed. */
static bool try_one(void *ctx, struct str context, struct str sealed)
{
    struct trial *trial = ctx;

    trial->is_right = !trial->has_proof && secret_opens(trial->vault, context, sealed);
    return trial->has_proof || trial->is_right;
}

enum rc server_vault_proves(const struct sign_vault *vault, struct db *db)
{
    struct arena arena;
    struct str proof;

    arena_init(&arena);
    enum rc rc = store_seal_proof_get(db, &arena, &proof);
    if (rc == RC_OK && !secret_opens(vault, STR(PROOF_CONTEXT), proof))
        rc = RC_DENIED;
    arena_fini(&arena);
    return rc;
}

enum rc server_vault_fits(const struct sign_vault *vault, struct db *db)
{
    struct trial trial = { .vault = vault };
    struct arena arena;
    struct str proof;
    int64_t count = 0;

    arena_init(&arena);
    enum rc rc = store_seal_proof_get(db, &arena, &proof);
    trial.has_proof = rc == RC_OK;
    trial.is_right = trial.has_proof && secret_opens(vault, STR(PROOF_CONTEXT), proof);
    if (!trial.is_right && (rc == RC_OK || rc == RC_NOT_FOUND))
        rc = store_sealed_each(db, try_one, &trial, &count);
    arena_fini(&arena);
    if (rc != RC_OK || trial.is_right)
        return rc;
    return count == 0 ? RC_NOT_FOUND : RC_DENIED;
}

/* Only once: a full disk must not keep a store from being opened. */
static enum rc secret_prove(struct store_tx *tx, const struct sign_vault *vault)
{
    struct arena arena;
    struct str proof;
    struct buf sealed;

    arena_init(&arena);
    enum rc rc = store_seal_proof_get(store_tx_db(tx), &arena, &proof);
    bool is_proven = rc == RC_OK && secret_opens(vault, STR(PROOF_CONTEXT), proof);
    arena_fini(&arena);
    if (is_proven || (rc != RC_OK && rc != RC_NOT_FOUND))
        return rc;
    buf_init(&sealed, OPENED_MAX);
    rc = sign_seal(vault, STR(PROOF_CONTEXT), STR("grapnel"), &sealed);
    if (rc == RC_OK)
        rc = store_seal_proof_set(tx, buf_str(&sealed));
    buf_fini(&sealed);
    return rc;
}

void server_say_wrong_secret(const struct conf *c, struct buf *why)
{
    if (server_text(c->main_secret) != NULL)
        buf_say(
            why,
            "server.main_secret is not the one that the secrets in %s are sealed with: set the one "
            "that was used before, or unset it if that was %s/main-secret",
            c->data_dir, c->data_dir);
    else if (server_knows_main_secret(c))
        buf_say(
            why,
            "%s/main-secret is not the one that the secrets in this store are sealed with: restore "
            "it from the backup of this store, or set server.main_secret as it was",
            c->data_dir);
    else
        buf_say(
            why,
            "%s/main-secret is missing, and the secrets in this store are sealed with it: restore it "
            "from the backup of this store, or set server.main_secret if it was set before",
            c->data_dir);
}

/* In the transaction, so that a secret is made for a store that has nothing sealed, and for no other. */
static enum rc open_vault(const struct conf *c, struct store_tx *tx, struct sign_vault **out,
                          struct buf *why)
{
    enum rc fits = server_knows_main_secret(c) ? RC_OK : server_vault_fits(NULL, store_tx_db(tx));
    enum rc rc = fits == RC_OK || fits == RC_NOT_FOUND ? server_vault(c, out, why) : fits;

    if (rc != RC_OK)
        return rc;
    fits = server_vault_fits(*out, store_tx_db(tx));
    return fits == RC_NOT_FOUND ? RC_OK : fits;
}

enum rc server_vault_open(const struct conf *c, struct store *store, struct sign_vault **out,
                          struct buf *why)
{
    struct store_tx *tx = NULL;
    struct sign_vault *vault = NULL;
    enum rc rc = store_write(store, &tx);

    if (rc == RC_OK) {
        rc = open_vault(c, tx, &vault, why);
        if (rc == RC_OK)
            rc = secret_prove(tx, vault);
        rc = store_finish(tx, rc);
    }
    if (rc == RC_DENIED && why->len == 0)
        server_say_wrong_secret(c, why);
    else if (rc != RC_OK && why->len == 0)
        buf_say(why, "%s: cannot read or write what is configured: %s", c->data_dir, rc_name(rc));
    if (rc == RC_OK) {
        *out = vault;
    } else {
        sign_vault_free(vault);
    }
    return rc;
}
