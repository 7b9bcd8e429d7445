/* The lab's WIC: a user agent without a browser. SIP over WebSocket written by hand (so that nothing of alg's own SIP is
 * its own judge), the transport of tests/fake/browser, MSRP on channel 0 (RFC 8873). One libuv loop. */
#pragma once

#include <uv.h>

#include "common/net.h"
#include "tests/fake/wsc.h"
#include "tests/lab/wic_audio.h"

enum wic_event { WIC_REGISTERED, WIC_RINGING, WIC_ESTABLISHED, WIC_CHANNEL_UP, WIC_MESSAGE, WIC_ENDED, WIC_FAILED,
                 WIC_NEWS /* of the transport: "channel reset 5", "SCTP lost" */ };

struct wic;

struct wic_conf {
    uv_loop_t *loop;
    struct wsc_lib *ws;
    const char *url, *origin;         /* WebSocket of alg */
    const char *user, *domain, *password;
    const char *media_ip;             /* where our candidates are */
    unsigned audio;                   /* packets a second of a tone instead of a data channel; 0: a data channel */
    int linger_ms;                    /* how long the transport's end is waited for when the other side hung up */
    bool tcp;                         /* over ICE-TCP, to the last TCP candidate of the answer */
    void (*event)(void *arg, struct wic *w, enum wic_event ev, struct sv text);
    void *arg;
};

int wic_new(struct wic **wp, const struct wic_conf *conf); /* connects and registers */
int wic_call(struct wic *w, const char *callee);           /* "sip:echo@home.example.net" */
int wic_send_text(struct wic *w, const char *text);        /* an MSRP message on the channel */
/* An application/octet-stream of this size in chunks; WIC_MESSAGE when its echo is here and equal; if not, the
 * call ends without one. */
int wic_send_file(struct wic *w, size_t size);
void wic_hangup(struct wic *w);
bool wic_hush(struct wic *w); /* says no more; true: and all of its echo is here */
struct wic_audio_counts wic_audio_of(const struct wic *w); /* of all its calls */
void wic_vanish(struct wic *w);                            /* the WebSocket and the media just stop */
/* Malformed input on the transport (wic_throw.c): "KIND SID HEX" with KIND dcep (a message of PPID 50 on stream SID), record
 * (instead of an SCTP packet), datagram (instead of a DTLS record), sctp (chunks behind a good header) or badsum, badtag,
 * badport (behind a bad one). */
int wic_throw(struct wic *w, const char *what);
struct browser *wic_browser(struct wic *w);                /* NULL: no call */
void wic_free(struct wic *w);                              /* after WIC_ENDED, WIC_FAILED or wic_vanish, or any time */
