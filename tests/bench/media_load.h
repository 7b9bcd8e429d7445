/* Load for one device under test: N calls of an audio or video packet stream in either direction, sent at a steady pace from
 * one thread and taken back by it. Access side: the browser's (SRTP, unless plain), core side: the phone's (RTP). All calls
 * share one socket a side and have an address of 127.0.0.0/8 each (IP_PKTINFO), so that 1000 of them cost no 1000 sockets
 * here and the device still sees 1000 peers. Owner: bench_media.c. One thread. */
#pragma once

#include <netinet/in.h>

#include "agw/media/srtp.h"

enum load_side { LOAD_ACCESS, LOAD_CORE };
enum load_dir { LOAD_UP, LOAD_DOWN, LOAD_BOTH }; /* access to core, core to access */

#define LOAD_FLOWS_MAX 4096
#define LOAD_PAYLOAD_MAX 1300
#define LOAD_WINDOW 256 /* packets of a stream that may be under way */

struct load_flow {
    struct sockaddr_in local[2], device[2]; /* by enum load_side: ours, and the device's where we send to */
    struct srtp *seal, *open;               /* access side; NULL: plain */
    uint16_t seq[2];                        /* of the next packet, by the side that sends it */
    uint64_t got;                           /* packets that came through since load_forget */
};

struct load;

struct load_point {
    unsigned flows;   /* the first so many */
    double pps;       /* of all of them, both directions together */
    unsigned payload; /* octets */
    enum load_dir dir;
    unsigned ms;
    unsigned tick_us; /* what became due is sent so often; 0: each packet in its own moment */
};

struct load_result {
    uint64_t sent, received;
    uint64_t bad;       /* of the sample that was opened and compared: not what was sent */
    uint64_t sampled;
    uint64_t strange;   /* neither RTP of ours nor RTCP, or twice */
    uint64_t spilled;   /* lost in our own receive buffers */
    uint64_t behind_us; /* longest time that sending lagged behind its pace */
    uint64_t sending_ns;  /* inside our sendmmsg: on loopback that is where the kernel delivers to the device */
    double p50, p99, max; /* µs from sendmmsg to recvmmsg */
};

/* index: of the device, so that loads do not meet. 0 or -errno. */
int load_new(struct load **lp, unsigned index, unsigned flows);
void load_free(struct load *l);
struct load_flow *load_flow(struct load *l, unsigned i);
unsigned load_flows(const struct load *l);
/* Keys of flow i's access side, as we send and as the device sends. */
int load_keys(struct load *l, unsigned i, const struct srtp_key *ours, const struct srtp_key *device);
/* The address of flow i's peer; load_new binds there. */
struct sockaddr_in load_addr(unsigned index, enum load_side side, unsigned i);
/* A master key out of nothing secret: the bench and its forwarder both know it. */
struct srtp_key load_key(enum srtp_profile profile, unsigned i, bool ours);

/* Runs one point and takes what comes back, until 200 ms after the last packet at most. 0, or -errno. */
int load_run(struct load *l, const struct load_point *p, struct load_result *r);
void load_forget(struct load *l); /* what comes late of earlier points, and the counts of the flows */

/* One datagram from flow i's address, and what came to the access side that is no RTP (STUN, DTLS): flow, octets or -EAGAIN. */
int load_send(struct load *l, enum load_side side, unsigned i, const void *p, size_t n);
int load_recv(struct load *l, enum load_side side, unsigned *i, void *p, size_t size);
int64_t load_now_ns(void);
