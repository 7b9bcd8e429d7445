/* One SIP dialog of a call, seen from the call: what is pending on it and how it ends (RFC 3261 9, 12-15; RFC 4028).
 * Owner: struct call (the caller's leg) or struct branch (a callee's). Main thread. */
#pragma once

#include "alg/call/alarm.h"
#include "alg/call/session.h"
#include "alg/sdp/own.h"
#include "alg/sip/sip.h"

struct call;
struct branch;
struct call_ev;

struct leg {
    struct call *call;
    struct branch *br;      /* NULL: the caller's leg */
    enum sip_side side;
    sip_flow flow;
    struct sip_dlg *dlg;
    struct sip_in *in;      /* INVITE or UPDATE of theirs that waits for our final answer */
    bool in_invite;
    bool wait_ack;          /* our 2xx has no ACK yet */
    struct sip_out *out;    /* INVITE of ours without a final answer */
    bool cancelled;         /* ... which was cancelled */
    bool up;                /* a 2xx passed: only BYE ends it */
    bool owe_ack;           /* their 2xx waits for our ACK */
    bool bye_wait;          /* our BYE has no answer yet */
    bool over;              /* BYE passed, or nothing was ever there */
    bool dropped;           /* our re-INVITE waits to be repeated, but is not wanted any more */
    unsigned glares;        /* how often 491 came for it */
    struct alarm again;     /* until it is repeated */
    struct session session; /* RFC 4028 */
    struct alarm due;       /* its refresh or its end */
    uint64_t renewed;       /* ms of the loop */
    bool refreshing;        /* a refresh of ours has no answer yet */
    bool qos;               /* Mw: our side of the preconditions is told (RFC 3312) */
    char *asked;            /* the core's last offer that spoke of them; NULL: none */
    char *identity;         /* towards the core: whom its call reached, "<URI>"; NULL: nobody to be named */
    struct sdp_own own;
    bool silent;            /* its INVITE may get no 18x of ours: it wants them reliable, and lets us offer (RFC 3261 13.2.1) */
    struct leg_said *said;  /* how callees described themselves before the answer (Mw) */
};

enum leg_qos { /* what an INVITE of the core says of preconditions (RFC 3312 11) */
    LEG_QOS_NONE,
    LEG_QOS_SUPPORTED,
    LEG_QOS_REQUIRED,
    LEG_QOS_UNSURE,  /* required, but without 100rel: nothing could be told before the answer */
};
enum leg_qos leg_qos_of(const struct sip_msg *m);

struct leg_said { /* one early dialog */
    struct leg_said *prev, *next;
    char *tag, *body;
};

/* A refusal, an end: what each leg is told. */
struct leg_why {
    int status;             /* of a request that still waits */
    unsigned retry_after;
    unsigned warn;
    const char *text;       /* of the Warning; NULL: none */
    const char *reason;     /* Reason header of BYE and CANCEL; NULL: none */
};

void leg_init(struct leg *leg, struct call *call, struct branch *br, enum sip_side side, sip_flow flow);
void leg_fini(struct leg *leg);
void leg_take_in(struct leg *leg, struct sip_in *in, const struct sip_msg *m); /* until leg_answer, leg_refuse */
void leg_answer(struct leg *leg, struct sv body);                /* 200 */
void leg_progress(struct leg *leg, int status, const char *reason, struct sv body);
void leg_refuse(struct leg *leg, const struct leg_why *why);
int leg_invite(struct leg *leg, struct sip *s, const struct sip_target *to, const struct sip_hdr *hdrs);
int leg_invite_again(struct leg *leg, const struct sip_target *to, const struct sip_hdr *hdrs); /* the same, after a refusal */
int leg_reinvite(struct leg *leg);                               /* with leg->own */
void leg_cancel(struct leg *leg, const char *reason);            /* an INVITE of ours is not wanted any more */
void leg_confirm(struct leg *leg, struct sv body);               /* ACK of their 2xx; body: our answer, when they offered */
void leg_end(struct leg *leg, const struct leg_why *why);        /* whatever it takes; may be called again */
bool leg_is_quiet(const struct leg *leg);                        /* nothing is awaited any more */
/* A request whose fault is known before there is a leg. */
void leg_reject(struct sip_in *in, const struct leg_why *why);
extern const struct sip_dlg_h leg_dlg_h;

/* --- between leg*.c --- */
#define LEG_ANSWER_HDRS (SESSION_HDRS + 3)
void leg_answer_hdrs(struct leg *leg, bool body, struct sip_hdr hdrs[LEG_ANSWER_HDRS]); /* of a 2xx */
/* leg_qos.c: preconditions (RFC 3312) */
void leg_take_qos(struct leg *leg, const struct sip_msg *m);  /* an offer of the core */
bool leg_wants_qos(struct leg *leg, const struct sip_msg *m); /* 421: our offer speaks of them now; false: it wants something else */
bool leg_wants_rel(const struct sip_msg *m); /* no 18x but reliable ones (RFC 3262 3) */
bool leg_is_ahead(const struct leg *leg); /* it has our answer, the INVITE waits for the WIC */
void leg_offer_ahead(struct leg *leg, struct sip_in *in, const struct sip_msg *m); /* then its UPDATE or PRACK with an offer */
int leg_event(struct leg *leg, int ev, struct call_ev *e);
void leg_keep_said(struct leg *leg, const struct sip_msg *m); /* a 18x, an UPDATE of an early dialog */
void leg_drop_said(struct leg *leg, const struct sip_msg *m); /* a 199 of that dialog; m may be NULL */
struct sv leg_has_said(const struct leg *leg, const struct sip_msg *m); /* SV_NONE: nothing; until leg_forget_said */
void leg_forget_said(struct leg *leg);
int leg_send_invite(struct leg *leg);     /* re-INVITE with leg->own, whatever became of the one before */
/* leg_timer.c */
void leg_renew(struct leg *leg);          /* the session timer runs anew from a 2xx on */
bool leg_repeat(struct leg *leg);         /* 491: the re-INVITE goes out again in a while; false: often enough */
void leg_timers_stop(struct leg *leg);
