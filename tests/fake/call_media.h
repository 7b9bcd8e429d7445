/* Bodies with audio and video (sip-sdp 3.10 A and B). */
#pragma once

#define MEDIA_FP "4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC:4F:EC"
#define W2_HEAD "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define W2_ICE "a=ice-ufrag:Tw7h\r\na=ice-pwd:6XOVUD6HpcB4c1M8EB8jXJE9\r\n"
#define W2_SEC(setup) "a=fingerprint:sha-256 " MEDIA_FP "\r\na=setup:" setup "\r\n"
#define W2_AUDIO(port, pts, setup, dir) \
    "m=audio " port " UDP/TLS/RTP/SAVPF " pts "\r\nc=IN IP4 203.0.113.7\r\na=rtcp:9 IN IP4 0.0.0.0\r\n" \
    "a=candidate:1 1 udp 2122260223 4a1b2c3d-1111-4222-8333-444455556666.local 54400 typ host generation 0\r\n" \
    "a=candidate:2 1 udp 1686052607 203.0.113.7 54400 typ srflx raddr 0.0.0.0 rport 0 generation 0\r\n" \
    "a=candidate:3 1 tcp 1518280447 4a1b2c3d-1111-4222-8333-444455556666.local 9 typ host tcptype active\r\n" \
    W2_ICE "a=ice-options:trickle\r\n" W2_SEC(setup) \
    "a=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" \
    "a=" dir "\r\na=msid:s1 a1\r\na=rtcp-mux\r\na=rtcp-rsize\r\n" \
    "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n" \
    "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n" \
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:110 telephone-event/48000\r\n" \
    "a=rtpmap:126 telephone-event/8000\r\na=ssrc:3735928559 cname:k2j4\r\n"
#define W2_VIDEO_LINES \
    "a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 nack pli\r\n" \
    "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:102 H264/90000\r\n" \
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\na=rtcp-fb:102 nack\r\n" \
    "a=rtcp-fb:102 nack pli\r\na=rtcp-fb:102 ccm fir\r\na=rtcp-fb:102 transport-cc\r\n"
#define W2_VIDEO(pts, setup) \
    "m=video 54402 UDP/TLS/RTP/SAVPF " pts "\r\nc=IN IP4 203.0.113.7\r\n" \
    "a=candidate:2 1 udp 1686052607 203.0.113.7 54402 typ srflx raddr 0.0.0.0 rport 0\r\n" W2_ICE W2_SEC(setup) "a=mid:1\r\n" \
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" W2_VIDEO_LINES
#define W2_GROUP "a=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS s1\r\n"

#define A1 W2_HEAD W2_GROUP W2_AUDIO("54400", "111 63 0 8 110 126", "actpass", "sendrecv") W2_VIDEO("96 97 102", "actpass")
#define AUDIO_ONLY(dir) W2_HEAD "a=group:BUNDLE 0\r\n" W2_AUDIO("54400", "111 63 0 8 110 126", "actpass", dir)

#define MW_HEAD "v=0\r\no=ue 5 5 IN IP4 10.20.0.99\r\ns=-\r\nc=IN IP4 10.20.0.99\r\nt=0 0\r\n"
#define MW_AUDIO(port, dir) \
    "m=audio " port " RTP/AVP 0 126\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:126 telephone-event/8000\r\na=fmtp:126 0-15\r\na=ptime:20\r\n" \
    "a=" dir "\r\n"
#define MW_VIDEO(port) \
    "m=video " port " RTP/AVPF 102\r\na=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\n" \
    "a=rtcp-fb:102 nack pli\r\n"
#define A3 MW_HEAD MW_AUDIO("49170", "sendrecv") MW_VIDEO("49180")

#define B1 \
    MW_HEAD "m=audio 49170 RTP/AVP 96 97 8 98\r\nb=AS:49\r\na=rtpmap:96 EVS/16000\r\na=rtpmap:97 AMR-WB/16000\r\n" \
    "a=fmtp:97 mode-change-capability=2\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:98 telephone-event/16000\r\n" \
    "a=curr:qos local none\r\na=des:qos mandatory local sendrecv\r\n"
#define B3(setup) \
    W2_HEAD "m=audio 54500 UDP/TLS/RTP/SAVPF 8 98\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE W2_SEC(setup) \
    "a=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:98 telephone-event/16000\r\n"

/* A browser's data channel line beside others (its own transport, or the bundle's) */
#define W2_DC(mid, setup) \
    "m=application 54404 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE W2_SEC(setup) \
    "a=mid:" mid "\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n" \
    "a=dcmap:0 subprotocol=\"MSRP\"\r\na=dcsa:0 setup:actpass\r\na=dcsa:0 path:msrps://b7xk.invalid:9/x;dc\r\n"
#define MW_MSRP(port, setup) \
    "m=message " port " TCP/MSRP *\r\na=setup:" setup "\r\na=msrp-cema\r\na=path:msrp://10.20.0.99:" port "/jshA7we;tcp\r\n"
#define W2_ANSWER(pts, dir) \
    W2_HEAD "m=audio 54500 UDP/TLS/RTP/SAVPF " pts "\r\nc=IN IP4 203.0.113.7\r\n" W2_ICE W2_SEC("passive") \
    "a=mid:0\r\na=" dir "\r\na=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:126 telephone-event/8000\r\n"

/* max-bundle: one transport, the others are bundle-only */
#define W2_MAX_BUNDLE \
    W2_HEAD "a=group:BUNDLE 0 1 2\r\n" W2_AUDIO("54400", "111 0 126", "actpass", "sendrecv") \
    "m=video 0 UDP/TLS/RTP/SAVPF 96 97 102\r\nc=IN IP4 0.0.0.0\r\na=bundle-only\r\na=mid:1\r\n" \
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=ssrc:77 cname:k2j4\r\n" W2_VIDEO_LINES \
    "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=bundle-only\r\na=mid:2\r\na=sctp-port:5000\r\n" \
    "a=max-message-size:262144\r\na=dcmap:0 subprotocol=\"MSRP\"\r\na=dcsa:0 setup:actpass\r\n" \
    "a=dcsa:0 path:msrps://b7xk.invalid:9/x;dc\r\n"
