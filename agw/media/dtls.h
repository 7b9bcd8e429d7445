/* DTLS 1.2 (RFC 6347) over somebody else's datagrams, either role; the peer is known by its certificate's fingerprint
 * alone (RFC 8122, RFC 8842). Sans-IO: datagrams in, datagrams appended to a struct tx (addresses are the caller's), time
 * injected for the deadline of the whole handshake. Retransmission times are OpenSSL's own clock, handed out as a
 * deadline: OpenSSL 3.0 offers no other. Owner: struct sep. Thread: that of its struct dtls_ctx. */
#pragma once

#include "agw/media/srtp.h"
#include "agw/media/udp.h"
#include "common/buf.h"

/* Certificate, key and policy, one per thread. A new certificate is a new context: connections keep the one that they were
 * made with, and its owner may free it meanwhile. */
struct dtls_ctx;
int dtls_ctx_new(struct dtls_ctx **ctxp, const uint8_t *cert_der, size_t cert_len, const uint8_t *key_der,
                 size_t key_len);
struct dtls_ctx *dtls_ctx_ref(struct dtls_ctx *ctx); /* one more owner: an endpoint that told this certificate's fingerprint */
void dtls_ctx_free(struct dtls_ctx *ctx);            /* by each owner; NULL is fine */

struct dtls;

enum dtls_state {
    DTLS_HANDSHAKE,
    DTLS_HELD,   /* handshake done, fingerprint not known: nothing that was received may be believed (RFC 8842 6) */
    DTLS_UP,
    DTLS_CLOSED, /* the peer's close_notify */
    DTLS_FAILED, /* see dtls_why */
};

int dtls_new(struct dtls **dp, struct dtls_ctx *ctx, bool client, msec_t timeout, msec_t now);
/* Before the handshake: without a common SRTP profile it fails ("no common SRTP profile", the peer gets the alert
 * handshake_failure, RFC 5764 4.1). use_srtp is offered and accepted in any case, so that media may join data later. */
void dtls_want_srtp(struct dtls *d);
/* Server, before the first input: the flight leaves only after the client has shown that it receives at its address (RFC 6347
 * 4.2.1, HelloVerifyRequest); until then no answer is longer than what came. 0, -EIO. */
int dtls_ask_cookie(struct dtls *d);
void dtls_free(struct dtls *d);
bool dtls_is_client(const struct dtls *d);
enum dtls_state dtls_state(const struct dtls *d);
const char *dtls_why(const struct dtls *d); /* why it failed, fit for an event: "fingerprint mismatch" */

/* What Remote says of the peer's certificate; hash "sha-256", "sha-384" or "sha-512" in any case. Before the end of the
 * handshake it is remembered, after it checked at once. 0, -EACCES (mismatch or a hash that we do not take: FAILED). */
int dtls_expect(struct dtls *d, const char *hash, const uint8_t *fp, unsigned n, struct tx *tx);
void dtls_start(struct dtls *d, struct tx *tx); /* client: send ClientHello */
void dtls_input(struct dtls *d, const void *p, size_t n, struct tx *tx);
/* After each dtls_input, until it returns 0: one application record. Also drives what OpenSSL does after the handshake. */
size_t dtls_read(struct dtls *d, void *p, size_t size, struct tx *tx);
int dtls_write(struct dtls *d, const void *p, size_t n, struct tx *tx); /* one record; -ENOTCONN, -EMSGSIZE, -EPROTO */
void dtls_close(struct dtls *d, struct tx *tx); /* close_notify */
/* The keys of SRTP (RFC 5764 4.2): ours seals, theirs opens. 0, -ENOTCONN (not UP: nothing is believed before the fingerprint),
 * -ENOENT (use_srtp was not agreed), -EPROTO. Wipe the copies. */
int dtls_srtp(const struct dtls *d, struct srtp_key *ours, struct srtp_key *theirs);
msec_t dtls_deadline(const struct dtls *d, msec_t now);
void dtls_tick(struct dtls *d, msec_t now, struct tx *tx);
/* For connections made from now on: octets of a handshake datagram (256 or more), first retransmission. Defaults:
 * MEDIA_DTLS_MTU, MEDIA_DTLS_RTO_MS. */
void dtls_ctx_set_link(struct dtls_ctx *ctx, unsigned mtu, unsigned rto_ms);
