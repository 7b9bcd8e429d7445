/* Inside of a call: its states, events, and struct call. For this folder and its tests only. Main thread. */
#pragma once

#include "alg/call/call.h"
#include "alg/call/leg.h"
#include "alg/call/offer.h"
#include "common/fsm.h"

enum call_state {
    CALL_IDLE,
    CALL_RESERVING,    /* first termination: T2 for a WIC's offer, T1 for the core's */
    CALL_QOS_RESERVING, /* preconditions of the core: T2 before anybody is asked */
    CALL_QOS_WAITING,  /* it has our answer and reserves; nobody is rung yet */
    CALL_OFFERED,      /* INVITE is out */
    CALL_EARLY_FAR,    /* the core described itself before its answer: T2, then T1 */
    CALL_EARLY_NEAR,
    CALL_EARLY,        /* the WIC has its answer, the core has not answered */
    CALL_LATE_RESERVING, /* an INVITE without an offer: the callee offered in its 200; the caller's termination */
    CALL_LATE_OFFERED, /* our 200 with the offer waits for the ACK with the answer */
    CALL_LATE_NEAR,    /* the caller's termination */
    CALL_LATE_FAR,     /* the callee's termination */
    CALL_CONF_FAR,     /* the answerer's termination */
    CALL_CONF_NEAR,    /* the caller's termination */
    CALL_ACTIVE,
    CALL_CUT,          /* active, but the core's MSRP connection is gone; its active party may open it again */
    CALL_ORPHAN,       /* the WIC's connection is gone; it may come back */
    CALL_RE_RESERVING, /* a change of the call: the same steps */
    CALL_RE_OFFERED,
    CALL_RE_RESETTING, /* streams of channels that close */
    CALL_RE_CONF_T1,
    CALL_RE_CONF_T2,
    CALL_RE_UNDOING,
    CALL_DYING,        /* media is released; the legs end */
    CALL_DEAD,
    CALL_STATES
};

enum call_event {
    EV_OFFER,
    EV_IQ_OK,
    EV_IQ_FAIL,
    EV_PROGRESS,
    EV_ANSWER,
    EV_REJECT,
    EV_CANCEL,
    EV_ACK,
    EV_NO_ACK,
    EV_BYE,
    EV_REINVITE,
    EV_QOS_MET,     /* the core has reserved what it wanted (RFC 3312) */
    EV_FAULT,       /* NOTIFY: the media is lost */
    EV_GONE,        /* the gateway lost the context */
    EV_FLOW_CLOSED,
    EV_FLOW_BACK,
    EV_RESET_DONE,
    EV_LINK,        /* NOTIFY: a connection of the core was lost, or is there again */
    EV_EXPIRED,     /* a session timer ran out, or a PRACK never came: status and reason are given */
    EV_LEG_DONE,    /* our BYE was answered */
    EV_STOP,
    EV_TIMEOUT,
    CALL_EVENTS
};

enum call_timer { T_NONE, T_IQ, T_QOS, T_ANSWER, T_REANSWER, T_RESET, T_REOPEN, T_ORPHAN, T_DYING, T_REAP, CALL_TIMERS };

struct call_ev { /* the data of an event; unset what it has not */
    struct leg *leg;
    struct branch *br;
    const struct iq_result *res;
    int status;
    struct sv body;
    const char *reason;
    const char *early;  /* P-Early-Media; NULL: none */
};

struct cut { /* a MSRP connection that is lost: the core's, or of a m=message line the WIC's */
    uint16_t stream; /* 0: the gateway did not say which */
    bool access;
};

/* One callee, with the context that serves it. A call to several flows of a WIC has one each until one answers. */
struct branch {
    struct call *call;
    struct leg leg;
    struct media media;
    int failed;       /* its final status; 0: alive */
    unsigned retry_after;
    bool rang;
    struct cut cut[CALL_CUT_MAX];
    unsigned n_cut;
};

struct call_req { /* what the INVITE to the other side needs after the first one's message is gone; in the exchange's arena */
    const char *uri, *from, *to, *route;
    struct sip_hdr hdrs[CALL_HDR_MAX + 1];
    const char *uris[CALL_BRANCH_MAX]; /* MT: the Contact of each flow */
};

struct call {
    struct fsm fsm;
    struct calls *calls;
    struct call *prev, *next;
    enum sip_side origin;    /* whence the call comes */
    struct leg near;
    struct branch *won;      /* the one that answered; MO: the only one */
    struct exch *x;          /* the exchange under way */
    struct leg *x_leg;       /* who offered it */
    struct call_req req;
    int x_status;            /* a change failed with this, once undone */
    struct arena *keep;      /* of lay */
    struct layout *lay;
    char tls_id[48]; /* ours: 120 bits or more (RFC 8842 4) */
    char end_text[80];
    bool established, rtp;   /* rtp: it had audio or video */
    bool hung_up;            /* by one of the sides, or by calls_stop: it was not dropped */
    uint64_t renewed;        /* ms of the loop: a DTLS association took another's place; 0: never */
    bool lock;               /* the core is asked again once the call settles */
    bool asked;              /* a 200 of ours inside the call made an offer to the core, whose answer the ACK brings */
    bool late;               /* the INVITE had no offer: the callee makes it */
    struct sv final;         /* the answer came while the early media were configured; in the exchange's arena */
    bool has_final;
    char *more;              /* so did another description, the last of them */
    char more_gate[40];      /* its P-Early-Media */
    unsigned n_br;
    struct branch br[];
};

