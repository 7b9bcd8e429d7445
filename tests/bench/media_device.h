/* A device under test of bench-media: a process pinned to core 0, the calls that it was told to carry, and what it costs.
 * Kinds: two forwarders, rtpengine (media_rtpengine.c), agw (media_agw.c). Owner: bench_media.c. One thread. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "tests/bench/media_load.h"

#define DEVICE_CORE 0
#define LOAD_CORE_CPU 1

struct device {
    const struct device_kind *kind;
    const char *build, *dir; /* of the binaries, and for files while it runs */
    unsigned index;          /* of its load */
    enum srtp_profile profile;
    struct load *load;
    unsigned calls;          /* set up so far */
    double control_us, handshake_us; /* CPU for one call's control and DTLS, of the calls set up last; 0: does none */
    pid_t pid;
    void *own;               /* of the kind */
};

struct device_kind {
    const char *name;
    int (*start)(struct device *d);                              /* the process, until it takes orders */
    int (*call)(struct device *d, unsigned from, unsigned to);   /* flows from..to of the load; NULL: nothing to do */
    void (*refresh)(struct device *d);                           /* before each point: ICE's checks; NULL: none */
    void (*stop)(struct device *d);                              /* what `own` holds; NULL: nothing */
    bool dies;                                                   /* streams whose socket buffer ran over are dead */
};

extern const struct device_kind device_plain, device_forwarder, device_rtpengine, device_agw, device_agw_ice, device_agw_sdes,
    device_agw_other, device_rtpengine_dtls;

int device_start(struct device *d, unsigned flows); /* with its load; says on stderr what fails */
int device_calls(struct device *d, unsigned to);
int device_renew(struct device *d); /* another process with the same calls, if it is one that dies */
void device_stop(struct device *d);
uint64_t device_cpu_ns(const struct device *d);
long device_rss_kb(const struct device *d);

/* --- for the kinds --- */
/* Forks, pins, execs; output goes to NAME.log in d->dir. ready: read end of its stdout in *out instead; NULL: log too. */
int device_spawn(struct device *d, char *const argv[], int *out);
