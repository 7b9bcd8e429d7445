/* Playing a chart: real binaries as processes, everybody else acted by this one (tests/flow/LANGUAGE.md).
 * One libuv loop, one thread, one chart at a time. */
#pragma once

#include <sys/types.h>
#include <uv.h>

#include "h248/link.h"
#include "tests/fake/browser.h"
#include "tests/fake/ice_tcp.h"
#include "tests/fake/wsc.h"
#include "tests/flow/judge.h"
#include "tests/flow/ladder.h"
#include "tests/flow/ua.h"
#include "tests/lab/far_msrp.h"

#define PLAY_WAIT_MS 5000   /* for one message, unless the step says within=N */
#define PLAY_START_MS 10000 /* for a real one to be ready */
#define PLAY_MSG_MAX 65536
#define PLAY_MSRP_MAX 2   /* MSRP sessions of the core */
#define PLAY_WIC_MAX 3    /* transports of the WIC */
#define PLAY_RTP_MAX 2    /* lines of RTP of the core */
#define PLAY_STRANGERS_MAX 128
#define PLAY_LAST_MS 100   /* what comes behind the last step is waited for this long */
#define PLAY_LEAVE_MS 3000 /* for the contexts to be gone at the end */

struct play_in { /* one message from a real actor */
    char from[16], to[16], proto[8];
    struct sv text;
    struct h248_txn *txn;
    int stream; /* msrp: the SCTP stream towards wic, the session (1, 2) towards core; -1: none */
    struct arena *arena;
    int64_t t_us;
    struct play_in *prev, *next;
};

struct play {
    uv_loop_t loop;
    uv_timer_t timer;
    bool timed_out;
    const struct chart *c;
    unsigned at; /* step index */
    struct vars vs;
    struct ladder ladder;
    struct play_in *in;
    bool real_alg, real_agw, verbose;
    const char *bin; /* folder of the binaries */

    /* launch.c */
    char dir[128];
    pid_t alg_pid, agw_pid;
    uint16_t port_at; /* the last one that was tried */
    uint16_t iq_alg, iq_agw, sip_alg, sip_core, ws_alg, ops_alg, ops_agw;

    /* wires.c */
    struct ua wic, core;
    struct wsc_lib *ws_lib;
    struct wsc *ws;
    bool ws_open, registered;
    unsigned ws_asked; /* keep-alives that alg has not answered yet */
    int core_fd;
    uv_poll_t core_poll;
    struct addr alg_sip;
    struct link *link;          /* we are the MG, or the MGC */
    struct assoc_peer *peer;
    bool peer_up;
    struct trans_in *open_request; /* as MG: alg's request that the chart answers */

    /* media.c */
    struct play_wic { /* a transport of the WIC */
        struct play *p;
        struct browser *b;
        bool ice_up, hello, dtls_up, dtls_failed, sctp_up, chan_reset;
    } trans[PLAY_WIC_MAX];
    unsigned dc; /* index of the transport with the data channels */
    struct play_rtp *rtp;
    struct play_msrp {
        struct play *p;
        int session;
        struct far_msrp *far;
    } msrp[PLAY_MSRP_MAX];

    /* ue_msrp.c */
    struct {
        struct ice_tcp *ice;
        struct far_msrp *far;
        bool up;
    } ue;

    /* stranger.c: their TCP connections; gone with the chart */
    int strangers[PLAY_STRANGERS_MAX];
    unsigned n_strangers;

    /* relay.c */
    pid_t turn_pid; /* of coturn; 0: the chart has none */
    struct turnc *turn;
};

int64_t play_now_us(void);
/* Runs the loop until *flag, or for ms. True when the flag is set. */
bool play_until(struct play *p, const bool *flag, unsigned ms);
struct play_in *play_queue(struct play *p, const char *from, const char *to, const char *proto, struct sv text,
                           const struct h248_txn *txn);
bool play_is_real(const struct play *p, const char *actor);
int play_run(struct play *p, const struct chart *c, bool real_alg, bool real_agw, const char *bin);

/* launch.c: 0 or -errno with a line on stderr */
int launch(struct play *p);
int launch_ready(struct play *p); /* both real: agw is registered with alg */
bool stranger_sprays(struct play *p, const struct addr *to, char *why, size_t size); /* stranger.c; true: in vain */
bool stranger_connects(struct play *p, const struct addr *to, unsigned n, char *why, size_t size); /* true: they try */
void stranger_leaves(struct play *p);
bool launch_metric(uint16_t port, const char *name, long *value); /* of /metrics */
int launch_signal(struct play *p, const char *actor, int sig);
void launch_stop(struct play *p);
void launch_clean(struct play *p); /* removes p->dir */
/* wires.c */
int wires_open(struct play *p);  /* before the real ones start: our sockets */
int wires_ready(struct play *p); /* afterwards: registrations of SIP and H.248 */
int wires_connect(struct play *p);
void wires_mute(struct play *p);
int wires_back(struct play *p);
void wires_close(struct play *p);
int wires_send_h248(struct play *p, const struct chart_step *s, char *why, size_t size);
/* media.c */
const char *media_ip(const struct play *p); /* where the played ends have theirs */
int media_open(struct play *p);
void media_close(struct play *p);
const char *media_value(struct play *p, struct sv what, char out[VAR_VALUE]); /* of a let; NULL: not ours */
bool media_event(struct play *p, const struct chart_step *s, char *why, size_t size);
bool media_judges(const struct chart_step *s); /* its outcome is a verdict, not only something that we did */
bool media_fill(struct play *p, struct sv text, char *out, size_t size, char *why, size_t why_size);
#define MEDIA_ARG(name) {#name, name, sizeof name}
struct media_arg { /* an argument KEY=TEXT of a step, filled into `out` */
    const char *key;
    char *out;
    size_t size;
};
bool media_args(struct play *p, const struct chart_step *s, const struct media_arg *args, char *why, size_t size); /* {0} ends them */
struct play_wic *media_trans(struct play *p, const struct chart_step *s, const char *key); /* line=2, via=2; NULL: none */
/* rtp.c: audio and video of the WIC and of the core's phone */
int rtp_open(struct play *p);
void rtp_close(struct play *p);
uint16_t rtp_port(const struct play *p, unsigned line); /* from 0 */
void rtp_from_agw(struct play *p, const struct play_wic *w, const uint8_t *pkt, size_t n);
bool rtp_event(struct play *p, const struct chart_step *s, char *why, size_t size);
bool rtp_sdes(struct play *p, const struct chart_step *s, char *why, size_t size);
/* ue_msrp.c: the WIC's MSRP without a data channel */
int ue_msrp_open(struct play *p);
void ue_msrp_close(struct play *p);
bool ue_msrp_ice(struct play *p, const struct chart_step *s, char *why, size_t size); /* starts; p->ue.up: a pair is valid */
bool ue_msrp_send(struct play *p, const struct chart_step *s, struct sv text); /* without text: closes the connection */
/* relay.c: coturn, and the WIC as its client */
int relay_launch(struct play *p); /* when the chart has an actor `turn` and agw is real: 0, -errno */
void relay_stop(struct play *p);
bool relay_event(struct play *p, const struct chart_step *s, char *why, size_t size);
/* action.c */
bool action_judges(const struct play *p, const struct chart_step *s); /* its outcome is a verdict on a real one */
bool action_run(struct play *p, const struct chart_step *s, char *why, size_t size);
