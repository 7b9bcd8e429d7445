/* One SIP message as a WebSocket carries it (RFC 7118 5: exactly one, Content-Length optional, Via WS or WSS), rewritten
 * for a stream transport and back. Pure; any thread. */
#pragma once

#include "common/buf.h"

struct frame_line { /* one header field, folded lines included */
    struct sv name, value, raw;
};

/* The next header field of *rest; false at the empty line (then *rest is the body) or at the end. */
bool frame_next(struct sv *rest, struct frame_line *line);
bool frame_is(const struct frame_line *line, const char *name, char compact); /* compact 0: the name has no short form */

struct frame_info {
    bool request;
    struct sv method;   /* request */
    char via[8];        /* transport token of the topmost Via as it came: "WSS" */
    const char *why;    /* what is wrong, for the log */
    int status;         /* what a request that is refused for it is answered */
};

/* From the browser: checks the outline, puts TCP into the topmost Via and a true Content-Length. 0, -EBADMSG (info->why),
 * -EMSGSIZE. The body is cut to Content-Length; a shorter body is an error (RFC 3261 18.3). */
int frame_in(struct sv msg, struct frame_info *info, struct buf *out);
/* To the browser: the transport token of the topmost Via becomes `token`, received= goes, and in our own requests the
 * port of the inner listener goes too. 0, -EBADMSG, -EMSGSIZE. */
int frame_out(struct sv msg, const char *token, struct buf *out);
/* The answer to a request that goes no further. -EBADMSG: it cannot be answered (a response, an ACK, no Via ...). */
int frame_reply(struct sv msg, int status, const char *reason, struct buf *out);
/* What is legal and yet beyond Sofia's parser, made readable in place before it sees the text, whose length stays: an escaped NUL
 * (RFC 3261 25.1 quoted-pair) becomes a blank, "+" and "`" in the name of a method are written in characters no method may have.
 * And a topmost Via that keeps Sofia from answering (RFC 4475 3.1.2.1, 3.1.2.16) loses what is wrong with it.
 * NULL, or what is wrong: the message is to be refused with 400. */
const char *frame_mend(char *text, size_t n);
void frame_unmend(char *method); /* as it came */
/* Length of the first complete message of a stream, 0 = more is needed, -EBADMSG. */
long frame_length(struct sv stream);
