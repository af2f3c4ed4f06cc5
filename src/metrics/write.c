/* SPDX-License-Identifier: Apache-2.0
 *
 * The scrape: Prometheus' text format. Histograms show one bucket a power of two from 128 us to 67 s.
 */
#include "metrics/metrics_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HOOKS_MAX = 32, POWER_FIRST = 7, POWER_LAST = 26 };

static struct {
    void (*fn)(void *arg);
    void *arg;
} hooks[HOOKS_MAX];
static int hook_count;
static struct mutex scrape_lock = { PTHREAD_MUTEX_INITIALIZER };

void metrics_on_scrape(void (*fn)(void *arg), void *arg)
{
    mutex_lock(&scrape_lock);
    MUST(hook_count < HOOKS_MAX);
    hooks[hook_count].fn = fn;
    hooks[hook_count].arg = arg;
    hook_count++;
    mutex_unlock(&scrape_lock);
}

static enum rc write_head(struct buf *out, const char *name, const char *type, const char *help)
{
    return buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* "name{labels} ", or "name " without. */
static enum rc write_name(struct buf *out, const char *name, const char *labels)
{
    return buf_addf(out, labels[0] == '\0' ? "%s%s " : "%s{%s} ", name, labels);
}

static enum rc write_seconds(struct buf *out, int64_t us)
{
    return buf_addf(out, "%lld.%06lld", (long long)(us / 1000000), (long long)(us % 1000000));
}

static enum rc write_bucket(struct buf *out, const struct metric_row *row, const char *le,
                            int64_t count)
{
    return buf_addf(out, "%s_bucket{%s%sle=\"%s\"} %lld\n", row->name, row->labels,
                    row->labels[0] == '\0' ? "" : ",", le, (long long)count);
}

/* Cumulative. An observation is whole microseconds, rounded down: what took 1024.0 to 1024.9 us is
 * past the bound 0.001024, as it should be. */
static enum rc write_buckets(struct buf *out, const struct metric_row *row,
                             const struct metric_sum *sum)
{
    int64_t below = 0;
    int bucket = 0;
    for (int power = POWER_FIRST; power <= POWER_LAST; power++) {
        int64_t bound = INT64_C(1) << power;
        while (metric_bucket_last(bucket) < bound)
            below += sum->buckets[bucket++];
        char le[32];
        (void)snprintf(le, sizeof(le), "%lld.%06lld", (long long)(bound / 1000000),
                       (long long)(bound % 1000000));
        enum rc rc = write_bucket(out, row, le, below);
        if (rc != RC_OK)
            return rc;
    }
    return write_bucket(out, row, "+Inf", sum->count);
}

static enum rc write_histogram(struct buf *out, enum metric m)
{
    const struct metric_row *row = &metrics_rows[m];
    struct metric_sum sum;
    metrics_sum(m, &sum);
    enum rc rc = write_buckets(out, row, &sum);
    if (rc == RC_OK)
        rc = buf_addf(out, "%s_sum", row->name);
    if (rc == RC_OK)
        rc = write_name(out, "", row->labels);
    if (rc == RC_OK)
        rc = write_seconds(out, sum.sum_us);
    if (rc == RC_OK)
        rc = buf_addf(out, "\n%s_count", row->name);
    if (rc == RC_OK)
        rc = write_name(out, "", row->labels);
    return rc == RC_OK ? buf_addf(out, "%lld\n", (long long)sum.count) : rc;
}

static enum rc write_row(struct buf *out, enum metric m)
{
    static const char *const types[] = { "counter", "gauge", "gauge", "histogram" };
    const struct metric_row *row = &metrics_rows[m];
    bool is_first = m == 0 || strcmp(metrics_rows[m - 1].name, row->name) != 0;
    enum rc rc = is_first ? write_head(out, row->name, types[row->kind], row->help) : RC_OK;
    if (rc != RC_OK)
        return rc;
    if (row->kind == METRIC_KIND_HISTOGRAM)
        return write_histogram(out, m);
    int64_t value = metrics_value(m);
    if (row->kind == METRIC_KIND_MOMENT && value == 0)
        return RC_OK;
    rc = write_name(out, row->name, row->labels);
    return rc == RC_OK ? buf_addf(out, "%lld\n", (long long)value) : rc;
}

/* Pages of memory in use, from the second number of /proc/self/statm; 0 if that cannot be read. */
static uint64_t resident_pages(void)
{
    char text[128] = { 0 };
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (fd >= 0)
        (void)close(fd);
    struct str rest = str_of(text, got < 0 ? 0 : (size_t)got);
    struct str part = STR_NONE;
    uint64_t pages = 0;
    bool is_there = str_split(&rest, ' ', &part) && str_split(&rest, ' ', &part);
    return is_there && str_to_u64(part, &pages) == RC_OK ? pages : 0;
}

/* Open descriptors, without the one used to count; 0 if they cannot be listed. */
static int64_t open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return 0;
    int64_t count = -1;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

static int64_t cpu_us(void)
{
    struct rusage usage;
    MUST(getrusage(RUSAGE_SELF, &usage) == 0); /* fails for a bad pointer only; so getrlimit */
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static enum rc write_number(struct buf *out, const char *name, const char *help, uint64_t number)
{
    enum rc rc = write_head(out, name, "gauge", help);
    return rc == RC_OK ? buf_addf(out, "%s %llu\n", name, (unsigned long long)number) : rc;
}

static enum rc write_process(struct buf *out)
{
    struct rlimit files = { 0 };
    MUST(getrlimit(RLIMIT_NOFILE, &files) == 0);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    enum rc rc = write_head(out, "process_cpu_seconds_total", "counter",
                            "Processor time used, user and system.");
    if (rc == RC_OK)
        rc = buf_addf(out, "process_cpu_seconds_total ");
    if (rc == RC_OK)
        rc = write_seconds(out, cpu_us());
    if (rc == RC_OK)
        rc = buf_add_char(out, '\n');
    if (rc == RC_OK)
        rc = write_number(out, "process_resident_memory_bytes", "Memory in use.",
                          resident_pages() * page);
    if (rc == RC_OK)
        rc = write_number(out, "process_open_fds", "Open descriptors.", (uint64_t)open_fds());
    if (rc == RC_OK)
        rc = write_number(out, "process_max_fds", "Descriptors that may be open.", files.rlim_cur);
    if (rc == RC_OK)
        rc = write_head(out, "grapnel_build_info", "gauge", "Always 1; the version is a label.");
    if (rc == RC_OK)
        rc = buf_addf(out, "grapnel_build_info{version=\"%s\"} 1\n", GRAPNEL_VERSION);
    return rc;
}

enum rc metrics_write(struct buf *out)
{
    size_t before = out->len;
    enum rc rc = RC_OK;
    mutex_lock(&scrape_lock); /* hooks run one scrape at a time */
    for (int i = 0; i < hook_count; i++)
        hooks[i].fn(hooks[i].arg);
    mutex_unlock(&scrape_lock);
    for (int m = 0; m < METRIC_COUNT && rc == RC_OK; m++)
        rc = write_row(out, (enum metric)m);
    if (rc == RC_OK)
        rc = write_process(out);
    if (rc != RC_OK)
        buf_cut(out, before);
    return rc;
}
