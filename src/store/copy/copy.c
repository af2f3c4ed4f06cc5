/* SPDX-License-Identifier: Apache-2.0
 *
 * See store/copy.h: which of the two is which, and the order of things. To the database what is configured goes first,
 * because the mark there keeps servers away; to a folder it goes last, because it is a single file.
 */
#include "store/copy.h"

#include "store/copy/config_priv.h"
#include "store/copy/flow_priv.h"
#include "store/copy/segment_priv.h"

enum { CONFIG_MARK = -1, CONFIG_FILE = -1 };

struct copying {
    const struct store_copy_options *o;
    struct store_copy_counts *out;
    struct buf *why;
    struct copy_folder folder;
    struct copy_server server;
    struct copy_segments segments;
};

bool store_is_url(const char *text)
{
    struct str s = str_from(text);
    return str_starts(s, STR("postgresql://")) || str_starts(s, STR("postgres://"));
}

static void copying_add(struct copying *c, const struct store_copy_counts *part)
{
    c->out->segments += part->segments;
    c->out->messages += part->messages;
    c->out->deliveries += part->deliveries;
    c->out->waiting += part->waiting;
    c->out->attempts += part->attempts;
    c->out->requests += part->requests;
    c->out->filter_runs += part->filter_runs;
    c->out->keys += part->keys;
}

/* `done` of them, this one included. */
static enum rc note_segment(struct copying *c, enum rc rc, size_t done,
                            const struct store_copy_counts *part)
{
    if (rc != RC_OK && rc != RC_CONFLICT)
        return rc;
    if (rc == RC_OK)
        copying_add(c, part);
    if (c->o->progress != NULL)
        c->o->progress(c->o->ctx, (int64_t)done, (int64_t)c->segments.count, rc == RC_CONFLICT,
                       part);
    return RC_OK;
}

static enum rc secret_ask(struct copying *c, struct db *config)
{
    return c->o->check == NULL ? RC_OK : c->o->check(c->o->ctx, config, c->why);
}

/* --- to the database ---------------------------------------------------------------------------------- */

static enum rc config_to_server(struct copying *c)
{
    struct copy_side file = { .name = "config.db", .why = c->why };
    enum rc rc = store_copy_server_has(&c->server, CONFIG_MARK);
    if (rc != RC_OK)
        return rc == RC_CONFLICT ? RC_OK : rc;
    rc = store_copy_folder_config(&c->folder, &file.file);
    if (rc != RC_OK)
        return rc;
    rc = store_copy_server_begin(&c->server, true);
    if (rc == RC_OK)
        rc = store_copy_config_to_server(&c->server, &file, &c->out->rows);
    if (rc == RC_OK)
        rc = store_copy_server_done(&c->server, CONFIG_MARK);
    if (rc == RC_OK)
        rc = store_copy_server_commit(&c->server);
    db_close(file.file);
    return rc;
}

static enum rc check_folder(struct copying *c)
{
    struct db *config;
    enum rc rc = store_copy_folder_config(&c->folder, &config);
    if (rc != RC_OK)
        return rc;
    rc = secret_ask(c, config);
    db_close(config);
    return rc;
}

/* The newest first: of a key that was used twice, the later message's is kept. */
static enum rc segments_to_server(struct copying *c)
{
    enum rc rc = RC_OK;
    for (size_t i = c->segments.count; rc == RC_OK && i-- > 0;) {
        struct store_copy_counts part = { 0 };
        rc =
            store_copy_to_server(&c->folder, &c->server, &c->segments.at[i], (int64_t)i + 1, &part);
        rc = note_segment(c, rc, c->segments.count - i, &part);
    }
    return rc;
}

static enum rc copy_beside(struct copying *c)
{
    return c->o->beside == NULL ? RC_OK : c->o->beside(c->o->ctx, c->why);
}

static enum rc finish_server(struct copying *c)
{
    enum rc rc = copy_beside(c);
    if (rc == RC_OK)
        rc = store_copy_server_begin(&c->server, true);
    if (rc == RC_OK)
        rc = store_copy_server_finish(&c->server);
    return rc == RC_OK ? store_copy_server_commit(&c->server) : rc;
}

static enum rc count_folder(struct copying *c)
{
    struct copy_side file = { .name = "config.db", .why = c->why };
    enum rc rc = store_copy_folder_config(&c->folder, &file.file);
    if (rc == RC_OK) {
        rc = store_copy_config_count(&file, c->o->clock, &c->out->rows);
        db_close(file.file);
    }
    for (size_t i = 0; rc == RC_OK && i < c->segments.count; i++) {
        struct store_copy_counts part = { 0 };
        struct copy_digest digest;
        file.name = "a segment";
        rc = store_copy_folder_segment(&c->folder, c->segments.at[i].start, &file.file);
        if (rc != RC_OK)
            return rc;
        rc = store_copy_file_digest(&file, &digest);
        db_close(file.file);
        if (rc == RC_OK)
            store_copy_count(&digest, &part);
        rc = note_segment(c, rc, i + 1, &part);
    }
    return rc;
}

