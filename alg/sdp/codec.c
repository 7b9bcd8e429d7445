#include "alg/sdp/codec.h"

#include <errno.h>
#include <string.h>

static const char *const default_audio[] = {"opus", "G722", "PCMU", "PCMA", "AMR", "AMR-WB"};
static const char *const default_video[] = {"H264", "VP8", "VP9"};

const struct sdp_policy sdp_policy_default = {
    .codecs = {{default_audio, ARRAY_LEN(default_audio)}, {default_video, ARRAY_LEN(default_video)}},
    .core_proto = {"RTP/AVP", "RTP/AVPF"},
};

/* Payload types that need no rtpmap (RFC 3551 6) */
static const struct {
    uint8_t pt;
    const char *name;
} fixed[] = {{0, "PCMU"}, {8, "PCMA"}, {9, "G722"}, {13, "CN"}};

/* kbit/s at 20 ms over IPv4 (sip-sdp 3.9) */
static const struct {
    const char *name;
    unsigned as;
} rates[] = {{"opus", 64},   {"PCMU", 80}, {"PCMA", 80}, {"G722", 80}, {"AMR", 31}, {"AMR-WB", 41},
             {"EVS", 42},    {"VP8", 768}, {"VP9", 768}, {"H264", 768}, {"H265", 768}};

/* Parameters that make two payloads of one name different things (RFC 6184 8.2.2, RFC 4867 8.3, RFC 9628) */
static const struct {
    const char *name, *parm, *def;
} telling[] = {
    {"H264", "packetization-mode", "0"}, {"AMR", "octet-align", "0"}, {"AMR-WB", "octet-align", "0"}, {"VP9", "profile-id", "0"},
};

static const struct {
    unsigned bit;
    const char *type, *parm;
} feedback[] = {
    {CODEC_FB_NACK, "nack", ""}, {CODEC_FB_PLI, "nack", "pli"}, {CODEC_FB_FIR, "ccm", "fir"}, {CODEC_FB_TMMBR, "ccm", "tmmbr"},
};

/* --- reading --- */

/* The rest of the attribute of that name that begins with this payload type. */
static struct sv of_pt(const struct sdp_media *m, const char *name, uint8_t pt)
{
    for (const struct sdp_attr *at = sdp_attr_find(m->attrs, name); at; at = sdp_attr_next(at, name)) {
        struct sv rest = at->value, word = sv_word(&rest);
        uint32_t n;

        if (!sv_u32(word, 127, &n) && n == pt)
            return sv_trim(rest);
    }
    return SV_NONE;
}

static bool read_map(struct sv map, struct codec *c)
{
    struct sv clock, channels;

    c->name = sv_cut(&map, '/');
    clock = sv_cut(&map, '/');
    channels = sv_trim(map);
    c->channels = 1;
    return c->name.n > 0 && c->name.n <= CODEC_NAME_MAX && !sv_u32(sv_trim(clock), 1000000, &c->clock) && c->clock > 0 &&
           (channels.n == 0 || !sv_u32(channels, 255, &c->channels));
}

static bool read_one(const struct sdp_media *m, uint8_t pt, struct codec *c)
{
    struct sv map = of_pt(m, "rtpmap", pt);

    memset(c, 0, sizeof *c);
    c->pt = pt;
    c->fmtp = of_pt(m, "fmtp", pt);
    if (c->fmtp.n > CODEC_FMTP_MAX)
        return false;
    if (map.n > 0)
        return read_map(map, c);
    for (unsigned i = 0; i < ARRAY_LEN(fixed); i++) {
        if (fixed[i].pt == pt) {
            c->name = sv_from(fixed[i].name);
            c->clock = 8000;
            c->channels = 1;
            return true;
        }
    }
    return false;
}

