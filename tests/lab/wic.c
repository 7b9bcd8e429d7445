#include "tests/lab/wic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/enc.h"
#include "common/rnd.h"
#include "common/sdp.h"
#include "tests/fake/browser.h"
#include "tests/flow/login.h"
#include "tests/lab/wic_file.h"

#define MSG_MAX 16384
#define ARENA_LIMIT (256u << 10)
#define SCTP_PORT 5000

enum call_state { IDLE, CALLING, UP, LEAVING };

struct wic {
    struct wic_conf conf;
    struct wsc *ws;
    bool ws_open, vanished;
    char host[32], instance[33], call_id[33], tag[17], branch[24]; /* of the REGISTER */
    unsigned cseq;
    /* the call */
    enum call_state state;
    struct browser *browser;
    char callee[256], inv_id[33], inv_tag[17], inv_branch[24], to[512], target[512], sess[17];
    unsigned inv_cseq;
    char remote_path[512];
    char path[128];
    struct wic_file file;
    struct wic_audio *audio;
    struct wic_audio_counts heard; /* in calls that are over */
};

static void tell(struct wic *w, enum wic_event ev, struct sv text)
{
    w->conf.event(w->conf.arg, w, ev, text);
}

static void put(struct wic *w, struct buf *b)
{
    if (w->ws && w->ws_open && !buf_err(b))
        wsc_send(w->ws, buf_sv(b));
}

static void new_branch(char *out, size_t size)
{
    char r[13];

    rnd_text(r, 12);
    snprintf(out, size, "z9hG4bK%s", r);
}

/* --- REGISTER --- */

static void send_register(struct wic *w, const char *authorization)
{
    char text[MSG_MAX];
    struct buf b = buf_over(text, sizeof text);

    new_branch(w->branch, sizeof w->branch);
    buf_printf(&b,
               "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/WS %s;branch=%s\r\nMax-Forwards: 70\r\n"
               "To: <sip:%s@%s>\r\nFrom: <sip:%s@%s>;tag=%s\r\nCall-ID: %s\r\nCSeq: %u REGISTER\r\n"
               "Contact: <sip:%s@%s;transport=ws>;reg-id=1;+sip.instance=\"<urn:uuid:%s>\";expires=600\r\n"
               "Expires: 600\r\nSupported: path, outbound\r\n%sContent-Length: 0\r\n\r\n",
               w->conf.domain, w->host, w->branch, w->conf.user, w->conf.domain, w->conf.user,
               w->conf.domain, w->tag, w->call_id, ++w->cseq, w->conf.user, w->host, w->instance,
               authorization);
    put(w, &b);
}

static void answer_challenge(struct wic *w, struct sv challenge)
{
    char login[300], uri[160], value[1200], header[1300];

    snprintf(login, sizeof login, "%s:%s", w->conf.user, w->conf.password);
    snprintf(uri, sizeof uri, "sip:%s", w->conf.domain);
    if (login_digest(value, sizeof value, sv_from(login), challenge, "REGISTER", uri)) {
        tell(w, WIC_FAILED, SV("no digest in the challenge"));
        return;
    }
    snprintf(header, sizeof header, "Authorization: %s\r\n", value);
    send_register(w, header);
}

/* --- reading SIP --- */

struct in {
    struct sv start, headers, body;
    int status;
    struct sv cseq_method;
};

static struct sv header(const struct in *m, const char *name)
{
    struct sv rest = m->headers;

    while (rest.n) {
        struct sv line = sv_line(&rest), value = line;
        struct sv n = sv_trim(sv_cut(&value, ':'));

        if (sv_iis(n, name))
            return sv_trim(value);
    }
    return SV_NONE;
}

static int parse(struct sv text, struct in *m)
{
    const char *end = memmem(text.p, text.n, "\r\n\r\n", 4);
    struct sv head, word;
    uint32_t status = 0;

    if (!end)
        return -EBADMSG;
    head = (struct sv){text.p, (size_t)(end - text.p)};
    *m = (struct in){.body = {end + 4, text.n - head.n - 4}};
    m->start = sv_line(&head);
    m->headers = head;
    word = m->start;
    if (sv_is(sv_word(&word), "SIP/2.0"))
        sv_u32(sv_word(&word), 699, &status);
    m->status = (int)status;
    word = header(m, "CSeq");
    sv_word(&word);
    m->cseq_method = sv_word(&word);
    return 0;
}