struct calls {
    struct alg *alg;
    struct calls_conf conf;
    struct call *list;
    unsigned n;
    uint64_t last_id;
    struct fsm_timer timers[CALL_TIMERS]; /* from the configuration */
    struct fsm_def def;
    count_t counts[CALL_C_N];
    bool stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
    uv_timer_t *stop_timer;
};

void call_fsm_def(struct fsm_def *def, struct fsm_timer timers[CALL_TIMERS], const struct calls_conf *conf);
/* call.c */
int call_new(struct call **cp, struct calls *c, enum sip_side origin, unsigned n_br);
void call_free_later(struct call *call); /* from inside its own events */
struct leg *call_leg(struct call *call, enum sip_side side);
void call_iq_h(struct branch *br, struct iq_ctx_h *h);
/* call_setup.c: actions of the states of a new call; call_change.c: of a change */
void call_on_idle(struct fsm *f, int ev, void *data);
void call_on_reserving(struct fsm *f, int ev, void *data);
void call_on_offered(struct fsm *f, int ev, void *data);
void call_on_qos_reserving(struct fsm *f, int ev, void *data); /* call_qos.c: preconditions of the core's INVITE */
void call_on_qos_waiting(struct fsm *f, int ev, void *data);
void call_on_early_far(struct fsm *f, int ev, void *data);   /* call_early.c: early media (sip-sdp 2.5) */
void call_on_early_near(struct fsm *f, int ev, void *data);
void call_on_early(struct fsm *f, int ev, void *data);
void call_on_late_reserving(struct fsm *f, int ev, void *data); /* call_late.c: INVITE without an offer (sip-sdp 2.8) */
void call_on_late_offered(struct fsm *f, int ev, void *data);
void call_on_late_near(struct fsm *f, int ev, void *data);
void call_on_late_far(struct fsm *f, int ev, void *data);
void call_on_conf_far(struct fsm *f, int ev, void *data);
void call_on_conf_near(struct fsm *f, int ev, void *data);
void call_on_re_reserving(struct fsm *f, int ev, void *data);
void call_on_re_offered(struct fsm *f, int ev, void *data);
void call_on_re_resetting(struct fsm *f, int ev, void *data);
void call_on_re_conf_t1(struct fsm *f, int ev, void *data);
void call_on_re_conf_t2(struct fsm *f, int ev, void *data);
void call_on_re_undoing(struct fsm *f, int ev, void *data);
void call_change(struct call *call, struct leg *leg, struct sv body); /* EV_REINVITE in CALL_ACTIVE, CALL_CUT */
/* call_setup.c: shared by the actions of a new call; each but the first may move the state: last statement of an action */
int call_configure(struct call *call, enum sip_side side); /* as media_configure_* of the one that answered */
int call_read_reply(struct branch *br, enum sip_side side, const struct iq_result *r);
void call_begin(struct call *call);        /* the first termination of each callee */
bool call_ends_one(struct call *call, int ev, struct call_ev *e); /* one of several callees is out; true: that was it */
void call_conf_far(struct call *call);     /* the steps from an answer on, each skipped when it has nothing to say */
void call_answered(struct call *call, struct branch *br, struct sv body);
void call_bad_answer(struct call *call, int err);
void call_iq_refused(struct call *call, const struct iq_result *r);
bool call_commit(struct call *call);       /* the exchange went through; false: no memory */
void call_progress(struct call *call, struct branch *br, const struct call_ev *e);
int call_ask_again(struct branch *br);      /* the INVITE once more, after 422. 0: it is out */
void call_far_refused(struct branch *br, int status);
void call_fail_branch(struct branch *br, int status, unsigned retry_after);
bool call_early(struct call *call, struct branch *br, const struct call_ev *e); /* call_early.c; false: no early media in it */
/* call_qos.c */
int call_qos_begin(struct call *call); /* 0: T2 is asked for, the state moved */
/* The core's next offer before the answer; 0: near.own has ours. -EBUSY: not now. -EPROTO: 488. */
int call_qos_offer(struct call *call, struct sv body);
int call_qos_settle(struct call *call); /* the answer that was just written: as said before, or told by a re-INVITE. 0, -errno */
/* call_late.c */
void call_late_answer(struct call *call, struct branch *br, struct sv offer);
void call_late_refuse(struct call *call); /* the callee's offer, if it still waits: no line is taken (RFC 3261 13.2.2.4) */
void call_lock(struct call *call);         /* moves the state, or stays in CALL_ACTIVE, CALL_CUT */
void call_acked(struct call *call, struct leg *leg, struct sv body); /* EV_ACK in CALL_ACTIVE, CALL_CUT */
/* call_fsm.c: shared by the actions. Each of these moves the state: last statement of an action. */
void call_end(struct call *call, const struct leg_why *why);
void call_settle(struct call *call); /* nothing is under way: CALL_ACTIVE, or CALL_CUT while a connection is lost */
void call_end_status(struct call *call, int status, unsigned retry_after, const char *reason);
/* The events that end a call in any state before CALL_DYING, answered alike everywhere. */
void call_end_event(struct call *call, int ev, const struct call_ev *e);
int call_far_status(int status); /* a refusal of one side as the other is told (sip-sdp 2.7) */
/* done of every procedure but the reset */
void call_on_iq(void *arg, const struct iq_result *r);
void call_on_reset(void *arg, const struct iq_result *r);
