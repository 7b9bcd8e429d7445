/* Audio and video lines of the far end: plain RTP, codecs by name, no transcoding since it only sends back. */
#include <errno.h>
#include <strings.h>

#include "tests/lab/far.h"

static const struct codec {
    enum far_kind kind;
    const char *name; /* a=rtpmap */
    unsigned pt;      /* in our offers; static ones by RFC 3551 */
    const char *fmtp;
} codecs[] = {
    {FAR_AUDIO, "opus/48000/2", 111, "minptime=10;useinbandfec=1"},
    {FAR_AUDIO, "PCMU/8000", 0, NULL},
    {FAR_AUDIO, "PCMA/8000", 8, NULL},
    {FAR_VIDEO, "VP8/90000", 96, NULL},
    {FAR_VIDEO, "H264/90000", 102, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
};

static const char *media_name(enum far_kind kind)
{
    return kind == FAR_AUDIO ? "audio" : "video";
}

static const char *dir_name(enum sdp_dir d)
{
    static const char *const names[] = {[SDP_SENDRECV] = "sendrecv", [SDP_SENDONLY] = "sendonly",
                                        [SDP_RECVONLY] = "recvonly", [SDP_INACTIVE] = "inactive"};

    return names[d];
}

static int open_rtp(struct far_session *s)
{
    struct far *f = s->call->far;

    return s->rtp ? 0 : far_rtp_new(&s->rtp, &f->loop, f->conf.media);
}

/* The value of a=rtpmap or a=fmtp for this payload type. */
static struct sv of_pt(const struct sdp_media *m, const char *name, struct sv pt)
{
    for (const struct sdp_attr *at = sdp_attr_find(m->attrs, name); at; at = sdp_attr_next(at, name)) {
        struct sv rest = at->value;

        if (sv_eq(sv_word(&rest), pt))
            return sv_trim(rest);
    }
    return SV_NONE;
}

static const struct codec *known(const struct sdp_media *m, enum far_kind kind, struct sv pt)
{
    struct sv map = of_pt(m, "rtpmap", pt);

    if (map.n == 0) /* static payload types need none (RFC 3551 6) */
        map = sv_is(pt, "0") ? SV("PCMU/8000") : sv_is(pt, "8") ? SV("PCMA/8000") : SV_NONE;
    for (unsigned i = 0; i < ARRAY_LEN(codecs); i++) {
        if (codecs[i].kind == kind && sv_iis(map, codecs[i].name))
            return &codecs[i];
    }
    return NULL;
}

static struct sv event_pt(const struct sdp_media *m, const char *clock)
{
    struct sv rest = m->fmts, pt;

    while ((pt = sv_word(&rest)).n > 0) {
        struct sv map = of_pt(m, "rtpmap", pt), name = sv_cut(&map, '/');

        if (sv_iis(name, "telephone-event") && sv_is(map, clock))
            return pt;
    }
    return SV_NONE;
}

int far_av_start(struct far_session *s, const struct sdp *sdp, const struct sdp_media *m)
{
    const struct sdp_conn *conn = sdp_conn_of(sdp, m);
    const struct sdp_attr *at = sdp_attr_find(m->attrs, "rtcp");
    struct addr rtp, rtcp;
    uint32_t port = (uint32_t)m->port + 1;
    struct sv rest;

    if (!conn || addr_parse(&rtp, conn->addr, (uint16_t)m->port))
        return -EBADMSG;
    if (at) {
        rest = at->value;
        if (sv_u32(sv_word(&rest), UINT16_MAX, &port))
            return -EBADMSG;
    }
    rtcp = rtp;
    addr_set_port(&rtcp, (uint16_t)port);
    far_rtp_start(s->rtp, &rtp, &rtcp,
                  sdp_dir_of(sdp, m) == SDP_SENDRECV && s->call->dir == SDP_SENDRECV &&
                      strcmp(s->call->user, "silent"));
    return 0;
}

static enum sdp_dir turned(enum sdp_dir d)
{
    return d == SDP_SENDONLY ? SDP_RECVONLY : d == SDP_RECVONLY ? SDP_SENDONLY : d;
}

int far_av_answer(struct far_session *s, const struct sdp *sdp, const struct sdp_media *m, struct buf *b)
{
    const struct codec *c = NULL;
    struct sv rest = m->fmts, pt, event, fmtp;

    if (!sv_iis(m->proto, "RTP/AVP") && !sv_iis(m->proto, "RTP/AVPF"))
        return -EPROTONOSUPPORT;
    while (!c && (pt = sv_word(&rest)).n > 0)
        c = known(m, s->kind, pt);
    if (!c || open_rtp(s) || far_av_start(s, sdp, m))
        return -EPROTONOSUPPORT;
    event = s->kind == FAR_AUDIO ? event_pt(m, strstr(c->name, "48000") ? "48000" : "8000") : SV_NONE;
    fmtp = of_pt(m, "fmtp", pt);
    buf_printf(b, "m=%s %u %.*s %.*s%s%.*s\r\n", media_name(s->kind), far_rtp_port(s->rtp), SV_ARG(m->proto), SV_ARG(pt),
               event.n ? " " : "", SV_ARG(event));
    buf_printf(b, "a=rtpmap:%.*s %s\r\n", SV_ARG(pt), c->name);
    if (fmtp.n)
        buf_printf(b, "a=fmtp:%.*s %.*s\r\n", SV_ARG(pt), SV_ARG(fmtp));
    if (event.n)
        buf_printf(b, "a=rtpmap:%.*s telephone-event/%s\r\n", SV_ARG(event), strstr(c->name, "48000") ? "48000" : "8000");
    if (s->kind == FAR_VIDEO && sv_iis(m->proto, "RTP/AVPF"))
        buf_printf(b, "a=rtcp-fb:%.*s nack pli\r\na=rtcp-fb:%.*s ccm fir\r\n", SV_ARG(pt), SV_ARG(pt));
    buf_printf(b, "a=%s\r\n", dir_name(turned(sdp_dir_of(sdp, m))));
    return 0;
}

int far_av_offer(struct far_session *s, struct buf *b)
{
    const char *proto = s->kind == FAR_AUDIO ? "RTP/AVP" : "RTP/AVPF";

    if (!s->refused && open_rtp(s))
        return -EIO;
    buf_printf(b, "m=%s %u %s", media_name(s->kind), s->refused ? 0 : far_rtp_port(s->rtp), proto);
    for (unsigned i = 0; i < ARRAY_LEN(codecs); i++) {
        if (codecs[i].kind == s->kind)
            buf_printf(b, " %u", codecs[i].pt);
    }
    buf_str(b, s->kind == FAR_AUDIO ? " 110\r\n" : "\r\n");
    for (unsigned i = 0; !s->refused && i < ARRAY_LEN(codecs); i++) {
        if (codecs[i].kind != s->kind)
            continue;
        buf_printf(b, "a=rtpmap:%u %s\r\n", codecs[i].pt, codecs[i].name);
        if (codecs[i].fmtp)
            buf_printf(b, "a=fmtp:%u %s\r\n", codecs[i].pt, codecs[i].fmtp);
        if (s->kind == FAR_VIDEO)
            buf_printf(b, "a=rtcp-fb:%u nack pli\r\na=rtcp-fb:%u ccm fir\r\n", codecs[i].pt, codecs[i].pt);
    }
    if (!s->refused && s->kind == FAR_AUDIO)
        buf_str(b, "a=rtpmap:110 telephone-event/48000\r\n");
    if (!s->refused)
        buf_printf(b, "a=%s\r\n", dir_name(s->call->dir));
    return 0;
}
