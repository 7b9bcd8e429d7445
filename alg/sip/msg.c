/* Reading a message: Sofia's parsed headers as plain text. */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "alg/sip/agent.h"

void msg_open(struct sip_msg *m, struct sip *s, enum sip_side side, sip_flow flow, const sip_t *in)
{
    m->sip = s;
    m->side = side;
    m->flow = flow;
    m->in = in;
    memset(m->home, 0, sizeof m->home);
    su_home_init(m->home);
}

void msg_close(struct sip_msg *m)
{
    su_home_deinit(m->home);
}

bool msg_is_named(const msg_header_t *h, const char *name)
{
    if (h->sh_class->hc_hash == msg_unknown_hash)
        return !strcasecmp(((const msg_unknown_t *)h)->un_name, name);
    return h->sh_class->hc_name && !strcasecmp(h->sh_class->hc_name, name);
}

char *msg_field(su_home_t *home, const msg_header_t *h)
{
    char small[256];
    issize_t n;
    char *text;

    if (h->sh_class->hc_hash == msg_unknown_hash) {
        const char *v = ((const msg_unknown_t *)h)->un_value;

        return su_strdup(home, v ? v : "");
    }
    n = msg_header_field_e(small, sizeof small, h, 0);
    if (n < 0)
        return NULL;
    text = su_zalloc(home, n + 3);
    if (text) /* the encoder wants an octet to spare behind the last parameter, or leaves it out */
        msg_header_field_e(text, n + 2, h, 0);
    return text;
}

/* A parsed message is an array of slots, one a header class; a copied one has no other order. */
struct walk {
    msg_header_t *const *slot, *const *end;
    msg_header_t *next;
};

static struct walk walk_start(const sip_t *in)
{
    const msg_pub_t *pub = (const msg_pub_t *)in;

    if (!in)
        return (struct walk){0};
    return (struct walk){&pub->msg_request, (msg_header_t *const *)((const char *)pub + pub->msg_size), NULL};
}

static msg_header_t *walk_next(struct walk *w)
{
    msg_header_t *h;

    while (!w->next && w->slot < w->end)
        w->next = *w->slot++;
    h = w->next;
    if (h)
        w->next = h->sh_next;
    return h;
}

char *msg_value(su_home_t *home, const sip_t *in, const char *name)
{
    struct walk w = walk_start(in);
    const msg_header_t *h;
    char *all = NULL;

    while ((h = walk_next(&w))) {
        char *one;

        if (!msg_is_named(h, name) || !(one = msg_field(home, h)))
            continue;
        for (char *c = one; *c; c++)
            if (*c == '\r' || *c == '\n')
                *c = ' ';
        all = all ? su_sprintf(home, "%s, %s", all, one) : one;
    }
    return all;
}

bool msg_has(const struct sip_hdr *hdrs, const char *name)
{
    for (; hdrs && hdrs->name; hdrs++)
        if (!strcasecmp(hdrs->name, name))
            return true;
    return false;
}

const char *msg_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } newer[] = {{430, "Flow Failed"}, {439, "First Hop Lacks Outbound Support"}, {469, "Bad Info Package"}};
    const char *known = sip_status_phrase(status);

    for (unsigned i = 0; i < ARRAY_LEN(newer); i++) {
        if (newer[i].status == status)
            return newer[i].phrase;
    }
    return known && known[0] && known[0] != ' ' ? known : "Unknown";
}

char *msg_text(su_home_t *home, const sip_header_t *h)
{
    issize_t n = sip_header_field_e(NULL, 0, h, 0);
    isize_t room = n < 0 ? 0 : (isize_t)n + 16; /* Sofia leaves out a parameter that fits exactly */
    char *text = room ? su_alloc(home, room) : NULL;

    if (text && sip_header_field_e(text, room, h, 0) != (issize_t)strlen(text))
        text = NULL;
    return text;
}

