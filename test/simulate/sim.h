/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole server as one deterministic process. A preloaded object takes the place of the calls of libc by which the
 * unmodified program reaches threads, time, chance, the network and files. Threads run one at a time, time is virtual
 * and moves only when nobody can run, and everything that is decided is decided by one seed. The world around the
 * server (receivers, clients, whatever else it speaks to) lives in the same process, as tasks of the same scheduler.
 *
 * A *life* is one process: from the server's start to its kill, power cut or stop. Several lives make a run; the runner
 * (run.c) starts them one after the other on the same store. docs/internals/simulation.md has the whole story.
 *
 * Threads: everything here is called from world tasks (sim_spawn) unless said otherwise. One thread runs at a time and
 * gives way only inside of calls, so that the world needs no locks: what stands between two calls of this header that
 * "wait" is one indivisible step.
 *
 * Times are microseconds: sim_now_us() counts from the beginning of the run, through all lives. Addresses are texts,
 * "93.184.216.34:80" or "[2a02::1]:443". `until_us` is a moment of sim_now_us(); SIM_FOREVER waits without end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_MS INT64_C(1000)
#define SIM_SECOND INT64_C(1000000)
#define SIM_MINUTE (60 * SIM_SECOND)
#define SIM_HOUR (60 * SIM_MINUTE)
#define SIM_FOREVER INT64_MAX
#define SIM_SERVER "127.0.0.1:8071" /* where the server listens, if world_prepare() has said nothing else */

/* ---- what the world defines ------------------------------------------------------------------------------------ */

/* Once in each life, before the server's main() and before anything runs: writes the server's configuration to
 * sim_config_path(). Nothing that waits may be called here; sim_keep() and the dice may. */
void world_prepare(void);
/* The first task of each life, started with the server. It spawns the others. When it returns the run goes on with
 * the tasks that are left; a run ends by sim_end_life() or sim_fail() only. */
void world_run(void);
/* Each line that the server logs, without its end of line, as it is written: on the server's thread that logs, so it
 * must not wait. It may call sim_fail(). */
void world_log_line(const char *line, size_t len);
/* The server has ended by itself with that exit code, or was asked to and ended with another than 0. When faults explain
 * that: how much later the next life starts, as a supervisor would start it. Negative: they do not, and the run fails. */
int64_t world_left(int code);

/* ---- this run -------------------------------------------------------------------------------------------------- */

uint64_t sim_seed(void);
/* The number of this life, from 0. */
int sim_life(void);
/* The folder of this run: "store" is the server's folder in it, "log" what the server logs, "report" a failure. */
const char *sim_folder(void);
const char *sim_config_path(void);
/* An argument of the runner, `simulate --set name=value`, or `otherwise`; a plan's path comes as "plan". */
const char *sim_setting(const char *name, const char *otherwise);
/* The token of an administrator: the runner makes it in life 0 before the server starts. */
const char *sim_admin_token(void);

/* Memory that outlives the lives: zeroed in the first, at the same address and with the same content in each later
 * one, so that pointers within such memory hold. One name, one size. Ends with the run; never freed. */
void *sim_keep(const char *name, size_t size);
/* The same without a name, for what hangs from such memory: lists, texts, trees. Never freed; the most is 1 GiB. */
void *sim_keep_more(size_t size);

/* ---- time and tasks -------------------------------------------------------------------------------------------- */

int64_t sim_now_us(void);
/* What the server's wall clock shows, in microseconds since 1970: sim_now_us() plus the steps and drift so far. */
int64_t sim_wall_us(void);
/* Waits. */
void sim_sleep(int64_t us);
/* Waits until is_true(arg), which is asked whenever somebody else has run and must be quick and change nothing.
 * False: `until_us` came first. */
bool sim_wait(bool (*is_true)(void *arg), void *arg, int64_t until_us);
/* A task beside the others, which ends when fn returns. The name is copied. */
void sim_spawn(const char *name, void (*fn)(void *arg), void *arg);

/* ---- chance ---------------------------------------------------------------------------------------------------- */

/* Streams are independent of each other: what one draws does not change another, so that a plan can lose a fault and
 * all else stays as it was as far as it can. */
