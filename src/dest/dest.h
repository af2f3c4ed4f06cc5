/* SPDX-License-Identifier: Apache-2.0
 *
 * Destinations: how a delivery leaves. A kind is a folder of this one and a row of kinds.def; whatever differs between
 * kinds is in its struct dest_kind, and nobody else asks which kind it is. An envelope is what a kind puts around a
 * payload, as receivers of other systems know it; dialects bring theirs. ARCHITECTURE.md shows how to add one.
 *
 * Configuration happens on workers: a URL is taken apart (read_url), settings are checked, and both are compiled into
 * a view once. Delivering happens on a loop: start() with what was compiled, done() with what came of it.
 */
#pragma once

#include "conf/conf.h"
#include "core/directory.h"
#include "core/retry.h"
#include "fetch/fetch.h"
#include "json/json.h"

enum dest_id {
#define DEST_KIND(name, NAME, urls) DEST_##NAME,
#include "dest/kinds.def"
    DEST_COUNT
};

enum {
    DEST_HEAD_MAX = 65536, /* bytes of the header lines of a delivery */
    DEST_SETTINGS_MAX = 65536
};

/* What came of an attempt, in terms that every kind has. Borrowed for the call of done(). */
struct dest_result {
    bool is_canceled;   /* by us: the delivery stays as it was */
    bool got_response;
    int status;         /* as HTTP has them, since filters, retries and history go by it: 200 is a success */
    bool is_permanent;  /* no retry can help before the configuration changes */
    int64_t retry_after_us;
    enum core_wish wish;
    int64_t took_us;
    struct str error;   /* short name, "" with a response */
    struct str detail;  /* words */
    struct str response;
    struct str response_headers;
};

/* One attempt. The loop's thread; the first part stands until done(). */
struct dest_call {
    const struct core_app *app;
    const struct core_endpoint *ep;       /* ep->settings is what compile() made */
    const struct store_message *message;  /* its id is the same on every attempt */
    struct str payload;        /* what is sent: the message's bytes, or its transform's. Envelopes put theirs here */
    struct str lines;          /* header lines that come with it */
    bool is_transformed;
    int64_t started_us;        /* wall clock */
    int64_t deadline_us;       /* in all, from now */
    int64_t connect_us;
    size_t response_keep, response_read; /* bytes */
    struct str user_agent;
    void *client;              /* of this kind on this loop; NULL: this server has none */
    void *state;               /* of the kind: state_size bytes, aligned, used again by later attempts */
    struct arena *scratch;     /* of this attempt */
    struct buf *head, *body;   /* empty, of this attempt: for header lines and for what is sent instead of the payload */
    void (*done)(struct dest_call *c, const struct dest_result *r);
    /* out, before done(): what history shows, without secrets; in `head`, or as long-lived as the call */
    struct str url, shown_head;
};
/* done() for an attempt that could not be made. */
void dest_refuse(struct dest_call *c, bool is_permanent, struct str error, struct str detail);

/* A URL as a kind has read it. */
struct dest_url {
    struct str shown;    /* what is kept as the endpoint's URL: without credentials */
    bool is_tls;
    bool has_user;       /* it says who: perhaps nobody, in an empty user part */
    struct str credentials; /* JSON object, to be sealed; ptr NULL: none */
};

/* What an endpoint is compiled from. */
struct dest_source {
    const json_t *settings;    /* the option named as the kind; NULL: none */
    const json_t *credentials; /* opened; NULL: none */
    const json_t *options;     /* all of them; NULL: none */
    const json_t *sealed;      /* all that was sealed, opened; NULL: none */
    const struct sign_key *key; /* the endpoint's current one; NULL: none that can be read */
    const struct dest_envelope *const *envelopes; /* NULL at the end; NULL: none */
};

/* What pools are made of. Borrowed; strings and references stand as long as the server. */
struct dest_server {
    const struct conf *conf;
    struct fetch_policy *policy; /* every connection asks it, after DNS */
    const char *ca_file, *cert_file, *key_file; /* of TLS; NULL: none */
};

/* What a loop's clients are made of. */
struct dest_loop {
    struct loop *loop;
    struct fetch *fetch; /* the loop's own HTTP client, for every kind that speaks HTTP */
};

struct dest_kind {
    const char *name;           /* as rows and the settings' option have it */
    enum dest_id id;
    const char *const *schemes; /* of its URLs, encrypted ones first; NULL at the end. None: by its settings only */
    const char *url_words;      /* the same for people: "an amqp or amqps URL" */
    int pipeline;               /* windows are this many times wider: answers come in bulk */
    size_t state_size;

