/* Moves the clock of a process by the number of seconds in a file: see test_clock.py.

   libfaketime is not used because Python's time.sleep() fails with it (EINVAL). The monotonic clock
   does not change, as with a real step of the clock. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static const int64_t none = 0;
static const int64_t *ahead = &none; /* s; the file is memory-mapped, so a step applies at once */

__attribute__((constructor)) static void map_file(void)
{
    int file = open(getenv("CLOCK_FILE"), O_RDONLY | O_CLOEXEC);
    void *mapped = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED)
        abort();
    ahead = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *ahead;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec moment;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &moment);
    now->tv_sec = moment.tv_sec;
    now->tv_usec = moment.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told)
{
    struct timespec moment;
    clock_gettime(CLOCK_REALTIME, &moment);
    if (told)
        *told = moment.tv_sec;
    return moment.tv_sec;
}
