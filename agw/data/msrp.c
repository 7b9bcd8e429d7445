#include "agw/data/msrp.h"

#include <errno.h>

#include "agw/data/data_limits.h"

#define DASHES "-------"
#define DASHES_LEN 7

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* RFC 4975 9: ident-char = ALPHANUM / "." / "-" / "+" / "%" / "=" */
static bool ident_ok(struct sv v)
{
    if (v.n < MSRP_TID_MIN || v.n > MSRP_TID_MAX || !is_alnum(v.p[0]))
        return false;
    for (size_t i = 1; i < v.n; i++)
        if (!is_alnum(v.p[i]) && !strchr(".-+%=", v.p[i]))
            return false;
    return true;
}

static bool text_ok(struct sv line)
{
    for (size_t i = 0; i < line.n; i++)
        if (((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7f)
            return false;
    return true;
}

/* "MSRP" SP tid SP method, or "MSRP" SP tid SP 3DIGIT [SP comment] */
static int start_parse(struct msrp_head *h, struct sv line)
{
    struct sv word;
    uint32_t code;

    if (!sv_is(sv_cut(&line, ' '), "MSRP"))
        return -EPROTO;
    h->tid = sv_cut(&line, ' ');
    if (!ident_ok(h->tid)) {
        h->tid = SV_NONE;
        return -EPROTO;
    }
    word = sv_cut(&line, ' ');
    if (word.n == 3 && !sv_u32(word, 999, &code)) {
        h->code = code;
        return code >= 100 && text_ok(line) ? 0 : -EPROTO;
    }
    for (size_t i = 0; i < word.n; i++) /* method = 1*UPALPHA */
        if (word.p[i] < 'A' || word.p[i] > 'Z')
            return -EPROTO;
    h->method = word;
    return word.n && !line.p ? 0 : -EPROTO;
}

static int range_parse(struct msrp_head *h, struct sv v)
{
    struct sv start = sv_cut(&v, '-'), end = sv_cut(&v, '/');

    h->has_range = true;
    h->end = h->total = MSRP_ANY;
    if (sv_u64(start, MSRP_ANY - 1, &h->start) || !h->start)
        return -EPROTO;
    if (!sv_is(end, "*") && sv_u64(end, MSRP_ANY - 1, &h->end))
        return -EPROTO;
    if (!sv_is(v, "*") && sv_u64(v, MSRP_ANY - 1, &h->total))
        return -EPROTO;
    return 0;
}

/* RFC 4975 6: one or more URIs apart by a blank. */
static int path_parse(struct sv *path, struct sv v)
{
    struct sv rest = v, uri;

    if (!v.n)
        return -EPROTO;
    while ((uri = sv_cut(&rest, ' ')).n || rest.n)
        if (!sv_istarts(uri, "msrp://") && !sv_istarts(uri, "msrps://"))
            return -EPROTO;
    *path = v;
    return 0;
}

static int header_parse(struct msrp_head *h, unsigned i, struct sv line)
{
    struct sv v = line, name = sv_cut(&v, ':');

    if (!v.p || !name.n || !text_ok(line) || memchr(name.p, ' ', name.n))
        return -EPROTO;
    v = sv_trim(v);
    /* RFC 4975 7.1: To-Path first, From-Path second */
    if (i < 2 && !sv_iis(name, i ? "From-Path" : "To-Path"))
        return -EPROTO;
    if (i < 2)
        return path_parse(i ? &h->from_path : &h->to_path, v);
    if (sv_iis(name, "Message-ID"))
        h->message_id = v;
    else if (sv_iis(name, "Failure-Report"))
        h->failure_report = v;
    else if (sv_iis(name, "Byte-Range"))
        return range_parse(h, v);
    return 0;
}

bool msrp_is(const struct msrp_head *h, const char *method)
{
    return sv_is(h->method, method);
}

int msrp_head_parse(struct msrp_head *h, struct sv head)
{
    struct sv line;
    unsigned i;
    int err;

    *h = (struct msrp_head){.start = 1, .end = MSRP_ANY, .total = MSRP_ANY};
    err = start_parse(h, sv_line(&head));
    for (i = 0; head.n && i <= MSRP_HEADERS_MAX; i++) {
        line = sv_line(&head);
        if (!line.n)
            break;
        if (header_parse(h, i, line) && !err)
            err = -EPROTO;
    }
    if (i < 2 || i > MSRP_HEADERS_MAX || (msrp_is(h, "SEND") && !h->message_id.n))
        err = -EPROTO;
    return err;
}

/* --- framing --- */

/* The next line from f->pos; 0: not there yet. */
static int line_next(struct msrp_frame *f, const char *p, size_t n, struct sv *line)
{
    const char *cr = memmem(p + f->pos, n - f->pos, "\r\n", 2);
    /* without its LF the CR of a longest line may be here already: no octet of the line */
    size_t end = cr ? (size_t)(cr - p) : n > f->pos && p[n - 1] == '\r' ? n - 1 : n;

    if (end - f->pos > MSRP_LINE_MAX || end > MSRP_HEAD_MAX)
        return -EPROTO;
    if (!cr)
        return 0;
    *line = (struct sv){p + f->pos, (size_t)(cr - p) - f->pos};
    f->pos += line->n + 2;
    return 1;
}

static int scan_start(struct msrp_frame *f, const char *p, size_t n)
{
    struct msrp_head h = {0};
    struct sv line;
    int got;

    if (memcmp(p, "MSRP ", n < 5 ? n : 5))
        return -EPROTO;
    got = line_next(f, p, n, &line);
    if (got <= 0)
        return got;
    if (start_parse(&h, line))
        return -EPROTO;
    f->tid_off = (size_t)(h.tid.p - p);
    f->tid_len = h.tid.n;
    f->state = MSRP_HEADERS;
    return 1;
}

static bool is_flag(char c)
{
    return c == '$' || c == '+' || c == '#';
}

static bool is_end_line(const struct msrp_frame *f, const char *p, struct sv line)
{
    return line.n == DASHES_LEN + f->tid_len + 1 && !memcmp(line.p, DASHES, DASHES_LEN) &&
           !memcmp(line.p + DASHES_LEN, p + f->tid_off, f->tid_len) && is_flag(line.p[line.n - 1]);
}

static void done(struct msrp_frame *f, size_t body_len, size_t len, char flag)
{
    f->state = MSRP_DONE;
    f->body_len = body_len;
    f->len = len;
    f->flag = flag;
}

static int scan_headers(struct msrp_frame *f, const char *p, size_t n)
{
    struct msrp_head h;
    struct sv line;
    size_t at = f->pos;
    int got = line_next(f, p, n, &line);
    bool end;

    if (got <= 0)
        return got;
    end = is_end_line(f, p, line);
    if (line.n && !end)
        return ++f->n_headers > MSRP_HEADERS_MAX || !text_ok(line) ? -EPROTO : 1;
    if (msrp_head_parse(&h, (struct sv){p, at}))
        return -EPROTO;
    f->head_len = end ? at : f->pos;
    f->has_body = !end;
    f->state = MSRP_BODY;
    if (end)
        done(f, 0, f->pos, line.p[line.n - 1]);
    else
        f->pos -= 2; /* the empty line may be the CRLF before the end line: bodies without an octet */
    return 1;
}

/* CRLF "-------" tid flag CRLF */
static size_t end_len(const struct msrp_frame *f)
{
    return 2 + DASHES_LEN + f->tid_len + 1 + 2;
}

static int scan_body(struct msrp_frame *f, const char *p, size_t n)
{
    char pattern[2 + DASHES_LEN + MSRP_TID_MAX];
    size_t len = 2 + DASHES_LEN + f->tid_len;
    const char *hit;

    memcpy(pattern, "\r\n" DASHES, 2 + DASHES_LEN);
    memcpy(pattern + 2 + DASHES_LEN, p + f->tid_off, f->tid_len);
    while ((hit = memmem(p + f->pos, n - f->pos, pattern, len))) {
        size_t at = (size_t)(hit - p);

        f->pos = at;
        if (n - at < end_len(f))
            return 0;
        if (is_flag(hit[len]) && hit[len + 1] == '\r' && hit[len + 2] == '\n') {
            done(f, at < f->head_len ? 0 : at - f->head_len, at + end_len(f), hit[len]);
            return 1;
        }
        f->pos = at + 1;
    }
    if (n - f->pos >= len)
        f->pos = n - len + 1;
    return 0;
}

int msrp_frame_scan(struct msrp_frame *f, const void *bytes, size_t n)
{
    const char *p = bytes;
    int got = 1;

    while (got > 0 && f->state != MSRP_DONE && n > f->pos) {
        if (f->state == MSRP_START)
            got = scan_start(f, p, n);
        else if (f->state == MSRP_HEADERS)
            got = scan_headers(f, p, n);
        else
            got = scan_body(f, p, n);
    }
    return got < 0 ? got : f->state == MSRP_DONE;
}

size_t msrp_body_safe(const struct msrp_frame *f, size_t n)
{
    if (f->state == MSRP_DONE)
        return f->body_len;
    if (f->state != MSRP_BODY || n < f->head_len + end_len(f))
        return 0;
    return n - end_len(f) - f->head_len;
}

void msrp_body_taken(struct msrp_frame *f, size_t take)
{
    if (f->state == MSRP_DONE) {
        f->body_len -= take;
        f->len -= take;
    }
    f->pos = f->pos > f->head_len + take ? f->pos - take : f->head_len;
}

/* --- writing --- */

void msrp_end_line(struct sv tid, char flag, struct buf *out)
{
    buf_str(out, DASHES);
    buf_sv_put(out, tid);
    buf_u8(out, (uint8_t)flag);
    buf_str(out, "\r\n");
}

bool msrp_answer(const struct msrp_head *h, unsigned code, const char *text, struct buf *out)
{
    struct sv to = h->from_path, from = h->to_path;

    if (!h->tid.n || !h->method.n || msrp_is(h, "REPORT") || !to.n || !from.n || sv_iis(h->failure_report, "no") ||
        (code == 200 && sv_iis(h->failure_report, "partial")))
        return false;
    /* RFC 4975 7.2: back to the previous hop of a SEND, along the whole path otherwise; from the URI asked for */
    if (msrp_is(h, "SEND"))
        to = sv_cut(&to, ' ');
    from = sv_cut(&from, ' ');
    buf_printf(out, "MSRP %.*s %03u %s\r\nTo-Path: ", SV_ARG(h->tid), code, text);
    buf_sv_put(out, to);
    buf_str(out, "\r\nFrom-Path: ");
    buf_sv_put(out, from);
    buf_str(out, "\r\n");
    msrp_end_line(h->tid, '$', out);
    return !buf_err(out);
}

static void range_put(uint64_t start, uint64_t end, uint64_t total, struct buf *out)
{
    buf_printf(out, "Byte-Range: %llu-", (unsigned long long)start);
    if (end == MSRP_ANY)
        buf_str(out, "*/");
    else
        buf_printf(out, "%llu/", (unsigned long long)end);
    if (total == MSRP_ANY)
        buf_str(out, "*\r\n");
    else
        buf_printf(out, "%llu\r\n", (unsigned long long)total);
}

void msrp_piece_head(struct sv head, struct sv tid, uint64_t start, uint64_t end, uint64_t total, struct buf *out)
{
    struct msrp_head h;
    struct sv line;

    msrp_head_parse(&h, head);
    sv_line(&head);
    buf_printf(out, "MSRP %.*s %.*s\r\n", SV_ARG(tid), SV_ARG(h.method));
    for (unsigned i = 0; head.n; i++) {
        line = sv_line(&head);
        if (!line.n)
            break;
        if (i == 2 && !h.has_range)
            range_put(start, end, total, out);
        if (sv_istarts(line, "Byte-Range:")) {
            range_put(start, end, total, out);
            continue;
        }
        buf_sv_put(out, line);
        buf_str(out, "\r\n");
    }
    buf_str(out, "\r\n");
}

void msrp_retid(const struct msrp_frame *f, struct sv chunk, struct sv tid, struct buf *out)
{
    size_t after = f->tid_off + f->tid_len;

    buf_put(out, chunk.p, f->tid_off);
    buf_sv_put(out, tid);
    buf_put(out, chunk.p + after, f->len - after - (f->tid_len + 3));
    buf_sv_put(out, tid);
    buf_u8(out, (uint8_t)f->flag);
    buf_str(out, "\r\n");
}
