#include "tests/flow/ua.h"

#include <errno.h>
#include <stdio.h>

#include "common/buf.h"
#include "common/rnd.h"
#include "tests/flow/judge.h"
#include "tests/flow/login.h"

struct sv ua_header(struct sv text, const char *name)
{
    struct sv rest = text;

    sv_line(&rest);
    while (rest.n) {
        struct sv l = sv_line(&rest), v = l;

        if (!l.n)
            break;
        if (sv_iis(sv_trim(sv_cut(&v, ':')), name))
            return sv_trim(v);
    }
    return SV_NONE;
}

int ua_status(struct sv text)
{
    uint32_t status = 0;

    if (!sv_starts(text, "SIP/2.0 "))
        return 0;
    sv_word(&text);
    return sv_u32(sv_word(&text), 699, &status) ? 0 : (int)status;
}

struct sv ua_method(struct sv text)
{
    struct sv cseq;

    if (!ua_status(text))
        return sv_word(&text);
    cseq = ua_header(text, "CSeq");
    sv_word(&cseq);
    return sv_word(&cseq);
}

static void tag_of(struct sv value, char *out, size_t size)
{
    const char *at = value.n ? memmem(value.p, value.n, ";tag=", 5) : NULL;
    struct sv rest;

    if (!at)
        return;
    rest = (struct sv){at + 5, value.n - (size_t)(at + 5 - value.p)};
    sv_copy(sv_cut(&rest, ';'), out, size);
}

static void uri_of(struct sv value, char *out, size_t size)
{
    const char *lt = value.n ? memchr(value.p, '<', value.n) : NULL;

    if (lt) {
        value.n -= (size_t)(lt + 1 - value.p);
        value.p = lt + 1;
        value = sv_cut(&value, '>');
    }
    sv_copy(value, out, size);
}

static bool has_tag(struct sv value)
{
    return value.p && value.n && memmem(value.p, value.n, ";tag=", 5);
}

/* Header lines that an answer copies (RFC 3261 8.2.6.2), our tag added to To. */
static void put_copied(const char *tag, struct sv req, struct buf *b)
{
    struct sv rest = req;

    sv_line(&rest);
    while (rest.n) {
        struct sv l = sv_line(&rest), v = l, name;

        if (!l.n)
            break;
        name = sv_trim(sv_cut(&v, ':'));
        if (sv_iis(name, "Via") || sv_iis(name, "From") || sv_iis(name, "Call-ID") || sv_iis(name, "CSeq") ||
            sv_iis(name, "Record-Route"))
            buf_printf(b, "%.*s\r\n", SV_ARG(l));
        else if (sv_iis(name, "To"))
            buf_printf(b, "%.*s%s%s\r\n", SV_ARG(l), has_tag(l) ? "" : ";tag=", has_tag(l) ? "" : tag);
    }
}

static void key_of(struct sv text, char *out, size_t size)
{
    struct sv via = ua_header(text, "Via"), cseq = ua_header(text, "CSeq");
    const char *at = via.n ? memmem(via.p, via.n, "branch=", 7) : NULL;
    struct sv branch = at ? (struct sv){at, via.n - (size_t)(at - via.p)} : SV_NONE;

    snprintf(out, size, "%.*s %.*s", SV_ARG(branch), SV_ARG(cseq));
}

static void send_reply(struct ua *u, struct sv req, struct sv text)
{
    key_of(req, u->last_key, sizeof u->last_key);
    sv_copy(text, u->last_reply, sizeof u->last_reply);
    u->tx(u->arg, text);
}

static void drop_pending(struct ua *u, unsigned i)
{
    for (; i + 1 < u->n_pending; i++)
        memcpy(u->pending[i], u->pending[i + 1], UA_TEXT);
    u->n_pending--;
}

void ua_answer(struct ua *u, int status, const char *reason)
{
    char text[UA_TEXT];
    struct buf b = buf_over(text, sizeof text);
    struct sv req;

    if (!u->n_pending)
        return;
    req = sv_from(u->pending[u->n_pending - 1]);
    buf_printf(&b, "SIP/2.0 %d %s\r\n", status, reason);
    put_copied(u->ltag, req, &b);
    buf_str(&b, "Content-Length: 0\r\n\r\n");
    send_reply(u, req, buf_sv(&b));
    if (status >= 200)
        u->n_pending--;
}

