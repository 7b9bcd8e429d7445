/* The session timer of one dialog (RFC 4028): who refreshes it, when, and when the other side is taken for gone. Reads and makes
 * header fields, keeps no clock. Owner: struct leg. Main thread. */
#pragma once

#include "alg/sip/sip.h"

#define SESSION_EXPIRES 1800      /* s, what we ask of the core */
#define SESSION_MIN 90            /* s, RFC 4028 4: the least there is */
#define SESSION_MIN_TEXT "90"
#define SESSION_MAX (7 * 86400)   /* s, more is no timer */
#define SESSION_TRIES 3           /* 422 on one request of ours: then it is a refusal */
#define SESSION_HDRS 2

struct session {
    unsigned interval;  /* s; 0: no timer is agreed */
    bool ours;          /* we refresh */
    bool asks;          /* our requests ask for one (Mw) */
    bool update;        /* the other side's Allow has UPDATE */
    struct {            /* of their request that is not answered yet */
        unsigned interval;
        bool ours, required;
    } next;
    unsigned ask, least, tries; /* of our requests: Session-Expires, Min-SE, how often 422 came */
    char expires[48], min[16];  /* texts of the last headers made */
};

void session_init(struct session *s, bool asks);
void session_see(struct session *s, const struct sip_msg *m); /* any message of theirs that may say Allow */

/* Their request that may ask for a timer: 0, or 422 with SESSION_MIN as Min-SE. What was agreed stays until the 2xx. */
int session_asked(struct session *s, const struct sip_msg *m);
/* Fields of our 2xx to it, which makes it agreed, and of our own requests: n of h are set. */
unsigned session_answer_hdrs(struct session *s, struct sip_hdr h[SESSION_HDRS]);
unsigned session_ask_hdrs(struct session *s, struct sip_hdr h[SESSION_HDRS]);
/* A 2xx to our request; a 422: 0 = ask once more, -EPROTO = it makes no sense or came too often. */
void session_answered(struct session *s, const struct sip_msg *m);
int session_too_small(struct session *s, const struct sip_msg *m);
/* ms after the last 2xx: when to refresh, or, when they should have, to hang up (RFC 4028 10). 0: never. */
uint64_t session_refresh_ms(const struct session *s);
uint64_t session_expiry_ms(const struct session *s);
