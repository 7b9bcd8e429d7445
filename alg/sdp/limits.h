/* Bounds of a session description that alg handles. One table for the folder. */
#pragma once

#define SDP_BODY_MAX 16384   /* bytes of one body; more: 413 */
#define SDP_LINES_MAX 16     /* m= lines; more: 488 (sip-sdp 3.3) */
#define SDP_ARENA_MAX 524288 /* memory of one offer/answer exchange: both bodies, both models */
#define DC_CHAN_MAX 16       /* MSRP channels of a call; more are refused by leaving them out */
#define DC_ATTR_MAX 32       /* attributes of one channel; more: the channel is refused */
#define DC_LABEL_MAX 255     /* bytes of a label; longer: the channel is refused */
#define WEB_CAND_MAX 50      /* candidates handed to the gateway; more are ignored (sip-sdp 3.5) */
#define WEB_FP_MAX 8         /* fingerprints of one line; more are ignored */
#define RTP_LINE_MAX 8       /* audio and video lines of a call; more are refused in place */
#define MSRP_LINE_MAX 4      /* m=message lines of a WIC over ICE-TCP; more are refused in place */
#define CODEC_MAX 24         /* codecs kept of one line; more are left out */
#define CODEC_NAME_MAX 40    /* bytes of an encoding name; longer: the codec is left out */
#define CODEC_FMTP_MAX 1024  /* bytes of its parameters; longer: the codec is left out */
#define WEB_SSRC_MAX 4       /* a=ssrc of a bundled line handed to the gateway */
