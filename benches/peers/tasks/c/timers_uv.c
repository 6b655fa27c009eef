/* Timers on libuv: timers_uv BENCH [N]; a JSON object a line. A timer is a handle in an array, with a callback; its
 * deadline is in whole milliseconds, as libuv's are. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

static uint64_t clock_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* How long this thread stood ready to run while somebody else had the core. */
static uint64_t waited_ns(void) {
    unsigned long long ran, waited = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "r");
    if (file) {
        if (fscanf(file, "%llu %llu", &ran, &waited) != 2) waited = 0;
        fclose(file);
    }
    return waited;
}

typedef struct { uint64_t wall, cpu, waited; } watch_t;

static watch_t start(void) {
    watch_t watch = { .waited = waited_ns(), .cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), .wall = clock_ns(CLOCK_MONOTONIC) };
    return watch;
}

static void done(watch_t watch, const char *bench, uint64_t n) {
    double wall = clock_ns(CLOCK_MONOTONIC) - watch.wall, cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - watch.cpu;
    double disturbed = (waited_ns() - watch.waited) / wall;
    printf("{\"peer\":\"libuv\",\"bench\":\"%s\",\"n\":%llu,\"wall_ns\":%.3f,\"cpu_ns\":%.3f,\"disturbed\":%.3f}\n", bench,
           (unsigned long long)n, wall / n, cpu / n, disturbed);
    fflush(stdout);
}

/* The same numbers each time, which look like chance (xorshift). */
static uint64_t chance(void) {
    static uint64_t state = 0x9E3779B97F4A7C15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t count;

static void fire(uv_timer_t *timer) {
    (void)timer;
    count++;
}

static void set(uv_loop_t *loop, uv_timer_t *timers, uint64_t n, uint64_t least) {
    for (uint64_t i = 0; i < n; i++) {
        uv_timer_init(loop, &timers[i]);
        uv_timer_start(&timers[i], fire, least + chance() % 1000, 0);
    }
}

int main(int argc, char **argv) {
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    if (n == 0) n = 1000000;
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t *timers = malloc(n * sizeof *timers);
    if (argc < 2 || !timers) return 1;
    if (!strcmp(argv[1], "timers")) {
        watch_t watch = start();
        set(loop, timers, n, 10000);
        done(watch, "timer_set", n);
        watch = start();
        for (uint64_t i = 0; i < n; i++) uv_timer_stop(&timers[i]);
        uv_run(loop, UV_RUN_NOWAIT);
        done(watch, "timer_cancel", n);
        return count == 0 ? 0 : 1;
    }
    if (!strcmp(argv[1], "timer_fire")) {
        watch_t watch = start();
        set(loop, timers, n, 0);
        uv_run(loop, UV_RUN_DEFAULT);
        done(watch, "timer_fire", n);
        return count == n ? 0 : 1;
    }
    fprintf(stderr, "there is no %s\n", argv[1]);
    return 1;
}
