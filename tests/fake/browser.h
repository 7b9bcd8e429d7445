/* The browser's side of a transport, in C: a full-ICE agent (controlling, checks with USE-CANDIDATE), DTLS in either role,
 * SCTP with negotiated channels, SRTP. For charts, the lab, benches and unit tests; real browsers are in tests/e2e.
 * Runs on a libuv loop. Only one process-wide usrsctp instance exists: at most one loop per process uses this. */
#pragma once

#include <uv.h>

#include "agw/media/srtp.h"
#include "common/net.h"
#include "common/sv.h"
#include "tests/fake/turnc.h"

struct browser;

enum browser_event { BROWSER_ICE_UP, BROWSER_DTLS_HELLO_SEEN, BROWSER_DTLS_UP, BROWSER_DTLS_FAILED, BROWSER_SCTP_UP,
                     BROWSER_CHAN_RESET, BROWSER_CLOSED };

struct browser_h {
    void (*event)(void *arg, enum browser_event ev, const char *text);
    void (*message)(void *arg, uint16_t sid, bool binary, const void *p, size_t n);
    void (*writable)(void *arg); /* after -EAGAIN; may be NULL */
    void (*rtp)(void *arg, const uint8_t *p, size_t n); /* RTP and RTCP that could be opened; may be NULL */
    void *arg;
};

int browser_new(struct browser **bp, uv_loop_t *loop, const char *local_ip, const struct browser_h *h);
void browser_free(struct browser *b);
/* What goes into our SDP: filled at browser_new. */
const char *browser_ufrag(const struct browser *b);
const char *browser_pwd(const struct browser *b);
const char *browser_fingerprint(const struct browser *b); /* "AA:BB:..." sha-256 */
uint16_t browser_port(const struct browser *b);
/* The peer's values; starts the checks. dtls_client: our role. fingerprint: "sha-256 AA:BB.." ; sctp ports, 0: no
 * data channels. */
int browser_start(struct browser *b, const struct addr *remote, const char *ufrag, const char *pwd, const char *fingerprint,
                  bool dtls_client, uint16_t sctp_local, uint16_t sctp_remote);
/* Before browser_start: what ICE agent the peer is, RFC 8445 6.1.1; without it lite. A full one has to check us, too, and to nominate
 * when it controls, or there is no BROWSER_ICE_UP. */
enum browser_peer { BROWSER_PEER_LITE, BROWSER_PEER_CONTROLLED, BROWSER_PEER_CONTROLLING };
void browser_meet(struct browser *b, enum browser_peer peer);
/* Before browser_start: over a TCP connection to there instead of datagrams (RFC 6544, active). 0, -errno. */
int browser_dial(struct browser *b, const struct addr *remote);
/* Before browser_start: by the allocation of this client, which must outlive the browser. 0, -errno. */
int browser_relay(struct browser *b, struct turnc *client);
/* Other ICE credentials (RFC 8445 9): the checks begin with the next browser_start, DTLS goes on. */
void browser_restart(struct browser *b, const char *ufrag, const char *pwd);
void browser_share(struct browser *b, const struct browser *of); /* not started yet: the certificate of another */
/* The same without ICE and DTLS: SRTP with the keys of a=crypto (RFC 4568). */
int browser_start_sdes(struct browser *b, const struct addr *remote, const struct srtp_key *send, const struct srtp_key *recv);
/* One plain RTP or RTCP packet, sealed and sent: -ENOTCONN before there are keys. */
int browser_rtp(struct browser *b, const void *p, size_t n);
int browser_send(struct browser *b, uint16_t sid, bool binary, const void *p, size_t n); /* -EAGAIN: wait for writable */
int browser_reset(struct browser *b, uint16_t sid); /* reset our outgoing stream */
/* Takes what has arrived already, and waits up to ms for the peer to close what is not closed. Not from a callback of ours; NULL
 * is fine. */
void browser_catch_up(struct browser *b, int ms);
/* Faults for tests. */
void browser_break_fingerprint(struct browser *b); /* present another certificate than browser_fingerprint says */
void browser_mute(struct browser *b, bool mute);   /* vanish: send nothing, take nothing */
int browser_send_as(struct browser *b, uint16_t sid, uint32_t ppid, const void *p, size_t n); /* a user message of any kind */
int browser_record(struct browser *b, const void *p, size_t n);   /* these octets where an SCTP packet should be */
int browser_datagram(struct browser *b, const void *p, size_t n); /* these octets on the wire, from our address */
/* Ports and verification tag that our packets carry now, for one who makes packets by hand. */
#define BROWSER_SCTP_HEAD 8
const uint8_t *browser_sctp_head(const struct browser *b);
