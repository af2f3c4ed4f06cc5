/* SPDX-License-Identifier: Apache-2.0
 *
 * Making and ending the part, and learning secrets.
 */
#include "inbound/inbound_priv.h"

#include "inbound/learn_priv.h"

enum { SEALED_MAX = 256 * 1024 };

struct inbound *inbound_new(const struct inbound_options *o)
{
    struct inbound *in = XNEW(struct inbound);
    in->o = *o;
    in->cache = inbound_cache_new(o->sources_max);
    in->certificates = inbound_certificates_new(o->fetch);
    return in;
}

void inbound_free(struct inbound *in)
{
    if (in == NULL)
        return;
    inbound_cache_free(in->cache);
    inbound_certificates_free(in->certificates);
    xfree(in);
}

void inbound_changed(struct inbound *in, int64_t source)
{
    inbound_cache_forget(in->cache, source);
}

static enum rc add_secret(struct inbound *in, struct store_tx *tx, struct store_source *row,
                          struct str secret, struct arena *a)
{
    struct inbound_secrets secrets;
    struct buf sealed;
    enum rc rc = inbound_secrets_open(in->o.vault, row, a, &secrets);
    if (rc != RC_OK || secrets.count > 0)
        return rc == RC_OK ? RC_CONFLICT : rc;
    secrets.list[secrets.count++] = (struct inbound_secret){ .text = secret };
    buf_init(&sealed, SEALED_MAX);
    rc = inbound_secrets_seal(in->o.vault, row->id, &secrets, &sealed);
    row->secrets = buf_str(&sealed);
    row->updated_us = clock_wall_us(in->o.clock);
    if (rc == RC_OK)
        rc = store_source_update(tx, row);
    buf_fini(&sealed);
    return rc;
}

enum rc inbound_learn(struct inbound *in, int64_t source, struct str secret)
{
    struct store_tx *tx = NULL;
    struct arena a;
    struct store_source row;
    thread_must_be(THREAD_WORKER);
    enum rc rc = store_write(in->o.store, &tx);
    if (rc != RC_OK)
        return rc;
    arena_init(&a);
    rc = store_source_by_num(tx, source, &a, &row);
    if (rc == RC_OK)
        rc = add_secret(in, tx, &row, secret, &a);
    if (rc == RC_OK)
        rc = store_commit(tx);
    else
        store_end(tx);
    if (rc == RC_OK) {
        inbound_changed(in, source);
        LOG(INBOUND_LEARNED, F_STR("source", row.id));
    }
    arena_fini(&a);
    return rc;
}
