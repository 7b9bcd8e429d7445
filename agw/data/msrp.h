/* MSRP framing (RFC 4975 9): where a chunk ends, and what its head says. Sans-IO, no allocation; views point into the
 * caller's bytes. Bodies are never looked into but for the end line, which is found by its transaction id, never by a
 * length. Limits: data_limits.h. */
#pragma once

#include "common/buf.h"

#define MSRP_ANY UINT64_MAX /* "*" in a Byte-Range */

enum msrp_state { MSRP_START, MSRP_HEADERS, MSRP_BODY, MSRP_DONE };

/* Incremental: call with the same chunk from its first octet, with ever more octets; the memory may move meanwhile.
 * To start over: zero it. */
struct msrp_frame {
    enum msrp_state state;
    size_t pos;              /* scanned up to here */
    size_t tid_off, tid_len;
    size_t head_len;         /* start line, headers, and the empty line when there is a body */
    size_t body_len;         /* MSRP_DONE */
    size_t len;              /* MSRP_DONE: the whole chunk, end line included */
    unsigned n_headers;
    bool has_body;
    char flag;               /* MSRP_DONE: '$' complete, '+' more to come, '#' aborted */
};

struct msrp_head {
    struct sv tid, method;   /* method empty: a response */
    unsigned code;
    struct sv to_path, from_path, message_id, failure_report;
    bool has_range;
    uint64_t start, end, total;
};

int msrp_frame_scan(struct msrp_frame *f, const void *p, size_t n); /* 1: MSRP_DONE, 0: more, -EPROTO */
/* Body octets at hand that cannot be part of the end line; n as in the last scan. */
size_t msrp_body_safe(const struct msrp_frame *f, size_t n);
/* Cut `take` octets out of the front of the body: they are gone from the caller's memory. */
void msrp_body_taken(struct msrp_frame *f, size_t take);
/* head: start line and headers. -EPROTO when one is missing or wrong; what could be read is filled in all the same. */
int msrp_head_parse(struct msrp_head *h, struct sv head);
bool msrp_is(const struct msrp_head *h, const char *method);
/* A response of our own; false when RFC 4975 7.2 wants none or the paths are not known. */
bool msrp_answer(const struct msrp_head *h, unsigned code, const char *text, struct buf *out);
/* Head of a piece of a chunk: new transaction id and Byte-Range, all else as it was; ends with the empty line. */
void msrp_piece_head(struct sv head, struct sv tid, uint64_t start, uint64_t end, uint64_t total, struct buf *out);
void msrp_end_line(struct sv tid, char flag, struct buf *out); /* "-------tid$" CRLF */
/* The same message under another transaction id (whole chunk in, whole chunk out). */
void msrp_retid(const struct msrp_frame *f, struct sv chunk, struct sv tid, struct buf *out);
