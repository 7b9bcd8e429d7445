#include "common/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINES_PER_SECOND 200 /* per area, warn and below */
#define AREAS 32             /* areas beyond share the last row */
#define LINE_MAX_LEN 2048

/* The log is the one thing every thread shares: this state is the process's stderr. */
static _Atomic int least_level = LOG_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct area {
    char name[16];
    int64_t second;
    unsigned lines, left_out;
};
static struct area areas[AREAS];

void log_init(enum log_level least)
{
    atomic_store_explicit(&least_level, least, memory_order_relaxed);
}

bool log_on(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

static struct area *area_of(const char *name)
{
    unsigned i;

    for (i = 0; i < AREAS - 1 && areas[i].name[0]; i++) {
        if (strncmp(areas[i].name, name, sizeof areas[i].name - 1) == 0)
            break;
    }
    if (!areas[i].name[0])
        snprintf(areas[i].name, sizeof areas[i].name, "%s", name);
    return &areas[i];
}

/* True when the line may go out; *left_out is what an earlier second swallowed, told once. */
static bool admit(struct area *a, enum log_level level, int64_t second, unsigned *left_out)
{
    *left_out = 0;
    if (a->second != second) {
        a->second = second;
        a->lines = 0;
        *left_out = a->left_out;
        a->left_out = 0;
    }
    if (level < LOG_ERROR && a->lines >= LINES_PER_SECOND) {
        a->left_out++;
        return false;
    }
    a->lines++;
    return true;
}

static void emit(const char *line, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, line, n);

        if (done <= 0)
            return; /* nobody to tell */
        line += done;
        n -= (size_t)done;
    }
}

/* One message, one line: control characters that came from a peer must not forge a second one. */
static void flatten(char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            *s = ' ';
    }
}

void log_write(enum log_level level, const char *area, const char *fmt, ...)
{
    static const char letters[] = "DIWE";
    char line[LINE_MAX_LEN], note[128];
    struct timespec now;
    struct tm tm;
    unsigned left_out;
    size_t head, n;
    va_list ap;
    bool go;

    if (!log_on(level))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    head = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &tm);
    head += (size_t)snprintf(line + head, sizeof line - head, ".%03ldZ %c %s ",
                             now.tv_nsec / 1000000, letters[level], area);
    va_start(ap, fmt);
    vsnprintf(line + head, sizeof line - head - 1, fmt, ap);
    va_end(ap);
    flatten(line);
    n = strlen(line);
    line[n++] = '\n';

    pthread_mutex_lock(&lock);
    go = admit(area_of(area), level, now.tv_sec, &left_out);
    if (left_out) {
        int len = snprintf(note, sizeof note, "W %.32s msg=\"lines left out\" count=%u\n", area,
                           left_out);

        emit(note, (size_t)len);
    }
    if (go)
        emit(line, n);
    pthread_mutex_unlock(&lock);
}