/* The value of a header line that the chart gives. */
static struct sv line_of(struct sv lines, const char *name)
{
    sv_line(&lines);
    while (lines.n) {
        struct sv v = sv_line(&lines);

        if (sv_iis(sv_trim(sv_cut(&v, ':')), name))
            return sv_trim(v);
    }
    return SV_NONE;
}

static bool has_line(struct sv lines, const char *name)
{
    return line_of(lines, name).p != NULL;
}

/* What a registrar's 200 says beside the copied lines: the Contact echoed (the WIC needs its own back). */
static void put_registered(const struct ua *u, struct sv req, struct sv lines, struct buf *b)
{
    struct sv contact = has_line(lines, "Contact") ? SV_NONE : ua_header(req, "Contact"), path = ua_header(req, "Path");

    if (contact.n)
        buf_printf(b, "Contact: %.*s\r\n", SV_ARG(contact));
    buf_printf(b, "%s%.*s%sService-Route: <sip:orig@%s;lr>\r\n", path.n ? "Path: " : "", SV_ARG(path), path.n ? "\r\n" : "", u->host);
}

/* Of the challenges the one for a password and MD5, wherever it stands. */
static void keep_challenge(struct ua *u, struct sv text)
{
    static const char name[] = "WWW-Authenticate: ";

    u->challenge[0] = 0;
    while (text.n) {
        struct sv l = sv_line(&text);

        if (!sv_istarts(l, name))
            continue;
        l = (struct sv){l.p + sizeof name - 1, l.n - sizeof name + 1};
        if (sv_istarts(l, "Digest ") && memmem(l.p, l.n, "MD5", 3))
            sv_copy(l, u->challenge, sizeof u->challenge);
    }
}

/* The core's registrar without a challenge. */
static void answer_register(struct ua *u, struct sv req)
{
    char text[UA_TEXT];
    struct buf b = buf_over(text, sizeof text);

    buf_str(&b, "SIP/2.0 200 OK\r\n");
    put_copied(u->ltag, req, &b);
    put_registered(u, req, SV_NONE, &b);
    buf_str(&b, "Content-Length: 0\r\n\r\n");
    send_reply(u, req, buf_sv(&b));
}

static enum ua_in take_request(struct ua *u, struct sv text)
{
    struct sv method = ua_method(text), contact = ua_header(text, "Contact");
    char key[256];

    key_of(text, key, sizeof key);
    if (!strcmp(key, u->last_key) && u->last_reply[0] && !sv_is(method, "ACK")) {
        u->tx(u->arg, sv_from(u->last_reply));
        return UA_IGNORED;
    }
    if (sv_is(method, "REGISTER")) {
        uri_of(contact, u->registered, sizeof u->registered);
        sv_copy(ua_header(text, "Path"), u->route, sizeof u->route);
        if (!u->registrar) {
            answer_register(u, text);
            return UA_IGNORED;
        }
    }
    if (sv_is(method, "ACK"))
        return UA_REQUEST;
    for (unsigned i = 0; i < u->n_pending; i++) {
        char old[256];

        key_of(sv_from(u->pending[i]), old, sizeof old);
        if (!strcmp(old, key))
            return UA_IGNORED; /* a repeat of what is not yet answered */
    }
    if (u->n_pending == UA_PENDING)
        drop_pending(u, 0);
    sv_copy(text, u->pending[u->n_pending++], UA_TEXT);
    if (sv_is(method, "OPTIONS")) {
        ua_answer(u, 200, "OK");
        return UA_IGNORED;
    }
    if (sv_is(method, "SUBSCRIBE") && !u->notifier) {
        ua_answer(u, 489, "Bad Event");
        return UA_IGNORED;
    }
    if (sv_is(method, "INVITE") || sv_is(method, "SUBSCRIBE")) {
        tag_of(ua_header(text, "From"), u->rtag, sizeof u->rtag);
        sv_copy(ua_header(text, "Call-ID"), u->call_id, sizeof u->call_id);
        uri_of(ua_header(text, "From"), u->remote_uri, sizeof u->remote_uri);
        uri_of(ua_header(text, "To"), u->local_uri, sizeof u->local_uri);
        u->route[0] = 0;
        u->over = false;
    }
    if (sv_is(method, "BYE"))
        u->over = true;
    if (contact.n && !sv_is(method, "REGISTER"))
        uri_of(contact, u->target, sizeof u->target);
    return UA_REQUEST;
}

