#include "tests/lab/wic_audio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agw/media/rtp.h"
#include "common/rnd.h"

#define SAMPLES 160 /* 20 ms, whatever the pace: pauses are gaps between talk spurts */

struct wic_audio {
    struct browser *browser;
    uv_timer_t timer;
    uint32_t ssrc, ts;
    uint16_t seq;
    struct wic_audio_counts counts;
};

/* 1000 Hz at 0 dBm0 in mu-law: the digital milliwatt (ITU-T G.711 table 6) */
static const uint8_t tone[8] = {0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e};

void wic_audio_offer(struct buf *out, const struct browser *b, const char *ip)
{
    buf_printf(out,
               "m=audio %u UDP/TLS/RTP/SAVPF 0\r\nc=IN %s %s\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"
               "a=candidate:1 1 udp 2122260223 %s %u typ host\r\n"
               "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:actpass\r\n"
               "a=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\n",
               browser_port(b), strchr(ip, ':') ? "IP6" : "IP4", ip, ip, browser_port(b), browser_ufrag(b), browser_pwd(b), browser_fingerprint(b));
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void on_pace(uv_timer_t *timer)
{
    struct wic_audio *a = timer->data;
    uint8_t p[RTP_HEADER + SAMPLES] = {0x80};

    rtp_set_seq(p, a->seq++);
    put32(p + 4, a->ts);
    put32(p + 8, a->ssrc);
    for (unsigned i = 0; i < SAMPLES; i++)
        p[RTP_HEADER + i] = tone[i % sizeof tone];
    a->ts += (uint32_t)uv_timer_get_repeat(timer) * 8;
    a->counts.sent += browser_rtp(a->browser, p, sizeof p) == 0;
}

int wic_audio_new(struct wic_audio **ap, uv_loop_t *loop, struct browser *b, unsigned rate)
{
    struct wic_audio *a = calloc(1, sizeof *a);
    const uint64_t pause = 1000 / (rate && rate <= 1000 ? rate : 50);

    if (!a)
        return -ENOMEM;
    a->browser = b;
    a->ssrc = rnd_u32();
    a->ts = rnd_u32();
    a->seq = (uint16_t)rnd_u32();
    uv_timer_init(loop, &a->timer);
    a->timer.data = a;
    uv_timer_start(&a->timer, on_pace, rnd_u32() % pause, pause); /* many WICs do not speak in one breath */
    *ap = a;
    return 0;
}

void wic_audio_hush(struct wic_audio *a)
{
    uv_timer_stop(&a->timer);
}

static void on_closed(uv_handle_t *timer)
{
    free(timer->data);
}

void wic_audio_free(struct wic_audio *a)
{
    if (a)
        uv_close((uv_handle_t *)&a->timer, on_closed);
}

static bool is_tone(const uint8_t *p, const struct rtp *r)
{
    bool same = r->pt == 0 && r->payload == SAMPLES;

    for (size_t i = 0; same && i < SAMPLES; i++)
        same = p[r->header + i] == tone[i % sizeof tone];
    return same;
}

bool wic_audio_input(struct wic_audio *a, const uint8_t *p, size_t n)
{
    struct rtp r;

    if (rtp_is_rtcp(p, n))
        return false;
    if (rtp_parse(&r, p, n) || !is_tone(p, &r)) {
        a->counts.wrong++;
        return false;
    }
    return ++a->counts.back == WIC_AUDIO_NEEDED;
}

struct wic_audio_counts wic_audio_counts(const struct wic_audio *a)
{
    return a ? a->counts : (struct wic_audio_counts){0};
}
