#include "alg/sip/frame.h"

#include <errno.h>
#include <stdio.h>

#include "alg/sip/sip_limits.h"

/* RFC 3261 25.1 token */
static bool is_token(struct sv v)
{
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!alnum && (!c || !strchr("-.!%*_+`'~", c)))
            return false;
    }
    return v.n > 0;
}

bool frame_next(struct sv *rest, struct frame_line *line)
{
    struct sv whole = *rest;
    struct sv first = sv_line(rest);
    const char *colon;
    size_t end = first.n;

    *line = (struct frame_line){0};
    if (!first.n)
        return false;
    while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '\t')) { /* RFC 3261 7.3.1: folded */
        struct sv more = sv_line(rest);

        end = (size_t)(more.p + more.n - whole.p);
    }
    line->raw = (struct sv){whole.p, end};
    colon = memchr(first.p, ':', first.n);
    if (!colon)
        return true;
    line->name = sv_trim((struct sv){first.p, (size_t)(colon - first.p)});
    line->value = sv_trim((struct sv){colon + 1, end - (size_t)(colon + 1 - first.p)});
    return true;
}

bool frame_is(const struct frame_line *line, const char *name, char compact)
{
    if (compact && line->name.n == 1)
        return (line->name.p[0] | 0x20) == compact;
    return sv_iis(line->name, name);
}

/* "SIP/2.0/WSS host;p" -> token "WSS", rest "host;p"; blanks around the slashes are legal. */
static int via_split(struct sv value, struct sv *token, struct sv *rest)
{
    struct sv name = sv_trim(sv_cut(&value, '/'));
    struct sv version = sv_trim(sv_cut(&value, '/'));
    struct sv tail = sv_trim(value);
    size_t n = 0;

    if (!tail.n)
        return -EBADMSG;
    while (n < tail.n && !strchr(" \t\r\n", tail.p[n]))
        n++;
    *token = (struct sv){tail.p, n};
    *rest = sv_trim((struct sv){tail.p + n, tail.n - n});
    return sv_iis(name, "SIP") && sv_is(version, "2.0") && is_token(*token) && rest->n ? 0 : -EBADMSG;
}

static void put_sv(struct buf *out, struct sv v)
{
    buf_put(out, v.p, v.n);
}

static void put_str(struct buf *out, const char *s)
{
    buf_put(out, s, strlen(s));
}

static int start_line(struct sv line, struct frame_info *info)
{
    struct sv method = sv_word(&line);
    struct sv uri, version;

    if (sv_iis(method, "SIP/2.0")) {
        struct sv code = sv_word(&line);
        uint64_t v;

        info->why = "bad status line";
        return code.n == 3 && !sv_u64(code, 699, &v) && v >= 100 ? 0 : -EBADMSG;
    }
    uri = sv_word(&line);
    version = sv_word(&line);
    info->request = true;
    info->method = method;
    info->why = "bad request line";
    if (!is_token(method) || !uri.n || !sv_istarts(version, "SIP/") || sv_trim(line).n)
        return -EBADMSG;
    if (sv_iis(version, "SIP/2.0"))
        return 0;
    info->why = "SIP of another version";
    info->status = 505;
    return -EBADMSG;
}

/* RFC 3261 25.1: NUL is a character of a quoted string behind a backslash, and nowhere else. */
static bool bare_nul(struct sv v)
{
    for (size_t i = 0; i < v.n; i++)
        if (!v.p[i] && (!i || v.p[i - 1] != '\\'))
            return true;
    return false;
}

static int via_in(const struct frame_line *h, struct frame_info *info, struct buf *out)
{
    struct sv token, rest;

    if (via_split(h->value, &token, &rest) || token.n >= sizeof info->via) {
        info->why = "bad Via";
        return -EBADMSG;
    }
    sv_copy(token, info->via, sizeof info->via);
    put_str(out, "Via: SIP/2.0/TCP ");
    put_sv(out, rest);
    put_str(out, "\r\n");
    return 0;
}

/* The header part; *body is left at the body, *length holds Content-Length or SIZE_MAX. */
static int headers_in(struct sv *body, struct frame_info *info, struct buf *out, size_t *length)
{
    struct frame_line h;
    bool via = false;
    unsigned n = 0;

    while (frame_next(body, &h)) {
        info->why = "bad header line";
        if (!is_token(h.name) || ++n > SIP_LINES_MAX || bare_nul(h.raw))
            return -EBADMSG;
        if (frame_is(&h, "Content-Length", 'l')) {
            uint64_t v;

            info->why = "bad Content-Length";
            if (sv_u64(h.value, SIP_MSG_MAX, &v) || (*length != SIZE_MAX && *length != v))
                return -EBADMSG;
            *length = (size_t)v;
        } else if (!via && frame_is(&h, "Via", 'v')) {
            via = true;
            if (via_in(&h, info, out))
                return -EBADMSG;
        } else {
            put_sv(out, h.raw);
            put_str(out, "\r\n");
        }
    }
    info->why = "no Via";
    return via ? 0 : -EBADMSG;
}