enum sim_stream { SIM_SCHEDULE, SIM_NETWORK, SIM_DISK, SIM_SERVER_DICE, SIM_WORKLOAD, SIM_RECEIVERS, SIM_PLAN, SIM_STREAMS };
/* 0 to bound - 1; bound > 0. The state of the streams goes on from life to life. */
uint64_t sim_dice(enum sim_stream stream, uint64_t bound);
/* True once in `n` on average; never for 0. */
bool sim_once_in(enum sim_stream stream, uint64_t n);

/* ---- network --------------------------------------------------------------------------------------------------- */

struct sim_sock;
struct sim_listener;

/* How bytes travel on one connection, each way. Segments of up to `segment_max` bytes (a length is drawn for each)
 * take latency_us to twice of it; 0 bytes_a_second has no limit. */
struct sim_link {
    int64_t latency_us;
    size_t segment_max;
    int64_t bytes_a_second;
};
/* For connections made from now on; the first setting is 200 us, 1460 bytes, no limit. */
void sim_link_default(const struct sim_link *link);

enum { SIM_END = 0, SIM_RESET = -1, SIM_LATE = -2 };

/* A connection to the server, or NULL: refused (nobody listens, its queue is full), or `until_us` came. Waits.
 * `from`: the client's address, or NULL for one of 127.0.0.1. */
struct sim_sock *sim_connect(const char *to, const char *from, int64_t until_us);
/* Takes the connections of the server to `address` from now on; NULL: somebody does already. The port 0 in the
 * address stands for every port. Connections to addresses that nobody takes are refused. */
struct sim_listener *sim_listen(const char *address);
void sim_unlisten(struct sim_listener *l);
/* How connections to an address are treated before anybody accepts them. */
enum sim_reach { SIM_REACHED, SIM_REFUSED, SIM_SILENT /* no answer at all */, SIM_UNREACHABLE };
void sim_reach(const char *address, enum sim_reach reach);
/* The next connection. Waits; NULL when `until_us` came, or after sim_unlisten(). */
struct sim_sock *sim_accept(struct sim_listener *l, int64_t until_us);

/* Up to `max` bytes; waits for the first. SIM_END: the other side has closed. SIM_RESET: the connection is gone.
 * SIM_LATE: `until_us` came. */
long sim_recv(struct sim_sock *s, void *out, size_t max, int64_t until_us);
/* All of it, waiting while the other side takes nothing. False: the connection is gone. */
bool sim_send(struct sim_sock *s, const void *bytes, size_t len);
/* Nothing more will be sent; receiving goes on. */
void sim_shutdown(struct sim_sock *s);
/* Nothing arrives any more, in this direction, though nothing says so. */
void sim_black_hole(struct sim_sock *s, bool to_server, bool from_server);
/* Both free `s`: in order (what was sent still arrives), or at once and with an error for the other side. */
void sim_close(struct sim_sock *s);
void sim_reset(struct sim_sock *s);
/* The connection breaks for both sides soon: whoever waits for it in another task gets SIM_RESET. `s` is still to be freed. */
void sim_sever(struct sim_sock *s);
/* The address of the other side, as a text: of the client port that the server connects from. */
const char *sim_peer(const struct sim_sock *s);

/* Datagrams of the server to `address` (DNS): fn is called on the server's thread, must not wait, and answers through
 * sim_datagram_answer() at once or later, from any task. */
struct sim_datagram { const char *to; const void *bytes; size_t len; uint64_t from; /* for the answer */ };
void sim_datagrams(const char *address, void (*fn)(void *ctx, const struct sim_datagram *d), void *ctx);
void sim_datagram_answer(uint64_t from, const char *sender, const void *bytes, size_t len, int64_t after_us);

/* ---- faults ---------------------------------------------------------------------------------------------------- */

