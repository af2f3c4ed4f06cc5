/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the machine share. All of it runs with the baton, so nothing here needs a lock.
 *
 * Each function that takes libc's place begins with `if (!machine_is_on())`: before the server's main(), in threads
 * that are none of ours, and while the machine itself works, the call is the real one.
 */
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "sim.h"

/* ---- what outlives a life (life.c) ------------------------------------------------------------------------------- */

enum { MACHINE_FAULTS_MAX = 32, MACHINE_NAMES_MAX = 64, MACHINE_TEXT = 4096 };
#define MACHINE_KEPT_AT ((void *)0x300000000000)
#define MACHINE_KEPT_BYTES (UINT64_C(1) << 31)

struct machine_fault {
    struct sim_fault fault;
    int64_t until_us;
    int64_t left;
    bool is_set;
};

struct machine_name {
    char name[32];
    size_t size;
    void *memory;
};

enum machine_end { MACHINE_RUNS, MACHINE_KILLED, MACHINE_CUT, MACHINE_STOPPED, MACHINE_OVER, MACHINE_FAILED };

/* At MACHINE_KEPT_AT in every life and in the runner. */
struct machine_kept {
    uint64_t seed;
    int life;
    int64_t now_us;
    int64_t boot_us;     /* when the machine was last switched on: its monotonic clock counts from there */
    int64_t wall_off_us; /* steps of the wall clock so far */
    int64_t drift_us;    /* and its drift, settled up to drifted_us */
    int64_t drifted_us;
    uint64_t dice[SIM_STREAMS];
    uint64_t trace, switches;
    uint64_t preempt_once_in;
    int64_t busy_second, busy_switches; /* switches within that virtual second */
    struct machine_fault faults[MACHINE_FAULTS_MAX];
    uint64_t hits[SIM_FAULT_KINDS];
    enum machine_end end;
    int64_t down_us; /* until the next life; negative: none */
    bool is_stop_asked;
    int exit_code;
    char folder[256], token[256];
    char settings[MACHINE_TEXT]; /* name=value, each with a NUL, an empty one at the end */
    struct machine_name names[MACHINE_NAMES_MAX];
    size_t used; /* bytes of the mapping, from its beginning */
};

#define MACHINE ((struct machine_kept *)MACHINE_KEPT_AT)

/* True: there is a simulation, and the caller is one of its tasks and not the machine itself. */
bool machine_is_on(void);
/* The simulator itself is at a loss. */
#define MACHINE_MUST(condition) \
    do { \
        if (!(condition)) \
            sim_fail(SIM_BROKEN, 0, "%s:%d: %s", __FILE__, __LINE__, #condition); \
    } while (0)

/* The next definition of a name, which is libc's. */
void *machine_real(const char *name);
#define REAL(name) \
    __extension__({ \
        static __typeof__(&name) real_##name; \
        if (real_##name == NULL) \
            real_##name = (__typeof__(&name))machine_real(#name); \
        real_##name; \
    })
/* The system call itself, past everything; sets errno. */
long machine_call(long number, ...);
void machine_trace(uint64_t value); /* into the hash that tells two runs apart */
void machine_trace_bytes(const void *bytes, size_t len);
void machine_trace_line(const char *format, ...) __attribute__((format(printf, 1, 2))); /* --trace */

/* ---- scheduler (sched.c) ------------------------------------------------------------------------------------------ */

/* Makes the calling thread the first task. */
void sched_start(void);
void sched_stop(void); /* from now on all calls are real */
/* Gives way to another task once in `once_in` times. */
void sched_point(uint64_t once_in);
/* Gives way until is_ready(arg). False: `until_us` came first. `what` is for reports. */
bool sched_block(const char *what, bool (*is_ready)(void *arg), void *arg, int64_t until_us);
/* The same until poll() has something to say of these; returns whether it has. */
bool sched_block_fds(const char *what, struct pollfd *polls, nfds_t count, int64_t until_us);
/* Calls fn(arg) at that time, with the baton; it must not wait. */
void sched_at(int64_t at_us, void (*fn)(void *arg), void *arg);
/* Bytes have arrived, which is progress: the switches that they took are not held against anybody. */
void sched_moves(void);
/* What each task waits for, into a file. */
void sched_report(int fd);
/* While above 0, this thread's calls are real. */
void sched_enter(void);
void sched_leave(void);

/* Where the heap has grown since sim_heap_mark(), into a file (heap.c). */
void heap_report(int fd);
void heap_start(void);

/* ---- faults (fault.c) ---------------------------------------------------------------------------------------------- */

/* The error of a call that a fault hits, or 0. `call` and `path` count for the disk's. */
int fault_strikes(enum sim_fault_kind kind, unsigned call, const char *path);
/* How much longer it takes. */
int64_t fault_delay_us(enum sim_fault_kind kind, unsigned call, const char *path);

/* Ends those whose time is over: when time has moved. */
void fault_expire(void);

/* ---- descriptors (fds.c, net.c, files.c) ----------------------------------------------------------------------------- */

enum { FDS_MAX = 4096 };
enum fd_kind { FD_OTHER, FD_NET, FD_HELPER, FD_CHANCE, FD_FILE };
void fd_set_kind(int fd, enum fd_kind kind);
enum fd_kind fd_kind(int fd);
bool fd_is_blocking(int fd);

/* With a descriptor of kind FD_NET. */
ssize_t net_receive(int fd, struct msghdr *msg, int flags);
ssize_t net_transmit(int fd, const struct msghdr *msg, int flags);
void net_close(int fd);

/* Files under the store's folder; real calls with the disk's faults and delays, and its memory. */
void files_start(void);
int files_open(int folder, const char *path, int flags, mode_t mode);
ssize_t files_write(int fd, const void *bytes, size_t len, int64_t offset); /* -1: at its position */
ssize_t files_read(int fd, void *out, size_t len, int64_t offset);
void files_closed(int fd);
void files_cut(void); /* the power: the store's folder becomes what the disk may hold */