int frame_in(struct sv msg, struct frame_info *info, struct buf *out)
{
    struct sv rest = msg;
    struct sv first = sv_line(&rest);
    size_t length = SIZE_MAX;
    char text[48];

    *info = (struct frame_info){.status = 400};
    if (start_line(first, info))
        return -EBADMSG;
    put_sv(out, first);
    put_str(out, "\r\n");
    if (headers_in(&rest, info, out, &length))
        return -EBADMSG;
    info->why = "body shorter than Content-Length";
    if (length != SIZE_MAX && length > rest.n)
        return -EBADMSG;
    if (length == SIZE_MAX)
        length = rest.n;
    snprintf(text, sizeof text, "Content-Length: %zu\r\n\r\n", length);
    put_str(out, text);
    buf_put(out, rest.p, length);
    info->why = NULL;
    return buf_err(out);
}

/* The topmost Via value behind the transport: sent-by and parameters, without received= and, in our own request, without
 * the port. What follows a comma is left alone. */
static void via_out(struct sv v, bool request, struct buf *out)
{
    bool quoted = false;
    size_t at = 0;

    while (at < v.n && v.p[at] != ';' && v.p[at] != ',') {
        if (request && v.p[at] == ':' && (v.p[0] != '[' || v.p[at - 1] == ']'))
            while (at < v.n && v.p[at] != ';' && v.p[at] != ',')
                at++;
        else
            buf_u8(out, (uint8_t)v.p[at++]);
    }
    while (at < v.n && v.p[at] != ',') {
        size_t end = at + 1;
        struct sv param;

        while (end < v.n && (quoted || (v.p[end] != ';' && v.p[end] != ','))) {
            if (v.p[end] == '"')
                quoted = !quoted;
            end++;
        }
        param = sv_trim((struct sv){v.p + at + 1, end - at - 1});
        if (!sv_istarts(param, "received=")) {
            buf_u8(out, ';');
            put_sv(out, param);
        }
        at = end;
    }
    buf_put(out, v.p + at, v.n - at);
}

int frame_out(struct sv msg, const char *token, struct buf *out)
{
    struct sv rest = msg;
    struct sv first = sv_line(&rest);
    struct frame_line h;
    bool via = false;

    put_sv(out, first);
    put_str(out, "\r\n");
    while (frame_next(&rest, &h)) {
        struct sv old, tail;

        if (!via && frame_is(&h, "Via", 'v') && !via_split(h.value, &old, &tail)) {
            via = true;
            put_str(out, "Via: SIP/2.0/");
            put_str(out, token);
            put_str(out, " ");
            via_out(tail, !sv_istarts(first, "SIP/2.0 "), out);
        } else {
            put_sv(out, h.raw);
        }
        put_str(out, "\r\n");
    }
    put_str(out, "\r\n");
    put_sv(out, rest);
    return via ? buf_err(out) : -EBADMSG;
}

int frame_reply(struct sv msg, int status, const char *reason, struct buf *out)
{
    static const struct {
        const char *name;
        char compact;
    } need[] = {{"Via", 'v'}, {"From", 'f'}, {"To", 't'}, {"Call-ID", 'i'}, {"CSeq", 0}};
    struct sv rest = msg;
    struct sv first = sv_line(&rest);
    struct frame_line h;
    unsigned seen = 0, n = 0;
    char line[160];

    if (sv_istarts(first, "SIP/2.0") || sv_starts(first, "ACK ") || !first.n)
        return -EBADMSG;
    snprintf(line, sizeof line, "SIP/2.0 %d %s\r\n", status, reason);
    put_str(out, line);
    while (frame_next(&rest, &h) && ++n <= SIP_LINES_MAX) {
        for (unsigned i = 0; i < ARRAY_LEN(need); i++) {
            if (!frame_is(&h, need[i].name, need[i].compact) || (i && (seen & (1u << i))))
                continue;
            seen |= 1u << i;
            put_sv(out, h.raw);
            put_str(out, "\r\n");
        }
    }
    put_str(out, "Content-Length: 0\r\n\r\n");
    /* RFC 4475 3.3.1: without From, To or Call-ID it is answered all the same, with those that came */
    return seen & 1 ? buf_err(out) : -EBADMSG;
}