enum sim_fault_kind {
    SIM_DISK_FAILS,   /* `calls` on paths with `path` in them: `error` */
    SIM_DISK_SLOW,    /* `calls`: they take up to `amount` us */
    SIM_CLOCK_STEPS,  /* the wall clock moves by `amount` us, either way; at once, and stays so */
    SIM_CLOCK_DRIFTS, /* `amount` us more, or less, each second, while it lasts */
    SIM_NO_FDS,       /* calls that make a descriptor: EMFILE, or `error` */
    SIM_NO_THREADS,   /* pthread_create: EAGAIN, or `error` */
    SIM_NO_MEMORY,    /* mmap of files: ENOMEM, or `error` */
    SIM_CONNECT_SLOW, /* connections take up to `amount` us longer */
    SIM_CONNECT_FAILS,/* they are refused, or fail with `error` */
    SIM_RESETS,       /* connections are reset while bytes travel on them: one segment in `once_in` */
    SIM_PREEMPTS,     /* threads give way at one call in `once_in` (default 8) */
    SIM_FAULT_KINDS
};

/* What SIM_DISK_FAILS and SIM_DISK_SLOW may mean, as bits. */
enum { SIM_OPENS = 1, SIM_WRITES = 2, SIM_SYNCS = 4, SIM_TRUNCATES = 8, SIM_RENAMES = 16, SIM_UNLINKS = 32, SIM_READS = 64 };

struct sim_fault {
    enum sim_fault_kind kind;
    int64_t for_us;   /* how long it lasts; 0: until sim_heal() */
    uint64_t once_in; /* it hits one call in so many, by dice; 0 and 1: each */
    int64_t count;    /* it hits so many calls at most; 0: no limit */
    unsigned calls;   /* SIM_OPENS and so on; 0: all of them */
    char path[48];    /* part of the path below the store's folder, with a $ behind it its end; "": all */
    int error;        /* ENOSPC, EIO, EMFILE ...; 0: what is usual for the kind */
    int64_t amount;
};

/* From now on; faults add up, 32 at a time. Any thread. */
void sim_fault(const struct sim_fault *f);
/* Ends all faults but the clock's steps. */
void sim_heal(void);
/* How often faults of the kind have hit since the run began. */
uint64_t sim_fault_hits(enum sim_fault_kind kind);

/* ---- the server's process -------------------------------------------------------------------------------------- */

/* Sends the server a signal, SIGTERM or SIGHUP. */
void sim_signal(int number);
/* Descriptors that the server holds: files, sockets, epolls, pipes. */
size_t sim_server_fds(void);
/* What of this life's heap is in use, by who asked for it: the server's own code, a library on one of its threads,
 * SQLite (whose caches come and go), or the world and the machine. sim_keep() is apart. Nothing is counted where the
 * program has an allocator of its own (sanitizers). */
enum sim_heap_owner { SIM_HEAP_SERVER, SIM_HEAP_LIBRARIES, SIM_HEAP_SQLITE, SIM_HEAP_WORLD, SIM_HEAP_OWNERS };
struct sim_heap { size_t blocks, bytes, most_bytes /* at any moment of this life */; };
struct sim_heap sim_heap(enum sim_heap_owner owner);
/* From here on a report of a breach of rule 10 says which places in the code have taken most blocks since and not given
 * them back. */
void sim_heap_mark(void);

/* ---- ends ------------------------------------------------------------------------------------------------------ */

enum sim_end {
    SIM_KILL,      /* kill -9: the files are as they were written */
    SIM_POWER_CUT, /* of what was not synced each write is kept or dropped by dice, or torn at 512 bytes */
    SIM_DONE       /* the run is over, and all was well */
};
/* Ends the process here and now. The next life starts `down_us` later. Any thread. */
_Noreturn void sim_end_life(enum sim_end how, int64_t down_us);
/* Sends SIGTERM. When the process has ended, the next life starts `down_us` later, or the run is over when that is
 * negative. It is a failure (SIM_CRASH) when the process ends with another code than 0, or without being asked. */
void sim_stop(int64_t down_us);

/* The exit codes of a run: 0 well, 2 the simulator itself is at a loss (a call that it does not know). */
enum sim_verdict { SIM_BROKEN = 2, SIM_UNSAFE = 3, SIM_NO_PROGRESS = 4, SIM_CRASH = 5, SIM_LIVELOCK = 6 };
/* Ends the run as failed: writes the words to sim_folder()/report, with the seed, the life, the time and what every
 * thread waits for. `invariant` is its number in check.c, 0 for none. Any thread. */
__attribute__((format(printf, 3, 4)))
_Noreturn void sim_fail(enum sim_verdict verdict, int invariant, const char *format, ...);