static void reply(struct wic *w, const struct in *m, int status, const char *reason)
{
    char text[MSG_MAX];
    struct buf b = buf_over(text, sizeof text);
    struct sv rest = m->headers;

    buf_printf(&b, "SIP/2.0 %d %s\r\n", status, reason);
    while (rest.n) {
        struct sv line = sv_line(&rest), value = line, name = sv_trim(sv_cut(&value, ':'));

        if (sv_iis(name, "Via") || sv_iis(name, "From") || sv_iis(name, "To") ||
            sv_iis(name, "Call-ID") || sv_iis(name, "CSeq"))
            buf_printf(&b, "%.*s\r\n", SV_ARG(line));
    }
    buf_str(&b, "Content-Length: 0\r\n\r\n");
    put(w, &b);
}

/* --- MSRP on the channel --- */

static void msrp_send(struct wic *w, const char *head, struct sv body, const char *tid)
{
    char text[MSG_MAX];
    struct buf b = buf_over(text, sizeof text);

    buf_printf(&b, "MSRP %s SEND\r\nTo-Path: %s\r\nFrom-Path: %s\r\n%s", tid, w->remote_path, w->path,
               head);
    if (body.n)
        buf_printf(&b, "Content-Type: text/plain\r\n\r\n%.*s\r\n", SV_ARG(body));
    buf_printf(&b, "-------%s$\r\n", tid);
    if (!buf_err(&b))
        browser_send(w->browser, 0, false, text, b.len);
}

int wic_send_text(struct wic *w, const char *text)
{
    char tid[13], head[160], id[13];

    if (!w->browser)
        return -ENOTCONN;
    rnd_text(tid, 12);
    rnd_text(id, 12);
    snprintf(head, sizeof head, "Message-ID: %s\r\nByte-Range: 1-%zu/%zu\r\n", id, strlen(text),
             strlen(text));
    msrp_send(w, head, sv_from(text), tid);
    return 0;
}

/* As many chunks as the association takes; the rest when it is writable again. */
static void file_go_on(void *arg)
{
    static char text[WIC_FILE_CHUNK + 1024];
    struct wic *w = arg;
    size_t take = 1;

    while (take && w->browser && w->file.sent < w->file.size) {
        struct buf b = buf_over(text, sizeof text);
        char tid[13];

        rnd_text(tid, 12);
        take = wic_file_chunk(&w->file, tid, w->remote_path, w->path, &b);
        if (buf_err(&b) || browser_send(w->browser, 0, true, text, b.len))
            return;
        w->file.sent += take;
    }
}

int wic_send_file(struct wic *w, size_t size)
{
    if (!w->browser)
        return -ENOTCONN;
    wic_file_init(&w->file, size);
    file_go_on(w);
    return 0;
}

static void on_file_echo(struct wic *w, const struct in *m, struct sv body)
{
    int got = wic_file_back(&w->file, header(m, "Byte-Range"), body);
    char text[64];

    if (got < 0) {
        fprintf(stderr, "wic %s: the file differs behind octet %zu\n", w->conf.user, w->file.back);
        wic_hangup(w); /* without its WIC_MESSAGE the call counts as failed */
    } else if (got == 1) {
        snprintf(text, sizeof text, "the file, %zu octets, every one as sent", w->file.size);
        tell(w, WIC_MESSAGE, sv_from(text));
    }
}

static void on_message(void *arg, uint16_t sid, bool binary, const void *p, size_t n)
{
    struct wic *w = arg;
    struct in m;
    struct sv text = {p, n}, line, from;
    char out[2048], tid[40], mark[64];
    const char *end;
    struct buf b = buf_over(out, sizeof out);

    (void)binary;
    if (sid || parse(text, &m)) {
        /* no body: headers end with the end line */
        m = (struct in){.headers = text};
        m.start = sv_line(&m.headers);
    }
    line = m.start;
    sv_word(&line);
    sv_copy(sv_word(&line), tid, sizeof tid);
    if (!sv_is(sv_word(&line), "SEND"))
        return;
    from = header(&m, "From-Path");
    buf_printf(&b, "MSRP %s 200 OK\r\nTo-Path: %.*s\r\nFrom-Path: %s\r\n-------%s$\r\n", tid,
               SV_ARG(from), w->path, tid);
    if (!buf_err(&b))
        browser_send(w->browser, 0, false, out, b.len);
    snprintf(mark, sizeof mark, "\r\n-------%s", tid);
    end = m.body.n ? memmem(m.body.p, m.body.n, mark, strlen(mark)) : NULL;
    if (end && sv_iis(header(&m, "Content-Type"), "application/octet-stream"))
        on_file_echo(w, &m, (struct sv){m.body.p, (size_t)(end - m.body.p)});
    else if (end)
        tell(w, WIC_MESSAGE, (struct sv){m.body.p, (size_t)(end - m.body.p)});
}

