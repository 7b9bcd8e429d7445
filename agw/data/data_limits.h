/* Bounds of everything that comes from a browser's channel or from a TCP peer, in one place. Beyond a bound the message is
 * refused as malformed; none is a protocol constant unless it says so. */
#pragma once

#define MSRP_TID_MIN 4        /* RFC 4975 9: ident = ALPHANUM 3*31ident-char */
#define MSRP_TID_MAX 32
#define MSRP_LINE_MAX 4096    /* one header line; holds a path of several URIs */
#define MSRP_HEAD_MAX 16384   /* start line and headers */
#define MSRP_HEADERS_MAX 64
#define MSRP_TRACE_MAX 4096   /* octets of a chunk that go into the trace */

#define RELAY_CHUNK_MAX 262144 /* a chunk up to here is one user message; a larger one is cut while it arrives */
#define RELAY_AHEAD 65536      /* octets behind the current chunk that may be read already */
#define RELAY_SPLITS_MAX 64    /* cut chunks that wait for the answers of their pieces; the oldest is forgotten */

#define PASS_MAX 65536 /* octets of one direction between two byte streams: a head (MSRP_HEAD_MAX) and a part of its body */

#define RELAY_REPLIES_MAX 16   /* answers of our own that wait for the browser to take them; more bad messages get none */

#define PIPE_LOG_MS 250        /* between two lines about UEs that send no MSRP */

#define DCEP_LABEL_MAX 1024
#define DCEP_PROTO_MAX 256

#define CHANS_MAX 1024         /* channels of one association */
#define TCP_REOPEN_TRIES 5     /* a lost connection of ours is opened again so often ... */
#define TCP_REOPEN_MS 250      /* ... after this, then twice as long and so on: 8 s in all */
#define TCP_STARVED_MS 200     /* a listener without descriptors rests */
#define TCP_REFUSED_LOG_MS 100 /* between two lines about strangers */
#define TCP_BACKLOG_ROUND 16   /* connections refused in one wake-up of a listener */
