/* struct agw: everything of the one process, wired in main.c. Control thread only. */
#pragma once

#include <uv.h>

#include "agw/conf.h"
#include "agw/ctl/cert.h"
#include "agw/ctl/mg.h"
#include "agw/data/data.h"
#include "agw/listen.h"
#include "agw/media/worker.h"
#include "agw/shared.h"
#include "common/ops.h"
#include "common/trace.h"

struct agw {
    struct agw_conf conf;
    uv_loop_t loop;
    uv_signal_t term, intr;
    struct inbox *inbox; /* from workers and data to control */
    struct cert *cert;
    uv_timer_t renew; /* of the certificate */
    struct data *data;
    struct worker *workers[CTL_WORKERS];
    struct inbox *inboxes[CTL_WORKERS]; /* of the workers */
    unsigned n_workers;
    struct realm_conf realms[CTL_REALMS];
    struct reach reach[CTL_REALMS]; /* of these */
    struct shared_set shared[CTL_WORKERS]; /* until the workers have them */
    struct listen_set listeners;           /* until the door has them */
    struct door *door;                     /* NULL: no ICE-TCP */
    struct mg *mg;
    struct ops *ops;
    struct trace *trace;
    char mid[80];
    bool stopping, clean;
};
