/* SPDX-License-Identifier: Apache-2.0
 *
 * Making and ending the part, and learning secrets.
 */
#include "inbound/cache_priv.h"

#include "inbound/learn_priv.h"
#include "store/notes.h"

enum { SEALED_MAX = 256 * 1024 };

/* The source is read again when it is next used. */
static void inbound_on_commit(void *ctx, const struct store_note *notes, size_t count)
{
    const struct inbound *in = ctx;
    for (size_t i = 0; i < count; i++)
        if (notes[i].kind == STORE_NOTE_SOURCE)
            inbound_cache_forget(in->cache, notes[i].id);
}

struct inbound *inbound_new(const struct inbound_options *o)
{
    struct inbound *in = XNEW(struct inbound);
    in->o = *o;
    in->cache = inbound_cache_new(o->sources_max);
    in->remote = verify_remote_new(o->fetch, o->clock);
    store_on_commit(o->store, inbound_on_commit, in);
    return in;
}

void inbound_free(struct inbound *in)
{
    if (in == NULL)
        return;
    store_off_commit(in->o.store, inbound_on_commit, in);
    inbound_cache_free(in->cache);
    verify_remote_free(in->remote);
    xfree(in);
}

static enum rc put_secrets(struct inbound *in, struct store_tx *tx, struct store_source *row,
                           const struct inbound_secrets *secrets)
{
    struct buf sealed;
    buf_init(&sealed, SEALED_MAX);
    enum rc rc = inbound_secrets_seal(in->o.vault, row->id, secrets, &sealed);
    row->secrets = buf_str(&sealed);
    row->updated_us = clock_wall_us(in->o.clock);
    if (rc == RC_OK)
        rc = store_source_update(tx, row);
    buf_fini(&sealed);
    return rc;
}

/* What becomes of the secrets it has. */
typedef enum rc (*change_fn)(struct inbound_secrets *secrets, struct str secret, bool is_tentative);

static enum rc take_secret(struct inbound_secrets *secrets, struct str secret, bool is_tentative)
{
    if (secrets->count > 0 && !(secrets->is_tentative && is_tentative))
        return RC_CONFLICT;
    secrets->list[0] = (struct inbound_secret){ .text = secret };
    secrets->count = 1;
    secrets->is_tentative = is_tentative;
    return RC_OK;
}

static enum rc settle_secret(struct inbound_secrets *secrets, struct str secret, bool is_tentative)
{
    (void)is_tentative;
    if (secrets->count != 1 || !str_eq(secrets->list[0].text, secret))
        return RC_CONFLICT;
    secrets->is_tentative = false;
    return RC_OK;
}

static enum rc change_secret(struct inbound *in, int64_t source, change_fn change,
                             struct str secret, bool is_tentative)
{
    struct store_tx *tx = NULL;
    struct arena a;
    struct store_source row;
    struct inbound_secrets secrets;
    thread_must_be(THREAD_WORKER);
    enum rc rc = store_write(in->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    arena_init(&a);
    rc = store_source_by_num(tx, source, &a, &row);
    if (rc == RC_OK)
        rc = inbound_secrets_open(in->o.vault, &row, &a, &secrets);
    if (rc == RC_OK)
        rc = change(&secrets, secret, is_tentative);
    if (rc == RC_OK)
        rc = put_secrets(in, tx, &row, &secrets);
    rc = store_finish(tx, rc);
    if (rc == RC_OK && change == take_secret)
        LOG(INBOUND_LEARNED, F_STR("source", row.id));
    arena_fini(&a);
    return rc;
}

enum rc inbound_learn(struct inbound *in, int64_t source, struct str secret, bool is_tentative)
{
    return change_secret(in, source, take_secret, secret, is_tentative);
}

enum rc inbound_settle_secret(struct inbound *in, int64_t source, struct str secret)
{
    return change_secret(in, source, settle_secret, secret, false);
}
