/* Every bound of the media path, in one place. */
#pragma once

#define MEDIA_RX_BATCH 64      /* datagrams taken by one system call */
#define MEDIA_RX_ROUNDS 4      /* such calls for a shared socket per wake-up; one for any other */
#define MEDIA_RX_SLOTS 256     /* datagrams in memory before what they caused is sent */
#define MEDIA_RX_SIZE 2048     /* longest datagram taken; longer ones are dropped as junk */
#define MEDIA_WARM 16          /* packets whose memory is fetched at the same time, before the first is looked at */
#define MEDIA_TX_BATCH 64      /* datagrams collected before one sendmmsg */
#define MEDIA_TX_ROOM 16       /* slots that one input may fill: a DTLS flight is at most 5 datagrams */
#define MEDIA_TX_SIZE 1500     /* longest datagram sent */
#define MEDIA_EPOLL_BATCH 256  /* sockets served per wake-up */
#define MEDIA_INBOX_LIMIT 8192 /* records waiting for a worker; more are refused (SCTP sees loss) */
#define MEDIA_SOCKBUF (1 << 20) /* asked of the kernel for each socket; it may give less */
#define MEDIA_SOCKBUF_SHARED (8 << 20) /* the same for one that many streams share: 100 ms of 10000 streams */
#define MEDIA_RING (8u << 20)  /* octets of the ring, a power of two: 60 ms of 10000 streams; what is more is lost */
#define MEDIA_RING_TURN (MEDIA_RING / 4 * 3) /* octets taken, or all there are, until each socket has its share anew: more than
                                  the largest share, so no socket alone can fill the ring */
#define MEDIA_RING_PORT (MEDIA_RING / 16)  /* share of a stream's own port: 2000 short packets, 340 long ones */
#define MEDIA_RING_SHARED (MEDIA_RING / 2) /* of one that many streams share: the other half is the core's */
#define MEDIA_RING_SLOTS 8192  /* sockets with a share each, a power of two; of more, some have theirs in common */
#define MEDIA_RING_DEAF 64     /* records, a power of two, after which who was told to wake up and has not is told again */
#define MEDIA_RING_ROUNDS 8    /* bunches from the ring until sockets, timer and inbox are looked at again */
#define MEDIA_RING_IDLE 64     /* ... and after which a worker sleeps that waits for a record which another CPU does not finish */
#define MEDIA_SHARED 32        /* shared sockets of a worker: realms times address families */
#define MEDIA_PEER_HOLD_MS 10000 /* an address stays with the stream whose check it passed so long ago at most, whoever else
                                  passes one from there: browsers repeat theirs every 2.5 to 6 s (RFC 7675 5.1) */
#define MEDIA_FLOW_LOOK_MS 500 /* so often a flow is asked what is due */
#define MEDIA_LOOK_TICK_MS 20  /* ... with the others that are due by then */
#define MEDIA_CHORES 4         /* endpoints or flows whose time has come, then packets that wait */
#define MEDIA_BUNCH_PPS 4000   /* datagrams/s from which on a worker lets some gather before it takes them */
#define MEDIA_BUNCH 32         /* so many at most: at a high rate it waits shorter */
#define MEDIA_FLOW_NEWS 8      /* answers taken of one asking */

#define MEDIA_LOG_MS 250       /* between two lines about input of a stream that is not answered */

#define MEDIA_STUN_MAX 1280    /* longest STUN message parsed */
#define MEDIA_STUN_REPLY 548   /* longest STUN message sent (RFC 8489 6.1) */
#define MEDIA_STUN_UNKNOWN 8   /* unknown attributes named in a 420 */

#define MEDIA_ICE_VALID 16     /* addresses with a passed check remembered per stream */
#define MEDIA_ICE_PAST 2       /* credentials before the current ones that count until a restart is complete */
#define MEDIA_ICE_PAIRS 64     /* check list: BUS_ICE_CANDS signalled candidates and some that the checks themselves show */
#define MEDIA_ICE_TA_MS 50     /* RFC 8445 14.2: between two new checks */
#define MEDIA_ICE_RTO_MS 500   /* 14.3: first retransmission at least; doubles */
#define MEDIA_ICE_RC 7         /* RFC 8489 6.2.1: requests of a transaction ... */
#define MEDIA_ICE_RM 16        /* ... and how many RTO the last one is waited for */
#define MEDIA_ICE_BURST 8      /* requests sent at one time */
#define MEDIA_ICE_NOMINATE_MS 200 /* controlling: so long a better pair than the best valid one is waited for */
#define MEDIA_ICE_PATIENCE_MS 39500 /* RFC 8863 4: no failure before, the peer's checks may still come */
#define MEDIA_ICE_PRFLX_PRIORITY ((110u << 24) | (65535u << 8) | 255u) /* RFC 8445 5.1.2.1 */
#define MEDIA_ICE_HOST_PRIORITY ((126u << 24) | (65535u << 8) | 255u)
#define MEDIA_ICE_KEEP_MS 15000 /* RFC 8445 11: Tr */
#define MEDIA_CONSENT_MS 5000   /* RFC 7675 5.1 */
#define MEDIA_CONSENT_EXPIRY_MS 30000