char *msg_lines(su_home_t *home, const struct sip_hdr *hdrs)
{
    char *all = NULL;

    for (; hdrs && hdrs->name; hdrs++) {
        char *line = su_sprintf(home, "%s: %s", hdrs->name, hdrs->value ? hdrs->value : "");

        for (char *c = line; c && *c; c++)
            if (*c == '\r' || *c == '\n')
                *c = ' ';
        all = all ? su_sprintf(home, "%s\r\n%s", all, line) : line;
    }
    return all;
}

void msg_remove(msg_t *msg, sip_t *sip, const char *name)
{
    struct walk w = walk_start(sip);
    msg_header_t *h;

    while ((h = walk_next(&w)))
        if (msg_is_named(h, name))
            msg_header_remove(msg, (msg_pub_t *)sip, h);
}

void msg_sift(msg_t *msg, sip_t *sip, bool (*out)(void *arg, const msg_header_t *h), void *arg)
{
    struct walk w = walk_start(sip);
    msg_header_t *h;

    while ((h = walk_next(&w)))
        if (out(arg, h))
            msg_header_remove(msg, (msg_pub_t *)sip, h);
}

static const char *url_text(const struct sip_msg *m, const url_t *url)
{
    return url ? url_as_string((su_home_t *)m->home, url) : NULL;
}

const char *sip_msg_method(const struct sip_msg *m)
{
    if (m->in->sip_request)
        return m->in->sip_request->rq_method_name;
    return m->in->sip_cseq ? m->in->sip_cseq->cs_method_name : "";
}

int sip_msg_status(const struct sip_msg *m)
{
    return m->in->sip_status ? m->in->sip_status->st_status : 0;
}

const char *sip_msg_reason(const struct sip_msg *m)
{
    return m->in->sip_status ? m->in->sip_status->st_phrase : NULL;
}

const char *sip_msg_uri(const struct sip_msg *m)
{
    return m->in->sip_request ? url_text(m, m->in->sip_request->rq_url) : NULL;
}

const char *sip_msg_header(const struct sip_msg *m, const char *name)
{
    return msg_value((su_home_t *)m->home, m->in, name);
}

struct sv sip_msg_body(const struct sip_msg *m)
{
    const sip_payload_t *pl = m->in->sip_payload;

    return pl && pl->pl_len ? (struct sv){pl->pl_data, pl->pl_len} : SV_NONE;
}

const char *sip_msg_ctype(const struct sip_msg *m)
{
    const sip_content_type_t *c = m->in->sip_content_type;
    char *type = c && c->c_type ? su_strdup((su_home_t *)m->home, c->c_type) : NULL;

    for (char *p = type; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return type;
}

const char *sip_msg_call_id(const struct sip_msg *m)
{
    return m->in->sip_call_id ? m->in->sip_call_id->i_id : "";
}

const char *sip_msg_from_uri(const struct sip_msg *m)
{
    return m->in->sip_from ? url_text(m, m->in->sip_from->a_url) : "";
}

const char *sip_msg_to_uri(const struct sip_msg *m)
{
    return m->in->sip_to ? url_text(m, m->in->sip_to->a_url) : "";
}

const char *sip_msg_to_tag(const struct sip_msg *m)
{
    return m->in->sip_to ? m->in->sip_to->a_tag : NULL;
}

const char *sip_msg_peer_tag(const struct sip_msg *m)
{
    const sip_from_t *a = m->in->sip_status ? m->in->sip_to : m->in->sip_from;

    return a ? a->a_tag : NULL;
}

const char *sip_msg_contact(const struct sip_msg *m)
{
    return m->in->sip_contact ? url_text(m, m->in->sip_contact->m_url) : NULL;
}

uint32_t sip_msg_cseq(const struct sip_msg *m)
{
    return m->in->sip_cseq ? m->in->sip_cseq->cs_seq : 0;
}

enum sip_side sip_msg_side(const struct sip_msg *m)
{
    return m->side;
}

sip_flow sip_msg_flow(const struct sip_msg *m)
{
    return m->flow;
}