static unsigned read_feedback(const struct sdp_media *m, uint8_t pt)
{
    unsigned fb = 0;

    for (const struct sdp_attr *at = sdp_attr_find(m->attrs, "rtcp-fb"); at; at = sdp_attr_next(at, "rtcp-fb")) {
        struct sv rest = at->value, word = sv_word(&rest), type, parm;
        uint32_t n;

        if (!sv_is(word, "*") && (sv_u32(word, 127, &n) || n != pt))
            continue;
        type = sv_word(&rest);
        parm = sv_word(&rest);
        for (unsigned i = 0; i < ARRAY_LEN(feedback); i++) {
            if (sv_is(type, feedback[i].type) && sv_is(parm, feedback[i].parm))
                fb |= feedback[i].bit;
        }
    }
    return fb;
}

bool codec_is_aux(const struct codec *c)
{
    return sv_iis(c->name, "telephone-event") || sv_iis(c->name, "CN");
}

bool codec_is_media(const struct codec_list *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (!codec_is_aux(&l->c[i]))
            return true;
    }
    return false;
}

static bool may_pass(const struct codec *c, enum rtp_kind kind, const struct sdp_policy *p)
{
    if (kind == RTP_AUDIO && codec_is_aux(c))
        return true;
    for (unsigned i = 0; i < p->codecs[kind].n; i++) {
        if (sv_iis(c->name, p->codecs[kind].v[i]))
            return true;
    }
    return false;
}

void codec_read(const struct sdp_media *m, enum rtp_kind kind, const struct sdp_policy *p, struct codec_list *out)
{
    struct sv rest = m->fmts;
    uint64_t seen[2] = {0};

    out->n = 0;
    while (rest.n > 0 && out->n < CODEC_MAX) {
        struct sv word = sv_word(&rest);
        struct codec *c = &out->c[out->n];
        uint32_t pt;

        if (sv_u32(word, 127, &pt) || (seen[pt / 64] & (1ull << pt % 64)))
            continue;
        seen[pt / 64] |= 1ull << pt % 64;
        if (!read_one(m, (uint8_t)pt, c) || !may_pass(c, kind, p))
            continue;
        c->fb = read_feedback(m, c->pt);
        out->n++;
    }
}

/* --- agreeing --- */

static struct sv fmtp_parm(struct sv fmtp, const char *parm, const char *def)
{
    while (fmtp.n > 0) {
        struct sv one = sv_trim(sv_cut(&fmtp, ';')), name = sv_trim(sv_cut(&one, '='));

        if (sv_iis(name, parm))
            return sv_trim(one);
    }
    return sv_from(def);
}

static bool is_same(const struct codec *a, const struct codec *b)
{
    if (!sv_ieq(a->name, b->name) || a->clock != b->clock || a->channels != b->channels)
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(telling); i++) {
        if (sv_iis(a->name, telling[i].name) && !sv_eq(fmtp_parm(a->fmtp, telling[i].parm, telling[i].def),
                                                       fmtp_parm(b->fmtp, telling[i].parm, telling[i].def)))
            return false;
    }
    return true;
}

/* Of several that fit the one with the same number is meant. */
static const struct codec *find(const struct codec_list *l, const struct codec *c)
{
    const struct codec *found = NULL;

    for (unsigned i = 0; i < l->n; i++) {
        if (is_same(&l->c[i], c) && (!found || l->c[i].pt == c->pt))
            found = &l->c[i];
    }
    return found;
}

static void take(struct codec_list *mine, struct codec_list *theirs, const struct codec *m, const struct codec *t)
{
    struct codec *a = &mine->c[mine->n++], *b = &theirs->c[theirs->n++];

    *a = *m;
    *b = *t;
    a->fb = b->fb = m->fb & t->fb;
    a->fmtp = b->fmtp = t->fmtp.n > 0 ? t->fmtp : m->fmtp;
}

/* An answer that names a codec twice means one. */
static bool has_taken(const struct codec_list *mine, const struct codec *c)
{
    for (unsigned i = 0; i < mine->n; i++) {
        if (mine->c[i].pt == c->pt)
            return true;
    }
    return false;
}

static bool has_aux(const struct codec_list *l, const struct codec *c, uint32_t clock)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (sv_ieq(l->c[i].name, c->name) && l->c[i].clock == clock)
            return true;
    }
    return false;
}