enum ua_in ua_input(struct ua *u, struct sv text)
{
    int status = ua_status(text);
    struct sv contact;

    if (!memmem(text.p, text.n, "\r\n\r\n", 4) || text.n >= UA_TEXT || text.n < 12)
        return UA_IGNORED;
    if (!status)
        return take_request(u, text);
    if (status == 401)
        keep_challenge(u, text);
    if (status == 100 || sv_is(ua_method(text), "REGISTER"))
        return status == 100 ? UA_IGNORED : UA_RESPONSE;
    if (sv_is(ua_method(text), "INVITE")) {
        contact = ua_header(text, "Contact");
        if (status >= 200)
            u->invite_status = status;
        if (status < 300) {
            if (status >= 200)
                u->route[0] = 0; /* no Record-Route here: the dialog goes straight */
            tag_of(ua_header(text, "To"), u->rtag, sizeof u->rtag);
            if (contact.n)
                uri_of(contact, u->target, sizeof u->target);
        } else if (!u->target[0] || !u->rtag[0]) {
            tag_of(ua_header(text, "To"), u->rtag, sizeof u->rtag);
        }
    }
    return UA_RESPONSE;
}

static void put_request_head(struct ua *u, const char *method, unsigned cseq, const char *uri, struct buf *b)
{
    const char *tag = strcmp(method, "CANCEL") ? u->rtag : ""; /* as the INVITE, without a tag (RFC 3261 9.1) */

    buf_printf(b, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=%s\r\nMax-Forwards: 70\r\n", method, uri, u->transport,
               u->host, sv_is(sv_from(method), "CANCEL") ? u->invite_branch : u->branch);
    if (u->route[0])
        buf_printf(b, "Route: %s\r\n", u->route);
    buf_printf(b, "From: <%s>;tag=%s\r\nTo: <%s>%s%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n", u->local_uri, u->ltag,
               u->remote_uri, tag[0] ? ";tag=" : "", tag, u->call_id, cseq, method);
}

static void fresh(struct ua *u)
{
    char r[17];

    rnd_text(r, 16);
    snprintf(u->branch, sizeof u->branch, "z9hG4bK%s", r);
    if (!u->ltag[0])
        rnd_text(u->ltag, 10);
    if (!u->call_id[0])
        rnd_text(u->call_id, 20);
}

static void put_session(struct ua *u, struct sv origin, struct buf *b)
{
    buf_str(b, "v=0\r\n");
    if (origin.n)
        buf_printf(b, "%.*s\r\n", SV_ARG(origin));
    else
        buf_printf(b, "o=- 1 %u IN IP4 127.0.0.1\r\n", ++u->sdp_version);
    buf_str(b, "s=-\r\nt=0 0\r\n");
}

/* Chart lines of one kind; SDP gets the lines that RFC 8866 requires. */
static void put_lines(struct ua *u, struct sv body, bool sdp, struct buf *b)
{
    bool first = true;

    sv_line(&body);
    while (body.n) {
        struct sv l = sv_trim(sv_line(&body));
        bool is = l.n > 1 && l.p[1] == '=';

        if (!l.n || is != sdp || l.p[0] == '!' || l.p[0] == '|' || sv_starts(l, "To:"))
            continue;
        if (sdp && first && !sv_starts(l, "v="))
            put_session(u, sv_starts(l, "o=") ? l : SV_NONE, b);
        if (!first || !sv_starts(l, "o="))
            buf_printf(b, "%.*s\r\n", SV_ARG(l));
        first = false;
    }
}