static enum rc copy_to_server(struct copying *c)
{
    char identity[COPY_IDENTITY_MAX];
    enum rc rc = store_copy_folder_open(&c->folder);
    if (rc == RC_OK)
        rc = check_folder(c);
    if (rc == RC_OK)
        rc = store_copy_folder_identity(&c->folder, identity);
    if (rc == RC_OK)
        rc = store_copy_folder_segments(&c->folder, &c->segments);
    if (rc == RC_OK && c->o->is_dry)
        return count_folder(c);
    if (rc == RC_OK)
        rc = store_copy_server_make(&c->server, identity);
    if (rc == RC_OK)
        rc = config_to_server(c);
    if (rc == RC_OK)
        rc = segments_to_server(c);
    return rc == RC_OK ? finish_server(c) : rc;
}

/* --- to a folder -------------------------------------------------------------------------------------- */

static enum rc check_server(struct copying *c)
{
    struct db *config;
    enum rc rc = db_connect(c->o->from, NULL, &config, c->why);
    if (rc != RC_OK)
        return rc;
    rc = secret_ask(c, config);
    db_close(config);
    return rc;
}

static enum rc config_to_folder(struct copying *c)
{
    struct copy_side file = { .name = "config.db", .why = c->why };
    enum rc rc = store_copy_folder_begin(&c->folder, CONFIG_FILE, &file.file);
    if (rc != RC_OK)
        return rc;
    rc = store_copy_config_to_file(&c->server, &file, &c->out->rows);
    if (rc == RC_OK)
        return store_copy_folder_keep(&c->folder, CONFIG_FILE, file.file);
    db_close(file.file);
    return rc;
}

static enum rc segments_to_folder(struct copying *c)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; rc == RC_OK && i < c->segments.count; i++) {
        struct store_copy_counts part = { 0 };
        rc = store_copy_to_folder(&c->server, &c->folder, &c->segments.at[i], &part);
        rc = note_segment(c, rc, i + 1, &part);
    }
    return rc;
}

static enum rc count_server(struct copying *c)
{
    struct copy_side side = store_copy_server_side(&c->server);
    enum rc rc = store_copy_config_count(&side, c->o->clock, &c->out->rows);
    for (size_t i = 0; rc == RC_OK && i < c->segments.count; i++) {
        struct store_copy_counts part = { 0 };
        struct copy_digest digest;
        rc = store_copy_partitions_digest(&side, c->segments.at[i].start, &c->segments.at[i],
                                          &digest);
        if (rc == RC_OK)
            store_copy_count(&digest, &part);
        rc = note_segment(c, rc, i + 1, &part);
    }
    return rc;
}

/* One snapshot of all: in it deliveries of which nothing was written are found before anything is read. */
static enum rc read_server(struct copying *c)
{
    char identity[COPY_IDENTITY_MAX];
    bool is_done = false;
    enum rc rc = store_copy_server_begin(&c->server, false);
    if (rc == RC_OK)
        rc = store_copy_server_segments(&c->server, &c->segments);
    if (rc == RC_OK)
        rc = store_copy_server_unresolved(&c->server);
    if (rc == RC_OK && c->o->is_dry)
        return count_server(c);
    if (rc == RC_OK)
        rc = store_copy_server_identity(&c->server, identity);
    if (rc == RC_OK)
        rc = store_copy_folder_make(&c->folder, identity, &is_done);
    if (rc == RC_OK && !is_done)
        rc = segments_to_folder(c);
    if (rc == RC_OK && !is_done)
        rc = config_to_folder(c);
    if (rc == RC_OK)
        rc = copy_beside(c);
    return rc == RC_OK ? store_copy_folder_finish(&c->folder) : rc;
}

static enum rc copy_to_folder(struct copying *c)
{
    enum rc rc = store_copy_server_open(&c->server);
    if (rc == RC_OK)
        rc = check_server(c);
    return rc == RC_OK ? read_server(c) : rc;
}

enum rc store_copy(const struct store_copy_options *o, struct store_copy_counts *out,
                   struct buf *why)
{
    bool is_to_server = store_is_url(o->to);
    struct copying c = { .o = o, .out = out, .why = why };
    *out = (struct store_copy_counts){ 0 };
    if (is_to_server == store_is_url(o->from)) {
        buf_say(
            why,
            "one of the two must be a folder, and the other a URL as postgresql://user@host/database");
        return RC_INVALID;
    }
    c.folder = (struct copy_folder){
        .o = o, .dir = is_to_server ? o->from : o->to, .why = why, .lock_fd = -1
    };
    c.server = (struct copy_server){ .o = o, .url = is_to_server ? o->to : o->from, .why = why };
    enum rc rc = is_to_server ? copy_to_server(&c) : copy_to_folder(&c);
    store_copy_server_close(&c.server);
    store_copy_folder_close(&c.folder);
    xfree(c.segments.at);
    return rc;
}