static void on_browser(void *arg, enum browser_event ev, const char *text)
{
    struct wic *w = arg;

    if (ev == BROWSER_DTLS_UP && w->conf.audio) {
        if (wic_audio_new(&w->audio, w->conf.loop, w->browser, w->conf.audio))
            tell(w, WIC_FAILED, SV("no memory"));
    } else if (ev == BROWSER_SCTP_UP)
        tell(w, WIC_CHANNEL_UP, SV_NONE);
    else if (ev == BROWSER_DTLS_FAILED)
        tell(w, WIC_FAILED, sv_from(text));
    else if (ev == BROWSER_CHAN_RESET || ev == BROWSER_CLOSED) {
        char news[64];
        int n = snprintf(news, sizeof news, "%s%s", ev == BROWSER_CHAN_RESET ? "channel reset " : "", text);

        tell(w, WIC_NEWS, (struct sv){news, (size_t)n});
    }
}

static void on_rtp(void *arg, const uint8_t *p, size_t n)
{
    struct wic *w = arg;
    char text[64];

    if (w->audio && wic_audio_input(w->audio, p, n)) {
        snprintf(text, sizeof text, "%d packets of the tone", WIC_AUDIO_NEEDED);
        tell(w, WIC_MESSAGE, sv_from(text));
    }
}

static void audio_over(struct wic *w)
{
    const struct wic_audio_counts now = wic_audio_counts(w->audio);

    w->heard.sent += now.sent;
    w->heard.back += now.back;
    w->heard.wrong += now.wrong;
    wic_audio_free(w->audio);
    w->audio = NULL;
}

struct wic_audio_counts wic_audio_of(const struct wic *w)
{
    const struct wic_audio_counts now = wic_audio_counts(w->audio);

    return (struct wic_audio_counts){w->heard.sent + now.sent, w->heard.back + now.back, w->heard.wrong + now.wrong};
}

bool wic_hush(struct wic *w)
{
    const struct wic_audio_counts now = wic_audio_counts(w->audio);

    if (w->audio)
        wic_audio_hush(w->audio);
    return now.back >= now.sent;
}

struct browser *wic_browser(struct wic *w)
{
    return w->browser;
}

/* --- INVITE --- */

static void print_offer(struct wic *w, struct buf *b)
{
    buf_printf(b, "v=0\r\no=- %u 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", rnd_u32() & 0xffffff);
    if (w->conf.audio) {
        wic_audio_offer(b, w->browser, w->conf.media_ip);
        return;
    }
    buf_printf(b,
               "m=application %u UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN %s %s\r\n"
               "a=candidate:1 1 udp 2122260223 %s %u typ host\r\n"
               "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:actpass\r\n"
               "a=connection:new\r\na=mid:0\r\na=sctp-port:%u\r\na=max-message-size:262144\r\n"
               "a=dcmap:0 label=\"chat\";subprotocol=\"MSRP\"\r\n"
               "a=dcsa:0 setup:actpass\r\na=dcsa:0 accept-types:text/plain\r\na=dcsa:0 path:%s\r\n",
               browser_port(w->browser), strchr(w->conf.media_ip, ':') ? "IP6" : "IP4", w->conf.media_ip, w->conf.media_ip,
               browser_port(w->browser), browser_ufrag(w->browser), browser_pwd(w->browser),
               browser_fingerprint(w->browser), SCTP_PORT, w->path);
}

static void request(struct wic *w, const char *method, unsigned cseq, const char *uri,
                    const char *extra, struct sv body)
{
    char text[MSG_MAX];
    struct buf b = buf_over(text, sizeof text);

    if (strcmp(method, "CANCEL"))
        new_branch(w->inv_branch, sizeof w->inv_branch);
    buf_printf(&b,
               "%s %s SIP/2.0\r\nVia: SIP/2.0/WS %s;branch=%s\r\nMax-Forwards: 70\r\nTo: %s\r\n"
               "From: <sip:%s@%s>;tag=%s\r\nCall-ID: %s\r\nCSeq: %u %s\r\n"
               "Contact: <sip:%s@%s;transport=ws>\r\n%sContent-Length: %zu\r\n\r\n%.*s",
               method, uri, w->host, w->inv_branch, w->to, w->conf.user, w->conf.domain, w->inv_tag,
               w->inv_id, cseq, method, w->conf.user, w->host, extra, body.n, SV_ARG(body));
    put(w, &b);
}