/* A chart that gives To says who the WIC is from now on. */
static void put_register_head(struct ua *u, struct sv lines, const char *domain, struct buf *b)
{
    struct ua r = *u;
    char uri[160];

    if (!u->reg_call_id[0]) {
        rnd_text(u->reg_call_id, 20);
        rnd_text(u->reg_tag, 10);
        rnd_text(u->instance, 32);
    }
    fresh(&r);
    r.rtag[0] = r.route[0] = 0;
    snprintf(r.call_id, sizeof r.call_id, "%s", u->reg_call_id);
    snprintf(r.ltag, sizeof r.ltag, "%s", u->reg_tag);
    snprintf(r.remote_uri, sizeof r.remote_uri, "%s", u->local_uri);
    snprintf(uri, sizeof uri, "sip:%s", domain);
    put_request_head(&r, "REGISTER", ++u->reg_cseq, uri, b);
    if (!has_line(lines, "Contact"))
        buf_printf(b, "Contact: <%s>;reg-id=1;+sip.instance=\"<urn:uuid:%s>\"%s\r\n", u->contact, u->instance,
                   has_line(lines, "Expires") ? "" : ";expires=600");
    if (!has_line(lines, "Expires"))
        buf_str(b, "Expires: 600\r\n");
    if (!has_line(lines, "Supported"))
        buf_str(b, "Supported: path, outbound\r\n");
}

int ua_register(struct ua *u, struct sv lines, struct sv login)
{
    char text[UA_TEXT], answer[1024], uri[160];
    struct buf b = buf_over(text, sizeof text);
    struct sv to = line_of(lines, "To");
    const char *at;
    int err = 0;

    if (to.n)
        uri_of(to, u->local_uri, sizeof u->local_uri);
    at = strchr(u->local_uri, '@');
    snprintf(uri, sizeof uri, "sip:%s", at ? at + 1 : UA_DOMAIN);
    put_register_head(u, lines, uri + 4, &b);
    if (login.n && !(err = login_digest(answer, sizeof answer, login, sv_from(u->challenge), "REGISTER", uri)))
        buf_printf(&b, "Authorization: %s\r\n", answer);
    put_lines(u, lines, false, &b);
    buf_str(&b, "Content-Length: 0\r\n\r\n");
    if (!err)
        u->tx(u->arg, buf_sv(&b));
    return err ? err : buf_err(&b);
}

void ua_ack(struct ua *u)
{
    char text[UA_TEXT];
    struct buf b = buf_over(text, sizeof text);
    bool refused = u->invite_status >= 300;

    fresh(u);
    if (refused) /* hop by hop, of the INVITE's transaction (RFC 3261 17.1.1.3) */
        snprintf(u->branch, sizeof u->branch, "%s", u->invite_branch);
    put_request_head(u, "ACK", u->invite_cseq, refused ? u->invite_uri : u->target[0] ? u->target : u->remote_uri, &b);
    u->over = u->over || (refused && !u->established);
    u->established = u->established || !refused;
    buf_str(&b, "Content-Length: 0\r\n\r\n");
    u->tx(u->arg, buf_sv(&b));
}

/* "|TEXT": a line of a body of another kind; its Content-Type is the chart's. */
static void put_raw(struct sv lines, struct buf *b)
{
    while (lines.n) {
        struct sv l = sv_line(&lines);

        if (l.n && l.p[0] == '|')
            buf_printf(b, "%.*s\r\n", (int)l.n - 1, l.p + 1);
    }
}

static void put_body(struct ua *u, struct sv lines, struct buf *b)
{
    char sdp[UA_TEXT / 2];
    struct buf s = buf_over(sdp, sizeof sdp);

    put_lines(u, lines, true, &s);
    if (s.len)
        buf_str(b, "Content-Type: application/sdp\r\n");
    put_raw(lines, &s);
    buf_printf(b, "Content-Length: %zu\r\n\r\n", s.len);
    buf_sv_put(b, buf_sv(&s));
}

/* Another call: nothing of the dialog before stays. */
static void start_over(struct ua *u)
{
    u->call_id[0] = u->ltag[0] = u->rtag[0] = u->target[0] = 0;
    u->over = u->established = false;
}

static void remember_invite(struct ua *u, const char *uri)
{
    u->invite_cseq = u->cseq;
    u->invite_status = 0;
    snprintf(u->invite_branch, sizeof u->invite_branch, "%s", u->branch);
    snprintf(u->invite_uri, sizeof u->invite_uri, "%s", uri);
}

/* A request of no dialog. */
static void put_head_outside(const struct ua *u, const char *method, const char *uri, struct buf *b)
{
    struct ua r = *u;

    r.call_id[0] = r.ltag[0] = r.rtag[0] = r.route[0] = 0;
    fresh(&r);
    put_request_head(&r, method, r.cseq, uri, b);
}

