/*
 * A layer between an unmodified server and the operating system (LD_PRELOAD): slow and failing syncs, failing writes,
 * and a wall clock that is wrong. What it does is read from a file that is mapped into memory, so that it can be
 * switched at any moment; the layout is that of src/cluster/control.rs.
 *
 *   CHAOS_CONTROL  the file
 *   CHAOS_DATA     only files below this directory fail or are slow
 *
 * The monotonic clock is left alone: only what ordinary programs can see step is stepped.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t clock_offset_ns;
    int64_t sync_delay_us;
    int64_t sync_errno;
    int64_t write_errno;
    /* How often each fault was felt. */
    int64_t syncs_delayed;
    int64_t syncs_failed;
    int64_t writes_failed;
    /* Syncs say that they are done, and do nothing: for testing the test. */
    int64_t sync_lie;
};

static struct control idle;
static struct control *control = &idle;
static const char *data;
static size_t data_len;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("CHAOS_CONTROL");
    data = getenv("CHAOS_DATA");
    data_len = data ? strlen(data) : 0;
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED)
        control = mapped;
}

static int64_t now(const int64_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static void count(int64_t *field)
{
    __atomic_fetch_add(field, 1, __ATOMIC_RELAXED);
}

/* Whether fd is a file below CHAOS_DATA. */
static int is_data(int fd)
{
    char link[64], target[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, target, sizeof target - 1);
    if (len < 0 || !data_len)
        return 0;
    target[len] = 0;
    return (size_t)len > data_len && !strncmp(target, data, data_len) && target[data_len] == '/';
}

/* ---- syncs --------------------------------------------------------------------------------------------------- */

enum { GO_ON, FAIL, DO_NOTHING };

static int before_sync(int fd)
{
    int64_t delay = now(&control->sync_delay_us), error = now(&control->sync_errno), lie = now(&control->sync_lie);
    if ((!delay && !error && !lie) || !is_data(fd))
        return GO_ON;
    if (delay) {
        count(&control->syncs_delayed);
        struct timespec pause = {delay / 1000000, delay % 1000000 * 1000};
        nanosleep(&pause, NULL);
    }
    if (error) {
        count(&control->syncs_failed);
        errno = (int)error;
        return FAIL;
    }
    return lie ? DO_NOTHING : GO_ON;
}

static int sync_by(long call, int fd)
{
    switch (before_sync(fd)) {
    case FAIL:
        return -1;
    case DO_NOTHING:
        return 0;
    default:
        return (int)syscall(call, fd);
    }
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

/* ---- writes -------------------------------------------------------------------------------------------------- */

static int before_write(int fd)
{
    int64_t error = now(&control->write_errno);
    if (!error || !is_data(fd))
        return 0;
    count(&control->writes_failed);
    errno = (int)error;
    return -1;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return before_write(fd) ? -1 : syscall(SYS_write, fd, bytes, len);
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
    return before_write(fd) ? -1 : syscall(SYS_writev, fd, parts, n);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    return before_write(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return pwrite64(fd, bytes, len, at);
}

/* ---- the wall clock ------------------------------------------------------------------------------------------ */

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    int (*known)(clockid_t, struct timespec *) = __atomic_load_n(&real, __ATOMIC_RELAXED);
    if (!known) {
        known = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
        __atomic_store_n(&real, known, __ATOMIC_RELAXED);
    }
    int result = known(clock, time);
    int64_t offset = now(&control->clock_offset_ns);
    if (result || !offset || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return result;
    int64_t ns = time->tv_nsec + offset % 1000000000;
    time->tv_sec += offset / 1000000000 + (ns >= 1000000000) - (ns < 0);
    time->tv_nsec = ns < 0 ? ns + 1000000000 : ns >= 1000000000 ? ns - 1000000000 : ns;
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    (void)zone;
    struct timespec precise;
    if (clock_gettime(CLOCK_REALTIME, &precise))
        return -1;
    time->tv_sec = precise.tv_sec;
    time->tv_usec = precise.tv_nsec / 1000;
    return 0;
}