int wic_call(struct wic *w, const char *callee)
{
    struct browser_h h = {.event = on_browser, .message = on_message, .writable = file_go_on,
                          .rtp = on_rtp, .arg = w};
    char sdp[4096];
    struct buf b = buf_over(sdp, sizeof sdp);
    int err;

    if (w->state != IDLE)
        return -EBUSY;
    err = browser_new(&w->browser, w->conf.loop, w->conf.media_ip, &h);
    if (err)
        return err;
    w->state = CALLING;
    snprintf(w->callee, sizeof w->callee, "%s", callee);
    snprintf(w->to, sizeof w->to, "<%s>", callee);
    snprintf(w->target, sizeof w->target, "%s", callee);
    rnd_text(w->inv_id, 20);
    rnd_text(w->inv_tag, 10);
    rnd_text(w->sess, 12);
    snprintf(w->path, sizeof w->path, "msrps://%s:9/%s;dc", w->host, w->sess);
    w->inv_cseq = 1;
    print_offer(w, &b);
    request(w, "INVITE", w->inv_cseq, callee, "Content-Type: application/sdp\r\n", buf_sv(&b));
    return buf_err(&b);
}

/* The gateway's last resort stands last (RFC 6544 4.2: the lowest priority). */
static int dial(struct wic *w, const struct sdp_media *m)
{
    const struct sdp_attr *at;
    struct sdp_candidate c;
    struct addr last;
    bool any = false;

    for (at = sdp_attr_find(m->attrs, "candidate"); at; at = sdp_attr_next(at, "candidate"))
        if (!sdp_candidate_parse(at->value, &c) && sv_iis(c.transport, "tcp") && !addr_parse(&last, c.addr, c.port))
            any = true;
    return any ? browser_dial(w->browser, &last) : -EPROTO;
}

static int take_answer(struct wic *w, struct sv text)
{
    struct arena *a = arena_new(ARENA_LIMIT);
    struct sdp *s;
    struct sdp_err why;
    const struct sdp_attr *at, *fp, *ufrag, *pwd, *setup;
    struct addr remote;
    char u[64], p[64], f[256];
    uint16_t port = 0; /* no data channel */
    int err = a ? sdp_parse(a, text, SDP_SIP, &s, &why) : -ENOMEM;

    if (err)
        goto out;
    err = -EBADMSG;
    fp = sdp_attr_of(s, s->media, "fingerprint");
    ufrag = sdp_attr_of(s, s->media, "ice-ufrag");
    pwd = sdp_attr_of(s, s->media, "ice-pwd");
    setup = sdp_attr_of(s, s->media, "setup");
    if (!s->media || !fp || !ufrag || !pwd || !setup || !sdp_conn_of(s, s->media) ||
        (!w->conf.audio && sdp_sctp_port(s, s->media, &port)) ||
        addr_parse(&remote, sdp_conn_of(s, s->media)->addr, (uint16_t)s->media->port))
        goto out;
    for (at = sdp_attr_find(s->media->attrs, "dcsa"); at; at = sdp_attr_next(at, "dcsa")) {
        struct sdp_attr sub;
        uint16_t id;

        if (!sdp_dcsa_parse(at->value, &id, &sub) && sv_is(sub.name, "path"))
            sv_copy(sub.value, w->remote_path, sizeof w->remote_path);
    }
    sv_copy(ufrag->value, u, sizeof u);
    sv_copy(pwd->value, p, sizeof p);
    sv_copy(fp->value, f, sizeof f);
    err = w->conf.tcp ? dial(w, s->media) : 0;
    if (err)
        goto out;
    err = browser_start(w->browser, &remote, u, p, f,
                        sdp_setup_parse(setup->value) == SDP_SETUP_PASSIVE, port ? SCTP_PORT : 0, port);
out:
    arena_free(a);
    return err;
}

/* What the transport got before the call ended counts, whichever of our sockets is looked at first. */
static void call_over(struct wic *w, enum wic_event ev, struct sv text)
{
    browser_catch_up(w->browser, ev == WIC_ENDED && w->state != LEAVING ? w->conf.linger_ms : 0);
    audio_over(w);
    browser_free(w->browser);
    w->browser = NULL;
    w->state = IDLE;
    tell(w, ev, text);
}

