/* The audio of a WIC's call: a tone as G.711 over SRTP, and its echo counted. One libuv loop. */
#pragma once

#include "common/buf.h"
#include "tests/fake/browser.h"

#define WIC_AUDIO_NEEDED 10 /* packets of the echo that show that both directions flow */

struct wic_audio;

struct wic_audio_counts {
    unsigned long sent, back, wrong; /* wrong: RTP that is not the tone */
};

/* m=audio of an offer; ours are ICE and DTLS of this browser on this address. */
void wic_audio_offer(struct buf *out, const struct browser *b, const char *ip);
/* Speaks from now on, so many packets a second: the browser must have its keys. */
int wic_audio_new(struct wic_audio **ap, uv_loop_t *loop, struct browser *b, unsigned rate);
void wic_audio_hush(struct wic_audio *a); /* says no more */
void wic_audio_free(struct wic_audio *a); /* before its browser */
bool wic_audio_input(struct wic_audio *a, const uint8_t *p, size_t n); /* true once: enough of the echo has come */
struct wic_audio_counts wic_audio_counts(const struct wic_audio *a);   /* NULL: none */