void codec_agree(const struct codec_list *offered, const struct codec_list *answered, enum rtp_kind kind,
                 struct codec_list *mine, struct codec_list *theirs)
{
    const struct codec *talk = NULL, *m;

    mine->n = theirs->n = 0;
    for (unsigned i = 0; i < answered->n; i++) {
        const struct codec *t = &answered->c[i];

        if (codec_is_aux(t) || !(m = find(offered, t)) || (kind == RTP_AUDIO && talk) || has_taken(mine, m))
            continue;
        talk = m;
        take(mine, theirs, m, t);
    }
    for (unsigned i = 0; talk && kind == RTP_AUDIO && i < answered->n; i++) {
        const struct codec *t = &answered->c[i];

        if (!codec_is_aux(t) || !(m = find(offered, t)) || has_aux(mine, t, t->clock))
            continue;
        if (t->clock == talk->clock || (sv_iis(t->name, "telephone-event") && !has_aux(answered, t, talk->clock)))
            take(mine, theirs, m, t);
    }
}

bool codec_covers(const struct codec_list *offered, const struct codec_list *agreed)
{
    for (unsigned i = 0; i < agreed->n; i++) {
        const struct codec *c = find(offered, &agreed->c[i]);

        if (!c || c->pt != agreed->c[i].pt)
            return false;
    }
    return true;
}

/* --- writing --- */

struct sv codec_fmts(struct arena *a, const struct codec_list *l)
{
    char text[4 * CODEC_MAX + 1];
    struct buf b = buf_over(text, sizeof text);

    for (unsigned i = 0; i < l->n; i++)
        buf_printf(&b, "%s%u", i ? " " : "", l->c[i].pt);
    return arena_sv(a, l->n ? buf_sv(&b) : SV("0"));
}

static int write_one(struct arena *a, const struct codec *c, bool fb, struct sdp_attr **attrs)
{
    struct sv fmtp = c->fmtp;
    int err;

    if (c->channels > 1)
        err = sdp_attr_addf(a, attrs, "rtpmap", "%u %.*s/%u/%u", c->pt, SV_ARG(c->name), c->clock, c->channels);
    else
        err = sdp_attr_addf(a, attrs, "rtpmap", "%u %.*s/%u", c->pt, SV_ARG(c->name), c->clock);
    if (fmtp.n == 0 && sv_iis(c->name, "telephone-event"))
        fmtp = SV("0-15"); /* RFC 4733 2.4.1: what its absence means */
    if (!err && fmtp.n > 0)
        err = sdp_attr_addf(a, attrs, "fmtp", "%u %.*s", c->pt, SV_ARG(fmtp));
    for (unsigned i = 0; !err && fb && i < ARRAY_LEN(feedback); i++) {
        if (c->fb & feedback[i].bit)
            err = sdp_attr_addf(a, attrs, "rtcp-fb", "%u %s%s%s", c->pt, feedback[i].type, *feedback[i].parm ? " " : "",
                                feedback[i].parm);
    }
    return err;
}

int codec_write(struct arena *a, const struct codec_list *l, bool fb, struct sdp_attr **attrs)
{
    int err = 0;

    for (unsigned i = 0; !err && i < l->n; i++)
        err = write_one(a, &l->c[i], fb, attrs);
    return err;
}

unsigned codec_bandwidth(const struct codec_list *l)
{
    unsigned most = 0;

    for (unsigned i = 0; i < l->n; i++) {
        for (unsigned k = 0; k < ARRAY_LEN(rates); k++) {
            if (sv_iis(l->c[i].name, rates[k].name) && rates[k].as > most)
                most = rates[k].as;
        }
    }
    return most;
}

int codec_own(struct arena *a, struct codec_list *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        struct codec *c = &l->c[i];

        c->name = arena_sv(a, c->name);
        if (c->fmtp.p)
            c->fmtp = arena_sv(a, c->fmtp);
        if (!c->name.p)
            return -ENOMEM;
    }
    return 0;
}
