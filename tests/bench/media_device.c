#include "tests/bench/media_device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/media_forward.h"

#define STOP_MS 5000

/* --- the process --- */

static void child(struct device *d, char *const argv[], int out)
{
    char log[512];
    cpu_set_t core;
    int fd;

    CPU_ZERO(&core);
    CPU_SET(DEVICE_CORE, &core);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sched_setaffinity(0, sizeof core, &core);
    sched_setscheduler(0, SCHED_RR, &(struct sched_param){.sched_priority = 1}); /* woken at once; needs root */
    snprintf(log, sizeof log, "%s/%s.log", d->dir, d->kind->name);
    fd = open(log, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (fd >= 0) {
        dup2(out < 0 ? fd : out, 1);
        dup2(fd, 2);
    }
    execvp(argv[0], argv);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

int device_spawn(struct device *d, char *const argv[], int *out)
{
    int ends[2] = {-1, -1};

    if (out && pipe2(ends, O_CLOEXEC))
        return -errno;
    d->pid = fork();
    if (d->pid == 0)
        child(d, argv, ends[1]);
    if (ends[1] >= 0)
        close(ends[1]);
    if (out)
        *out = ends[0];
    return d->pid < 0 ? -errno : 0;
}

/* schedstat is exact; utime and stime of short bursts are guessed by ticks. Threads of these devices do not end. */
uint64_t device_cpu_ns(const struct device *d)
{
    char path[300];
    uint64_t sum = 0;
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/task", (int)d->pid);
    dir = opendir(path);
    while (dir && (e = readdir(dir))) {
        unsigned long long ns;
        FILE *f;

        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", (int)d->pid, e->d_name);
        f = fopen(path, "r");
        if (f && fscanf(f, "%llu", &ns) == 1)
            sum += ns;
        if (f)
            fclose(f);
    }
    if (dir)
        closedir(dir);
    return sum;
}

long device_rss_kb(const struct device *d)
{
    char path[64], line[256];
    long kb = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", (int)d->pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    }
    if (f)
        fclose(f);
    return kb;
}

/* --- life --- */

int device_start(struct device *d, unsigned flows)
{
    int err = load_new(&d->load, d->index, flows);

    d->calls = 0;
    d->pid = -1;
    if (!err)
        err = d->kind->start(d);
    if (err) {
        fprintf(stderr, "bench-media: %s does not start: %s (%s/%s.log)\n", d->kind->name, strerror(-err), d->dir,
                d->kind->name);
        device_stop(d);
    }
    return err;
}

int device_calls(struct device *d, unsigned to)
{
    int err = d->kind->call && to > d->calls ? d->kind->call(d, d->calls, to) : 0;

    if (err)
        fprintf(stderr, "bench-media: %s takes no %u calls: %s\n", d->kind->name, to, strerror(-err));
    else
        d->calls = to;
    return err;
}

void device_stop(struct device *d)
{
    if (d->kind->stop)
        d->kind->stop(d);
    if (d->pid > 0) {
        int status, i;

        kill(d->pid, SIGTERM);
        for (i = 0; i < STOP_MS / 10 && waitpid(d->pid, &status, WNOHANG) == 0; i++)
            nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        if (i == STOP_MS / 10) {
            kill(d->pid, SIGKILL);
            waitpid(d->pid, &status, 0);
        }
    }
    d->pid = -1;
    load_free(d->load);
    d->load = NULL;
}

int device_renew(struct device *d)
{
    unsigned flows = load_flows(d->load), calls = d->calls;
    int err;

    if (!d->kind->dies)
        return 0;
    device_stop(d);
    err = device_start(d, flows);
    return err ? err : device_calls(d, calls);
}

/* --- the forwarders: their calls are there from the start --- */

static int forward_start(struct device *d, const char *profile)
{
    char binary[512], index[16], flows[16], said[16] = "";
    char *argv[] = {binary, index, flows, (char *)profile, NULL};
    int out, err;

    snprintf(binary, sizeof binary, "%s/bench-forward", d->build);
    snprintf(index, sizeof index, "%u", d->index);
    snprintf(flows, sizeof flows, "%u", load_flows(d->load));
    err = device_spawn(d, argv, &out);
    if (err)
        return err;
    if (read(out, said, sizeof said - 1) <= 0 || strcmp(said, "ready\n") != 0)
        err = -EPROTO;
    close(out);
    for (unsigned i = 0; i < load_flows(d->load) && !err; i++) {
        struct srtp_key ours = load_key(d->profile, i, true), device = load_key(d->profile, i, false);

        for (unsigned side = 0; side < 2; side++)
            load_flow(d->load, i)->device[side] = forward_addr(d->index, side, i);
        if (strcmp(profile, "none") != 0)
            err = load_keys(d->load, i, &ours, &device);
    }
    return err;
}

static int plain_start(struct device *d)
{
    return forward_start(d, "none");
}

static int forwarder_start(struct device *d)
{
    return forward_start(d, d->profile == SRTP_AES128_CM_SHA1_80 ? "cm" : "gcm");
}

const struct device_kind device_plain = {.name = "plain", .start = plain_start};
const struct device_kind device_forwarder = {.name = "forwarder", .start = forwarder_start};
