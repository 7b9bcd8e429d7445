/* Which attribute may cross between the realms: one row each (sip-sdp 3.2). What no row names is dropped (3.1).
 * Pure. Any thread. */
#pragma once

#include "common/sdp.h"

enum rule_to { RULE_TO_MW, RULE_TO_W2 };

/* Where an attribute stands. */
enum rule_scope {
    RULE_SESSION = 1,
    RULE_MSRP = 2, /* m=message on Mw, a=dcsa on W2 */
    RULE_DC = 4,   /* m=application webrtc-datachannel */
    RULE_RTP = 8,  /* m=audio, m=video */
};

enum rule_act {
    RULE_DROP,
    RULE_KEEP, /* passed with its value */
    RULE_OWN,  /* the writer of that realm puts its own value */
};

struct rule {
    const char *name;
    unsigned scope;
    enum rule_act to[2]; /* index: enum rule_to */
};

const struct rule *rules_table(unsigned *n);
enum rule_act rule_of(struct sv name, unsigned scope, enum rule_to to);
/* Appends to *out a copy of what the rules keep of `in`. 0, -ENOMEM. */
int rules_copy(struct arena *a, const struct sdp_attr *in, unsigned scope, enum rule_to to,
               struct sdp_attr **out);

/* A refusal in SIP's terms: the status and a Warning (RFC 3261 20.43). Data, not errno. */
struct sdp_fault {
    int status;
    unsigned warn;
    char text[120];
};
void sdp_fault_set(struct sdp_fault *f, int status, unsigned warn, const char *text);