#define MEDIA_DTLS_MTU 1200    /* UDP payload of a handshake datagram */
#define MEDIA_DTLS_CERTS 8192  /* octets of a peer's Certificate message */
#define MEDIA_DTLS_RTO_MS 200  /* first retransmission; doubles (RFC 6347 4.2.4.1 asks 1 s, WebRTC uses 50 ms) */
#define MEDIA_DTLS_RTO_MAX_MS 4000
#define MEDIA_HOLD_RECORDS 16  /* records kept while the peer's fingerprint is not yet known */
#define MEDIA_RECORD_MAX 2048  /* longest application record */

#define MEDIA_SRTP_SSRC 64     /* SSRCs under one SRTP key: 64 octets each; a browser uses two for each video added */

#define MEDIA_SEP_FLOWS 16     /* streams bundled on one endpoint */
#define MEDIA_SEP_SSRC 32      /* SSRCs of a bundle whose stream is remembered; the oldest is forgotten */
#define MEDIA_FLOW_SSRC 8      /* senders of a stream with statistics; the one silent for longest is forgotten */
#define MEDIA_FLOW_SENT 4      /* SSRCs that a BYE of ours names */
#define MEDIA_NEWS 8           /* SSRCs that a stream may bring at once when they are sealed; the second half only when they sent
                                  packets in order: whoever spoofs a plain source must not use up MEDIA_SRTP_SSRC */
#define MEDIA_NEWS_MS 30000    /* and one more each 30 s */
#define MEDIA_FLOW_SPEAKERS 4  /* of these, senders of RTCP alone that are remembered */
#define MEDIA_SRTP_USED 32     /* SDES keys of a stream that others have replaced: more rekeying is refused */
#define MEDIA_SRTP_OLD_MS 1000 /* keys before the last ones still open what was under way */
#define MEDIA_RELATCH_MS 10000 /* so long another address may take over after ipnapt/latch RELATCH while the old one goes on */
#define MEDIA_RTCP_MS 5000     /* RFC 3550 6.2: between reports */
#define MEDIA_RTCP_SILENT 3    /* intervals without RTCP of the other side until we report ourselves */

#define MEDIA_LEG_READ 32768   /* octets taken of a TCP connection by one system call */
#define MEDIA_LEG_QUEUE 131072 /* octets that wait for a slow one: the oldest RTP goes first, then the connection */
#define MEDIA_LEG_UNSENT 16384 /* octets that wait in the kernel besides (TCP_NOTSENT_LOWAT) */
#define MEDIA_LEG_LATE_MS 1000 /* RTP that waits so long goes when more comes */
#define MEDIA_LEG_STALL_MS 10000 /* so long nothing of the queue leaves: closed */
#define MEDIA_PIPE_STALL_MS 30000 /* the same for MSRP, whose sender waits so long for an answer (RFC 4975 7.1.1) */
#define MEDIA_PIPE_LEAST 4096  /* octets that are worth a read: more than a frame of STUN that is not all there */
#define MEDIA_LEG_CHECK_MS 5000 /* from accept to the first check that passes */
#define MEDIA_LEG_IDLE_MS 60000 /* neither nominated nor checked any more for so long: browsers check spare pairs every 25 s */
#define MEDIA_LEGS 8           /* connections of one stream endpoint at a time; one more is refused */
#define MEDIA_DOOR_LISTENERS 64 /* of all realms: ports times address families */
#define MEDIA_DOOR_BACKLOG 1024
#define MEDIA_DOOR_ACCEPTS 64  /* connections accepted by a listener per wake-up */
#define MEDIA_DOOR_WAITING 4096 /* connections that have not said whose they are; one more: the oldest is closed */
#define MEDIA_DOOR_EMPTY 16    /* empty frames before the first one */
#define MEDIA_DOOR_REST_MS 200 /* without descriptors a listener rests: the connection stays in the backlog */
#define MEDIA_DOOR_HTTP 256    /* HTTP connections that are being answered or handed on */
#define MEDIA_DOOR_HTTP_BUF 16384 /* octets on their way, each direction */
#define MEDIA_DOOR_HTTP_ROUNDS 4 /* such portions moved per wake-up */
#define MEDIA_DOOR_HTTP_IDLE_MS 60000
#define MEDIA_DOOR_LINGER_MS 1000 /* after the 400, until its reader has closed */