    /* Strings into the arena. RC_INVALID: `why` (may be NULL) says what is wrong. */
    enum rc (*read_url)(struct str url, struct arena *a, struct dest_url *out, struct buf *why);
    /* NULL: endpoints of this kind have no settings. RC_INVALID: `where` is the member, `why` the words. */
    enum rc (*check)(const json_t *settings, struct arena *a, const char **where, struct buf *why);
    /* For a view: reads ep->url and `s`, may complete ep->url by its credentials. NULL, with `where` and `why`: they
     * cannot be read, and start() is not called. Secrets: arena_secret(). */
    const void *(*compile)(struct arena *a, struct core_endpoint *ep, const struct dest_source *s, const char **where, struct buf *why);

    /* A state's memory before it is first used, and after its last. NULL: zero, and nothing. */
    void (*state_init)(void *state);
    void (*state_fini)(void *state);
    /* Ends in c->done(), perhaps before it returns. */
    void (*start)(struct dest_call *c);
    /* c->done() with is_canceled, at once. */
    void (*cancel)(struct dest_call *c);

    /* Connections that loops share (NULL: none), and a loop's own client. stop: threads end, answers go to the loops;
     * free: after the loops were emptied and clients freed. client_free may be NULL: the client is another's. */
    void *(*pool_new)(const struct dest_server *s);
    void (*pool_stop)(void *pool);
    void (*pool_free)(void *pool);
    void *(*client_new)(void *pool, const struct dest_loop *on);
    void (*client_free)(void *client);
};
extern const struct dest_kind *const dest_kinds[DEST_COUNT];

/* The kind of that name; "" is http's. NULL: there is none. */
const struct dest_kind *dest_find(struct str name);
/* The kind whose URLs begin so; http for any other text. */
const struct dest_kind *dest_of_url(struct str url);

/* A loop's clients, by enum dest_id. */
struct dest_clients {
    void *of[DEST_COUNT];
};

struct dest_pools {
    void *of[DEST_COUNT];
};
void dest_pools_start(struct dest_pools *pools, const struct dest_server *s);
void dest_clients_start(const struct dest_pools *pools, const struct dest_loop *on, struct dest_clients *clients);
void dest_pools_stop(struct dest_pools *pools);
void dest_clients_free(struct dest_clients *clients);
void dest_pools_free(struct dest_pools *pools);

/* --- envelopes ------------------------------------------------------------------------------------------ */

/* What is put around a payload. Rows are constants; whoever brings them lists them (dest_targets()). */
struct dest_envelope {
    const char *option, *value; /* the option that asks for it, by this text; value NULL: by being an object */
    const char *header;         /* a name that only it may send; NULL: none */
    const char *content_type;   /* of what it makes; NULL: the payload's */
    const char *unfit;          /* words for a payload that it cannot take */
    bool is_alone;              /* no other goes around it */
    bool is_personal;           /* its endpoints are people's: by hand, too, they only get what they ask for */
    bool is_chunked;            /* its receivers take no body with a length */
    bool needs_key;             /* it signs with the scheme's key; without one nothing is sent */
    /* What of the options it needs, into the arena. NULL: nothing. */
    const void *(*compile)(struct arena *a, const json_t *options, struct str scheme_key);
    /* Replaces c->payload by its own in c->body, or leaves it. RC_INVALID: unfit. The same on every attempt. */
    enum rc (*body)(struct dest_call *c, const void *settings);
    /* Appends header lines that go with c->payload and are shown in history. RC_LIMIT. NULL: none. */
    enum rc (*headers)(const struct dest_call *c, const void *settings, struct buf *out);
};

extern const struct dest_envelope dest_envelope_form; /* "encoding": "form" */

/* The envelopes of an endpoint, innermost first; without any the payload goes as it is. */
enum { DEST_WRAPS_MAX = 2 };
struct dest_wrap {
    const struct dest_envelope *row;
    const void *settings;
};
struct dest_wrapping {
    const struct dest_envelope *const *known; /* all there are */
    struct dest_wrap wraps[DEST_WRAPS_MAX];
    size_t count;
    bool is_personal, is_chunked;
    bool lacks_key;            /* one of them has nothing to sign with: never send */
    struct str content_type;   /* ptr NULL: the payload's */
};
/* For a kind's compile(). */
void dest_wrapping_read(struct arena *a, const struct dest_source *s, struct dest_wrapping *out);
/* Is it the name of a header that only some envelope may send, whether asked for here or not? */
bool dest_wrapping_reserves(const struct dest_wrapping *w, struct str header);

/* What core_directory_options take: how endpoints of all kinds are compiled. `envelopes` (NULL at the end; or NULL) is
 * borrowed for good. */
struct core_targets dest_targets(const struct dest_envelope *const *envelopes);
/* Appends ", <value>" of the envelopes that an option can ask for. */
void dest_envelope_values(const struct dest_envelope *const *envelopes, const char *option, struct buf *out);
bool dest_envelope_has(const struct dest_envelope *const *envelopes, const char *option, struct str value);