/* --- before Sofia's parser --- */

static void mend_nuls(char *p, size_t n)
{
    for (char *nul = memchr(p, 0, n); nul; nul = memchr(nul, 0, n - (size_t)(nul - p)))
        *nul = ' ';
}

static void mend_method(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] == '+' ? '(' : p[i] == '`' ? ')' : p[i];
}

void frame_unmend(char *method)
{
    for (char *p = method; *p; p++)
        *p = *p == '(' ? '+' : *p == ')' ? '`' : *p;
}

/* Where parameters begin of which one is empty, as in ";;" or ";,"; value.n: none is. */
static size_t empty_param(struct sv v)
{
    size_t begin = v.n;
    bool quoted = false, after = false;

    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];

        if (c == '"' && (!i || v.p[i - 1] != '\\'))
            quoted = !quoted;
        if (quoted || strchr(" \t\r\n", c)) {
            after = after && !quoted;
            continue;
        }
        if (c == ';' && begin == v.n)
            begin = i;
        if (after && (c == ';' || c == ','))
            return begin;
        after = c == ';' || c == ',';
    }
    return after && begin < v.n ? begin : v.n;
}

/* p: the topmost Via's value. Sofia would drop the request in silence. */
static const char *mend_via(char *p, size_t n)
{
    struct sv rest = {p, n}, version;
    size_t from = empty_param(rest);

    for (size_t i = from; i < n; i++)
        p[i] = p[i] == '\r' || p[i] == '\n' ? p[i] : ' ';
    sv_cut(&rest, '/');
    version = sv_cut(&rest, '/');
    if (version.n >= 3 && !sv_is(sv_trim(version), "2.0")) {
        p += version.p - p;
        memset(p, ' ', version.n - 3);
        memcpy(p + version.n - 3, "2.0", 3);
        return "a Via of another version";
    }
    return from < n ? "an empty parameter in Via" : NULL;
}

static bool is_other_version(struct sv line)
{
    struct sv version = SV_NONE, word;

    while ((word = sv_word(&line)).n)
        version = word;
    return sv_istarts(version, "SIP/") && !sv_iis(version, "SIP/2.0");
}

static bool is_stream(struct sv via)
{
    struct sv token, rest;

    return !via_split(via, &token, &rest) && (sv_iis(token, "TCP") || sv_iis(token, "TLS"));
}

const char *frame_mend(char *text, size_t n)
{
    struct sv rest = {text, n}, line = sv_line(&rest), method = sv_word(&line);
    bool other = is_other_version(line), via = false, stream = false, length = false;
    const char *why = NULL;
    struct frame_line h;
    size_t left = rest.n;

    if (sv_istarts(method, "SIP/"))
        return NULL;
    if (!is_token(method))
        return "bad method";
    mend_method(text + (method.p - text), method.n);
    for (; frame_next(&rest, &h); left = rest.n) {
        const char *bad = bare_nul(h.raw) ? "NUL in a header" : NULL;

        mend_nuls(text + (h.raw.p - text), h.raw.n);
        if (h.value.n && !via && frame_is(&h, "Via", 'v')) {
            via = true;
            stream = is_stream(h.value);
            bad = mend_via(text + (h.value.p - text), h.value.n);
        } else if (frame_is(&h, "CSeq", 0)) {
            sv_word(&h.value);
            if (h.value.n)
                mend_method(text + (h.value.p - text), h.value.n);
        }
        length = length || frame_is(&h, "Content-Length", 'l');
        if (!why && !other) /* another version gets its own answer, 505 */
            why = bad;
    }
    if (!why && !other && stream && !length && left) /* 20.14; Sofia would wait for the end of the connection */
        why = "no Content-Length on a stream";
    return why;
}

long frame_length(struct sv stream)
{
    struct sv rest = stream, head;
    const char *end = memmem(stream.p, stream.n, "\r\n\r\n", 4);
    struct frame_line h;
    uint64_t length = 0;

    if (!end)
        return stream.n > SIP_MSG_MAX ? -EBADMSG : 0;
    head = (struct sv){stream.p, (size_t)(end + 2 - stream.p)};
    rest = head;
    sv_line(&rest);
    while (frame_next(&rest, &h))
        if (frame_is(&h, "Content-Length", 'l') && sv_u64(h.value, SIP_MSG_MAX * 2, &length))
            return -EBADMSG;
    length += head.n + 2;
    return length <= stream.n ? (long)length : 0;
}
