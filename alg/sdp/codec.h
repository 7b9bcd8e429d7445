/* Codecs of a m=audio or m=video line: which may cross, and how an offer's and an answer's lists agree (sip-sdp 3.9). Nothing is
 * transcoded, so what both ends name is what flows. Pure. Any thread. */
#pragma once

#include "alg/sdp/limits.h"
#include "common/sdp.h"

enum rtp_kind { RTP_AUDIO, RTP_VIDEO, RTP_KINDS };

enum codec_fb { /* a=rtcp-fb that may cross (RFC 4585, RFC 5104) */
    CODEC_FB_NACK = 1,
    CODEC_FB_PLI = 2,
    CODEC_FB_FIR = 4,
    CODEC_FB_TMMBR = 8,
};

struct codec {
    uint8_t pt;
    struct sv name;          /* "opus" */
    uint32_t clock, channels;
    struct sv fmtp;          /* empty: none */
    unsigned fb;             /* of enum codec_fb */
};

struct codec_list {
    unsigned n;
    struct codec c[CODEC_MAX];
};

/* What the operator lets pass, and how the core is spoken to. */
struct sdp_policy {
    bool plain_rtp;                        /* WICs that are no browsers may have RTP without keys, with ICE (TS 33.203 annex W) */
    bool rtp_tcp;                          /* and as TCP/RTP/AVP(F): a TCP candidate is its default (RFC 4571, RFC 6544 4.5) */
    bool msrp_tcp;                         /* and MSRP as m=message over ICE-TCP */
    bool browser;                          /* profile "browser": BUNDLE; else 3gpp-strict */
    struct {
        const char *const *v;
        unsigned n;
    } codecs[RTP_KINDS];
    const char *core_proto[RTP_KINDS];     /* "RTP/AVP" "RTP/AVPF" "RTP/SAVP" "RTP/SAVPF" */
};
extern const struct sdp_policy sdp_policy_default;

/* The payload types of the line that the policy lets pass, in its order; telephone-event and CN pass with audio. More than
 * CODEC_MAX are left out. */
void codec_read(const struct sdp_media *m, enum rtp_kind kind, const struct sdp_policy *p, struct codec_list *out);
bool codec_is_aux(const struct codec *c); /* telephone-event, CN: nothing to talk with alone */
bool codec_is_media(const struct codec_list *l); /* one at least that is not */
/* What is left of an offer by its answer: offered[i] and answered[i] are the same codec with the payload type of each side; the
 * format parameters are the answerer's, or when it gave none the offerer's. Of audio one codec stays, with telephone-event
 * and CN that fit its clock (sip-sdp 3.9 rule 4). mine and theirs may not overlap the inputs. */
void codec_agree(const struct codec_list *offered, const struct codec_list *answered, enum rtp_kind kind,
                 struct codec_list *mine, struct codec_list *theirs);
bool codec_covers(const struct codec_list *offered, const struct codec_list *agreed); /* all agreed are still offered */
struct sv codec_fmts(struct arena *a, const struct codec_list *l); /* "111 110"; p NULL: no memory */
/* rtpmap, fmtp and with fb rtcp-fb. 0, -ENOMEM. */
int codec_write(struct arena *a, const struct codec_list *l, bool fb, struct sdp_attr **attrs);
unsigned codec_bandwidth(const struct codec_list *l); /* b=AS of the greediest (sip-sdp 3.9); 0: unknown */
int codec_own(struct arena *a, struct codec_list *l); /* copies the text. 0, -ENOMEM */
