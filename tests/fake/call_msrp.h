/* Bodies of calls with a data channel and MSRP (sip-sdp 3.10 C). */
#pragma once

#define FP "4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC"
#define WIC_HEAD(setup) \
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n" \
    "m=application 54111 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n" \
    "a=candidate:2 1 udp 1686052607 203.0.113.7 54111 typ srflx raddr 0.0.0.0 rport 0\r\n" \
    "a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlZw\r\na=fingerprint:sha-256 " FP "\r\n" \
    "a=tls-id:4a756565cddef001be82\r\na=setup:" setup "\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"
#define WIC_CHAN(id, setup) \
    "a=dcmap:" id " label=\"chat\";subprotocol=\"MSRP\";ordered=true\r\na=dcsa:" id " setup:" setup "\r\n" \
    "a=dcsa:" id " accept-types:message/cpim text/plain\r\na=dcsa:" id " accept-wrapped-types:*\r\n" \
    "a=dcsa:" id " path:msrps://b7xk.invalid:9/si438dsaodes" id ";dc\r\n"
#define CORE_HEAD "v=0\r\no=- 9 1 IN IP4 10.20.0.99\r\ns=-\r\nc=IN IP4 10.20.0.99\r\nt=0 0\r\n"
#define CORE_LINE(port, setup) \
    "m=message " port " TCP/MSRP *\r\na=setup:" setup "\r\na=msrp-cema\r\na=accept-types:message/cpim text/plain\r\n" \
    "a=path:msrp://10.20.0.99:" port "/jshA7we;tcp\r\n"

/* The line of an IMS UE (TS 33.203 W.3.3). */
#define UE_MSRP(ufrag, id, more) \
    "m=message 9 TCP/MSRP *\r\nc=IN IP4 203.0.113.7\r\na=candidate:5 1 TCP 1518280447 203.0.113.7 9 typ host tcptype active\r\n" \
    "a=ice-ufrag:" ufrag "\r\na=ice-pwd:" ufrag "0123456789abcdefghijkl\r\na=setup:active\r\na=msrp-cema\r\n" \
    "a=accept-types:text/plain\r\na=max-size:4096\r\n" more "a=path:msrp://203.0.113.7:9/" id ";tcp\r\n"
#define UE_HEAD "v=0\r\no=- 7 1 IN IP4 203.0.113.7\r\ns=-\r\nt=0 0\r\n"

static const char wic_offer[] = WIC_HEAD("actpass") WIC_CHAN("0", "actpass");
static const char wic_answer[] = WIC_HEAD("active") WIC_CHAN("0", "active");
static const char core_answer[] = CORE_HEAD CORE_LINE("49200", "active");
static const char core_offer[] = CORE_HEAD CORE_LINE("49200", "actpass");
