/* The data thread: all SCTP associations (usrsctp, one instance per process), their channels, and the MSRP/TCP endpoints;
 * a libuv loop and the SCTP clock. Control and workers talk to it by bus messages only. */
#pragma once

#include "agw/bus.h"
#include "common/count.h"
#include "common/trace.h"

struct data;

enum data_counter {
    DATA_C_ASSOCS, DATA_C_CHANNELS, DATA_C_TCPS, DATA_C_SCTP_UP, DATA_C_SCTP_FAILED, DATA_C_DCEP_OPEN, DATA_C_DCEP_REFUSED,
    DATA_C_MSG_TO_CORE, DATA_C_MSG_TO_WIC, DATA_C_OCTETS_TO_CORE, DATA_C_OCTETS_TO_WIC, DATA_C_MSRP_BAD,
    DATA_C_TCP_REFUSED, /* connections from an address that was not signalled */
    DATA_C_TCP_STARVED, /* connections that waited because the process had no descriptor left */
    DATA_C_PIPES,       /* byte streams of ICE-TCP connections */
    DATA_C_DROPPED,     /* a worker's inbox was full */
    DATA_C_N
};
extern const struct count_def data_counters[DATA_C_N];

struct data_conf {
    struct inbox *ctl;
    struct inbox **workers;      /* worker_inbox() of each; may be filled until the first association */
    unsigned n_workers;
    unsigned tcp_connect_ms;     /* 10000 */
    unsigned tcp_reopen_ms;      /* first pause before a lost connection of ours is opened again; 0: TCP_REOPEN_MS */
    unsigned sctp_init_ms;       /* association not up after: 30000 */
    size_t queue_max;            /* octets that wait for a slow side before its source is stopped: 262144 */
    struct trace *trace;
};

int data_new(struct data **dp, const struct data_conf *conf); /* starts the thread */
struct inbox *data_inbox(struct data *d);
void data_free(struct data *d); /* posts BUS_STOP and joins the thread */
const count_t *data_counts(const struct data *d);
