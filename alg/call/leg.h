/* One SIP dialog of a call, seen from the call: what is pending on it and how it ends (RFC 3261 9, 12-15; RFC 4028).
 * Owner: struct call (the caller's leg) or struct branch (a callee's). Main thread. */
#pragma once

#include "alg/sdp/own.h"
#include "alg/sip/sip.h"

struct call;
struct branch;

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
    char session[48];       /* Session-Expires of our answer, empty: none (RFC 4028) */
    struct sdp_own own;
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
int leg_reinvite(struct leg *leg);                               /* with leg->own */
void leg_confirm(struct leg *leg, struct sv body);               /* ACK of their 2xx; body: our answer, when they offered */
void leg_end(struct leg *leg, const struct leg_why *why);        /* whatever it takes; may be called again */
bool leg_is_quiet(const struct leg *leg);                        /* nothing is awaited any more */
/* A request whose fault is known before there is a leg. */
void leg_reject(struct sip_in *in, const struct leg_why *why);
extern const struct sip_dlg_h leg_dlg_h;
