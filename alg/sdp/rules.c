/* The attribute table (sip-sdp 3.2; TS 24.229 6.7.2, TS 23.228 U.1.1, RFC 8873, RFC 6714). */
#include "alg/sdp/rules.h"

#include <errno.h>
#include <stdio.h>
#include <utlist.h>

static const struct rule rules[] = {
    /* name                  scope        to Mw       to W2 */
    /* MSRP (RFC 4975, 5547, 6135): the same on both sides, in dcsa on W2 */
    {"setup",                RULE_MSRP, {RULE_OWN,  RULE_OWN}},
    {"path",                 RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"msrp-cema",            RULE_MSRP, {RULE_OWN,  RULE_DROP}}, /* RFC 8873: never inside the channel part */
    {"accept-types",         RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"accept-wrapped-types", RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"max-size",             RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"file-selector",        RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"file-transfer-id",     RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"file-disposition",     RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"file-date",            RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"file-icon",            RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"file-range",           RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"sendrecv",             RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"sendonly",             RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"recvonly",             RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"inactive",             RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"chatroom",             RULE_MSRP, {RULE_KEEP, RULE_KEEP}}, /* RFC 7701 */
    {"content",              RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"label",                RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"lang",                 RULE_MSRP, {RULE_KEEP, RULE_KEEP}},
    {"fingerprint",          RULE_MSRP, {RULE_DROP, RULE_DROP}}, /* TCP/TLS/MSRP is not spoken */
    {"connection",           RULE_MSRP, {RULE_DROP, RULE_DROP}},
    /* the transport of the channels ends at the gateway (TS 23.228 U.1.1) */
    {"ice-lite",             RULE_SESSION, {RULE_DROP, RULE_OWN}},
    {"ice-options",          RULE_SESSION | RULE_DC, {RULE_DROP, RULE_OWN}},
    {"ice-ufrag",            RULE_SESSION | RULE_DC, {RULE_DROP, RULE_OWN}},
    {"ice-pwd",              RULE_SESSION | RULE_DC, {RULE_DROP, RULE_OWN}},
    {"candidate",            RULE_DC, {RULE_DROP, RULE_OWN}},
    {"fingerprint",          RULE_SESSION | RULE_DC, {RULE_DROP, RULE_OWN}},
    {"tls-id",               RULE_SESSION | RULE_DC, {RULE_DROP, RULE_OWN}},
    {"setup",                RULE_SESSION | RULE_DC, {RULE_DROP, RULE_OWN}},
    {"connection",           RULE_DC, {RULE_DROP, RULE_OWN}},
    {"sctp-port",            RULE_DC, {RULE_DROP, RULE_OWN}},
    {"sctpmap",              RULE_DC, {RULE_DROP, RULE_OWN}},
    {"max-message-size",     RULE_DC, {RULE_DROP, RULE_OWN}},
    {"dcmap",                RULE_DC, {RULE_OWN,  RULE_OWN}},
    {"dcsa",                 RULE_DC, {RULE_OWN,  RULE_OWN}},
    {"mid",                  RULE_DC, {RULE_DROP, RULE_OWN}},
    /* audio and video (TS 23.334 5.9, 6.2.10.5; TS 23.228 U.1.1) */
    {"rtpmap",               RULE_RTP, {RULE_OWN,  RULE_OWN}}, /* codec.c: what both sides can do */
    {"fmtp",                 RULE_RTP, {RULE_OWN,  RULE_OWN}},
    {"rtcp-fb",              RULE_RTP, {RULE_OWN,  RULE_OWN}}, /* nack, pli, fir, tmmbr, and only with a ...F profile */
    {"ptime",                RULE_RTP, {RULE_KEEP, RULE_KEEP}},
    {"maxptime",             RULE_RTP, {RULE_KEEP, RULE_KEEP}},
    {"sendrecv",             RULE_RTP, {RULE_OWN,  RULE_OWN}},
    {"sendonly",             RULE_RTP, {RULE_OWN,  RULE_OWN}},
    {"recvonly",             RULE_RTP, {RULE_OWN,  RULE_OWN}},
    {"inactive",             RULE_RTP, {RULE_OWN,  RULE_OWN}},
    {"content",              RULE_RTP, {RULE_KEEP, RULE_KEEP}},
    {"label",                RULE_RTP, {RULE_KEEP, RULE_KEEP}},
    {"lang",                 RULE_RTP, {RULE_KEEP, RULE_KEEP}},
    {"hlang-send",           RULE_RTP, {RULE_KEEP, RULE_KEEP}},
    {"hlang-recv",           RULE_RTP, {RULE_KEEP, RULE_KEEP}},
    {"rtcp-mux",             RULE_RTP, {RULE_DROP, RULE_OWN}},  /* sip-sdp 3.6: the gateway splits */
    {"rtcp-mux-only",        RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"rtcp-rsize",           RULE_RTP, {RULE_DROP, RULE_OWN}},
    {"rtcp",                 RULE_RTP, {RULE_OWN,  RULE_OWN}},  /* only when the port is not the next one */
    {"mid",                  RULE_RTP, {RULE_DROP, RULE_OWN}},
    {"bundle-only",          RULE_RTP, {RULE_DROP, RULE_OWN}},
    {"ice-ufrag",            RULE_RTP, {RULE_DROP, RULE_OWN}},
    {"ice-pwd",              RULE_RTP, {RULE_DROP, RULE_OWN}},
    {"ice-options",          RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"ice-pacing",           RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"candidate",            RULE_RTP, {RULE_DROP, RULE_OWN}},
    {"remote-candidates",    RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"end-of-candidates",    RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"fingerprint",          RULE_RTP, {RULE_DROP, RULE_OWN}},
    {"setup",                RULE_RTP, {RULE_DROP, RULE_OWN}},
    {"tls-id",               RULE_RTP, {RULE_DROP, RULE_OWN}},
    {"connection",           RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"crypto",               RULE_RTP, {RULE_OWN,  RULE_OWN}},  /* ours: each side's key ends at the gateway */
    {"key-mgmt",             RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"3ge2ae",               RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"extmap",               RULE_RTP, {RULE_DROP, RULE_OWN}},  /* the MID alone, in a bundle */
    {"ssrc",                 RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"ssrc-group",           RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"msid",                 RULE_RTP, {RULE_DROP, RULE_OWN}},
    {"rid",                  RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"simulcast",            RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"imageattr",            RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"curr",                 RULE_RTP, {RULE_DROP, RULE_DROP}}, /* preconditions end at alg (sip-sdp 2.5) */
    {"des",                  RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"conf",                 RULE_RTP, {RULE_DROP, RULE_DROP}},
    {"group",                RULE_SESSION, {RULE_DROP, RULE_OWN}}, /* no multiplexing in 3GPP's architecture; BUNDLE by profile */
    {"msid-semantic",        RULE_SESSION, {RULE_DROP, RULE_DROP}},
    {"extmap-allow-mixed",   RULE_SESSION, {RULE_DROP, RULE_DROP}},
};

const struct rule *rules_table(unsigned *n)
{
    *n = ARRAY_LEN(rules);
    return rules;
}

enum rule_act rule_of(struct sv name, unsigned scope, enum rule_to to)
{
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++) {
        if ((rules[i].scope & scope) && sv_is(name, rules[i].name))
            return rules[i].to[to];
    }
    return RULE_DROP;
}

int rules_copy(struct arena *a, const struct sdp_attr *in, unsigned scope, enum rule_to to,
               struct sdp_attr **out)
{
    const struct sdp_attr *at;

    DL_FOREACH(in, at) {
        struct sv name, value = at->flag ? SV_NONE : at->value;
        int err;

        if (rule_of(at->name, scope, to) != RULE_KEEP)
            continue;
        name = arena_sv(a, at->name);
        if (!name.p)
            return -ENOMEM;
        if (!at->flag && !value.p)
            value = SV("");
        err = sdp_attr_add(a, out, name.p, value);
        if (err)
            return err;
    }
    return 0;
}

void sdp_fault_set(struct sdp_fault *f, int status, unsigned warn, const char *text)
{
    f->status = status;
    f->warn = warn;
    snprintf(f->text, sizeof f->text, "%s", text);
}