static void refused(struct wic *w, const struct in *m)
{
    struct sv retry = header(m, "Retry-After");
    char why[160];

    snprintf(why, sizeof why, "%.*s%s%.*s", SV_ARG(m->start), retry.n ? "; Retry-After: " : "", SV_ARG(retry));
    call_over(w, WIC_FAILED, sv_from(why));
}

static void on_invite_answer(struct wic *w, const struct in *m)
{
    struct sv contact = header(m, "Contact");

    if (m->status < 200) {
        if (m->status >= 180)
            tell(w, WIC_RINGING, m->start);
        return;
    }
    sv_copy(header(m, "To"), w->to, sizeof w->to);
    if (contact.n && contact.p[0] == '<') {
        contact.p++;
        contact.n--;
        sv_copy(sv_cut(&contact, '>'), w->target, sizeof w->target);
    }
    request(w, "ACK", w->inv_cseq, w->target, "", SV_NONE);
    if (w->state != CALLING)
        return; /* a repeat of the 200 */
    if (m->status >= 300) {
        refused(w, m);
        return;
    }
    w->state = UP;
    if (take_answer(w, m->body)) {
        tell(w, WIC_FAILED, SV("the answer cannot be used"));
        wic_hangup(w);
        return;
    }
    tell(w, WIC_ESTABLISHED, SV_NONE);
}

void wic_hangup(struct wic *w)
{
    if (w->state == UP) {
        w->state = LEAVING;
        request(w, "BYE", ++w->inv_cseq, w->target, "", SV_NONE);
    } else if (w->state == CALLING) {
        request(w, "CANCEL", w->inv_cseq, w->callee, "", SV_NONE);
    }
}

static void on_ws_message(void *arg, struct sv text)
{
    struct wic *w = arg;
    struct in m;

    if (parse(text, &m))
        return; /* keep-alive */
    if (!m.status) {
        bool bye = sv_is(m.cseq_method, "BYE");

        if (!sv_is(m.cseq_method, "ACK"))
            reply(w, &m, bye || sv_is(m.cseq_method, "OPTIONS") ? 200 : 501,
                  bye ? "OK" : "Not Implemented");
        if (bye && w->state != IDLE)
            call_over(w, WIC_ENDED, SV("by the other side"));
    } else if (sv_is(m.cseq_method, "REGISTER")) {
        if (m.status == 401)
            answer_challenge(w, header(&m, "WWW-Authenticate"));
        else if (m.status >= 200)
            tell(w, m.status < 300 ? WIC_REGISTERED : WIC_FAILED, m.start);
    } else if (sv_is(m.cseq_method, "INVITE")) {
        on_invite_answer(w, &m);
    } else if (sv_is(m.cseq_method, "BYE") && m.status >= 200 && w->state == LEAVING) {
        call_over(w, WIC_ENDED, SV("by us"));
    }
}

static void on_ws_open(void *arg)
{
    struct wic *w = arg;

    w->ws_open = true;
    send_register(w, "");
}

static void on_ws_closed(void *arg, const char *why)
{
    struct wic *w = arg;

    w->ws = NULL;
    w->ws_open = false;
    tell(w, WIC_FAILED, sv_from(why));
}

int wic_new(struct wic **wp, const struct wic_conf *conf)
{
    struct wic *w = calloc(1, sizeof *w);
    struct wsc_h h = {.open = on_ws_open, .message = on_ws_message, .closed = on_ws_closed, .arg = w};
    char r[13];
    int err;

    if (!w)
        return -ENOMEM;
    w->conf = *conf;
    rnd_text(r, 12);
    snprintf(w->host, sizeof w->host, "%s.invalid", r);
    rnd_text(w->instance, 32);
    rnd_text(w->call_id, 20);
    rnd_text(w->tag, 10);
    *wp = w;
    err = wsc_new(&w->ws, conf->ws, conf->url, conf->origin, &h);
    if (err) {
        *wp = NULL;
        free(w);
    }
    return err;
}

void wic_vanish(struct wic *w)
{
    if (w->ws)
        wsc_vanish(w->ws);
    w->ws = NULL;
    w->ws_open = false;
    if (w->browser)
        browser_mute(w->browser, true);
}

void wic_free(struct wic *w)
{
    if (!w)
        return;
    if (w->ws)
        wsc_vanish(w->ws);
    wic_audio_free(w->audio);
    browser_free(w->browser);
    free(w);
}
