/* Payload types: RFC 3551 6 for the static ones, a=rtpmap and a=fmtp (RFC 8866 6.6, 6.15) for the
 * rest. */
#include "agw/ctl/codec.h"

#include <errno.h>

static const struct {
    uint8_t pt;
    const char *name;
    uint32_t clock;
    unsigned channels;
} statics[] = {
    /* RFC 3551 tables 4 and 5 */
    {0, "PCMU", 8000, 1},   {3, "GSM", 8000, 1},    {4, "G723", 8000, 1},   {5, "DVI4", 8000, 1},
    {6, "DVI4", 16000, 1},  {7, "LPC", 8000, 1},    {8, "PCMA", 8000, 1},   {9, "G722", 8000, 1},
    {10, "L16", 44100, 2},  {11, "L16", 44100, 1},  {12, "QCELP", 8000, 1}, {13, "CN", 8000, 1},
    {14, "MPA", 90000, 1},  {15, "G728", 8000, 1},  {16, "DVI4", 11025, 1}, {17, "DVI4", 22050, 1},
    {18, "G729", 8000, 1},  {25, "CelB", 90000, 1}, {26, "JPEG", 90000, 1}, {28, "nv", 90000, 1},
    {31, "H261", 90000, 1}, {32, "MPV", 90000, 1},  {33, "MP2T", 90000, 1}, {34, "H263", 90000, 1},
};

static void static_set(struct codec *c)
{
    for (unsigned i = 0; i < ARRAY_LEN(statics); i++) {
        if (statics[i].pt != c->pt)
            continue;
        c->known = true;
        c->name = sv_from(statics[i].name);
        c->clock = statics[i].clock;
        c->channels = statics[i].channels;
    }
}

/* "96 opus/48000/2" -> the text behind the payload type; false: of another one. */
static bool is_of(struct sv value, uint8_t pt, struct sv *rest)
{
    struct sv word;
    uint32_t n;

    *rest = sv_trim(value);
    word = sv_word(rest);
    *rest = sv_trim(*rest);
    return sv_u32(word, 127, &n) == 0 && n == pt;
}

static int rtpmap_set(const struct sdp_media *m, struct codec *c)
{
    const struct sdp_attr *at = sdp_attr_find(m->attrs, "rtpmap");

    for (; at; at = sdp_attr_next(at, "rtpmap")) {
        struct sv rest, name, clock;
        uint32_t n = 0, channels = 1;

        if (!is_of(at->value, c->pt, &rest))
            continue;
        name = sv_cut(&rest, '/');
        clock = sv_cut(&rest, '/');
        if (!name.n || sv_u32(clock, 1000000, &n) || n == 0 ||
            (rest.n && sv_u32(rest, 255, &channels)))
            return -EBADMSG;
        c->known = true;
        c->name = name;
        c->clock = n;
        c->channels = channels;
        return 0;
    }
    static_set(c);
    return 0;
}

static void fmtp_set(const struct sdp_media *m, struct codec *c)
{
    const struct sdp_attr *at = sdp_attr_find(m->attrs, "fmtp");

    for (; at && !c->fmtp.n; at = sdp_attr_next(at, "fmtp")) {
        struct sv rest;

        if (is_of(at->value, c->pt, &rest))
            c->fmtp = rest;
    }
}

int codecs_read(const struct sdp *sdp, struct codecs *out)
{
    struct sv rest = sdp ? sv_trim(sdp->media->fmts) : SV_NONE, word;
    uint32_t pt;

    memset(out, 0, sizeof *out);
    if (!rest.n || sv_is(rest, "-") || sv_is(rest, "*")) {
        out->any = true;
        return 0;
    }
    while ((word = sv_word(&rest)).n) {
        struct codec *c = &out->v[out->n];

        if (sv_u32(word, 127, &pt))
            return -EBADMSG;
        if (out->n == BUS_PTS)
            return -E2BIG;
        c->pt = (uint8_t)pt;
        if (rtpmap_set(sdp->media, c))
            return -EBADMSG;
        fmtp_set(sdp->media, c);
        out->n++;
    }
    return 0;
}

/* The value of one parameter of an fmtp: "a=1; b=2". */
static struct sv parameter(struct sv fmtp, const char *name)
{
    while (fmtp.n) {
        struct sv value = sv_trim(sv_cut(&fmtp, ';')), key = sv_cut(&value, '=');

        if (sv_iis(sv_trim(key), name))
            return sv_trim(value);
    }
    return SV_NONE;
}

/* How well q does for p: 0 not at all. */
static unsigned likeness(const struct codec *p, const struct codec *q)
{
    struct sv pm, qm;

    if (!p->known || !q->known)
        return !p->known && !q->known && p->pt == q->pt;
    if (!sv_ieq(p->name, q->name) || p->clock != q->clock || p->channels != q->channels)
        return 0;
    if (sv_iis(p->name,
               "H264")) { /* RFC 6184 8.1: absent means 0; the modes do not understand each other */
        pm = parameter(p->fmtp, "packetization-mode");
        qm = parameter(q->fmtp, "packetization-mode");
        if (!sv_eq(pm.n ? pm : SV("0"), qm.n ? qm : SV("0")))
            return 0;
    }
    return 1 + 2 * sv_ieq(p->fmtp, q->fmtp) + (p->pt == q->pt);
}

/* Retransmissions (RFC 4588) belong to the payload type in apt. */
static bool apt_fits(const struct codec *p, const struct codec *q, const uint8_t map[128])
{
    uint32_t a, b;

    if (!p->known || !sv_iis(p->name, "rtx"))
        return true;
    return sv_u32(parameter(p->fmtp, "apt"), 127, &a) == 0 &&
           sv_u32(parameter(q->fmtp, "apt"), 127, &b) == 0 && map[a] == b;
}

static uint8_t counterpart(const struct codec *p, const struct codecs *out, const uint8_t map[128])
{
    const struct codec *best = NULL;
    unsigned most = 0;

    for (unsigned i = 0; i < out->n; i++) {
        unsigned like = likeness(p, &out->v[i]);

        if (like > most && apt_fits(p, &out->v[i], map)) {
            most = like;
            best = &out->v[i];
        }
    }
    return best ? best->pt : BUS_PT_DROP;
}

void codecs_map(const struct codecs *in, const struct codecs *out, uint8_t map[128])
{
    for (unsigned i = 0; i < 128; i++)
        map[i] = in->any || out->any ? (uint8_t)i : BUS_PT_DROP;
    if (in->any || out->any)
        return;
    for (unsigned pass = 0; pass < 2; pass++) { /* what apt points at first */
        for (unsigned i = 0; i < in->n; i++) {
            const struct codec *p = &in->v[i];

            if ((p->known && sv_iis(p->name, "rtx")) == (pass == 1))
                map[p->pt] = counterpart(p, out, map);
        }
    }
}

unsigned codecs_fmts(const struct codecs *c, struct bus_fmt out[BUS_PTS])
{
    for (unsigned i = 0; i < c->n; i++)
        out[i] = (struct bus_fmt){.pt = c->v[i].pt,
                                  .event = sv_iis(c->v[i].name, "telephone-event"),
                                  .clock = c->v[i].clock};
    return c->n;
}