/* "MESSAGE sip:2001@example.net": the chart says where to; else the dialog, the WIC that registered, the other party. */
static const char *uri_for(const struct ua *u, bool cancel, struct sv lines, char *out, size_t size)
{
    struct sv first = sv_line(&lines), given;

    sv_word(&first);
    given = sv_word(&first);
    if (given.n && sv_copy(given, out, size) < size)
        return out;
    return cancel ? u->invite_uri : u->rtag[0] && u->target[0] ? u->target : u->registered[0] ? u->registered : u->remote_uri;
}

static int send_request(struct ua *u, const char *method, struct sv lines, struct sv login)
{
    char text[UA_TEXT], given[512];
    struct buf b = buf_over(text, sizeof text);
    bool ack = !strcmp(method, "ACK"), cancel = !strcmp(method, "CANCEL"), invite = !strcmp(method, "INVITE");
    const char *uri;

    if (!strcmp(method, "REGISTER"))
        return ua_register(u, lines, login);
    if (invite && u->over)
        start_over(u);
    uri = uri_for(u, cancel, lines, given, sizeof given);
    if (!cancel)
        fresh(u);
    if (!ack && !cancel)
        u->cseq++;
    if (invite)
        remember_invite(u, uri);
    u->over = u->over || !strcmp(method, "BYE");
    if (uri == given && !invite && !cancel)
        put_head_outside(u, method, uri, &b);
    else
        put_request_head(u, method, ack || cancel ? u->invite_cseq : u->cseq, uri, &b);
    if (invite)
        buf_printf(&b, "Contact: <%s>\r\n", u->contact);
    put_lines(u, lines, false, &b);
    put_body(u, lines, &b);
    u->tx(u->arg, buf_sv(&b));
    return buf_err(&b);
}

/* Another callee of a fork answers with a tag of its own (RFC 3261 12.1.1); who says 2xx has the dialog. */
static void fork_tag(struct ua *u, struct sv fork, int status, char *tag, size_t size)
{
    snprintf(tag, size, "%s", u->ltag);
    if (fork.n)
        snprintf(tag, size, "%.20s-%.*s", u->ltag, SV_ARG(fork));
    if (fork.n && status >= 200 && status < 300)
        snprintf(u->ltag, sizeof u->ltag, "%s", tag);
}

static int send_answer(struct ua *u, int status, struct sv lines, struct sv fork)
{
    char text[UA_TEXT], tag[sizeof u->ltag];
    struct buf b = buf_over(text, sizeof text);
    struct sv req;

    if (!u->n_pending)
        return -ENOENT;
    fresh(u);
    req = sv_from(u->pending[u->n_pending - 1]);
    buf_printf(&b, "SIP/2.0 %d %s\r\n", status, status < 200 ? "Progress" : status < 300 ? "OK" : "Refused");
    fork_tag(u, fork, status, tag, sizeof tag);
    put_copied(tag, req, &b);
    if (status < 300 && sv_is(ua_method(req), "REGISTER"))
        put_registered(u, req, lines, &b);
    else if (status < 300)
        buf_printf(&b, "Contact: <%s>\r\n", u->contact);
    put_lines(u, lines, false, &b);
    put_body(u, lines, &b);
    u->established = u->established || (status >= 200 && status < 300 && sv_is(ua_method(req), "INVITE"));
    send_reply(u, req, buf_sv(&b));
    if (status >= 200)
        u->n_pending--;
    return buf_err(&b);
}

int ua_send(struct ua *u, const struct chart_step *s, const struct vars *vs, char *why, size_t size)
{
    char lines[UA_TEXT], login[128] = "", missing[VAR_NAME], method[32];
    struct sv m;
    int status = judge_sip_first(s, &m);
    int err = vars_fill(vs, s->body, lines, sizeof lines, missing);

    if (!err && chart_arg(s, "login").n)
        err = vars_fill(vs, chart_arg(s, "login"), login, sizeof login, missing);

    if (err) {
        snprintf(why, size, "<%s> has no value here: add a `let`", missing);
        return err;
    }
    sv_copy(m, method, sizeof method);
    err = status ? send_answer(u, status, sv_from(lines), chart_arg(s, "fork")) : send_request(u, method, sv_from(lines), sv_from(login));
    if (err)
        snprintf(why, size, "%s", err == -ENOENT ? "there is no request to answer" : err == -EBADMSG ? "there is no challenge to answer" : strerror(-err));
    return err;
}
