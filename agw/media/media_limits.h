/* Every bound of the media path, in one place. */
#pragma once

#define MEDIA_RX_BATCH 32      /* datagrams taken from one socket per wake-up */
#define MEDIA_RX_SIZE 2048     /* longest datagram taken; longer ones are dropped as junk */
#define MEDIA_TX_BATCH 64      /* datagrams collected before one sendmmsg */
#define MEDIA_TX_ROOM 16       /* slots that one input may fill: a DTLS flight is at most 5 datagrams */
#define MEDIA_TX_SIZE 1500     /* longest datagram sent */
#define MEDIA_EPOLL_BATCH 64   /* sockets served per wake-up */
#define MEDIA_INBOX_LIMIT 8192 /* records waiting for a worker; more are refused (SCTP sees loss) */
#define MEDIA_SOCKBUF (1 << 20) /* asked of the kernel for each socket; it may give less */

#define MEDIA_STUN_MAX 1280    /* longest STUN message parsed */
#define MEDIA_STUN_REPLY 548   /* longest STUN message sent (RFC 8489 6.1) */
#define MEDIA_STUN_UNKNOWN 8   /* unknown attributes named in a 420 */

#define MEDIA_ICE_VALID 16     /* addresses with a passed check remembered per stream */

#define MEDIA_DTLS_MTU 1200    /* UDP payload of a handshake datagram */
#define MEDIA_DTLS_CERTS 8192  /* octets of a peer's Certificate message */
#define MEDIA_DTLS_RTO_MS 200  /* first retransmission; doubles (RFC 6347 4.2.4.1 asks 1 s, WebRTC uses 50 ms) */
#define MEDIA_DTLS_RTO_MAX_MS 4000
#define MEDIA_HOLD_RECORDS 16  /* records kept while the peer's fingerprint is not yet known */
#define MEDIA_RECORD_MAX 2048  /* longest application record */

#define MEDIA_SRTP_SSRC 64     /* SSRCs under one SRTP key: 64 octets each; a browser uses two for each video added */
