/* The registrar: MD5 digest with one nonce a challenge, bindings with Path. Accounts: alice, bob, carol and userN;
 * the password is the user's name followed by "-secret". */
#include <errno.h>
#include <openssl/evp.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/sip_util.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <utlist.h>

#include "common/enc.h"
#include "common/rnd.h"
#include "tests/lab/far.h"

#define BINDINGS_MAX 4096
#define NONCE_LEN 24

struct binding {
    char user[64], contact[512], path[1024];
    struct binding *prev, *next;
};

struct far_reg {
    struct binding *bindings;
    unsigned n;
    char nonce[NONCE_LEN + 1]; /* one for the whole run: a lab needs no replay protection */
};

static void md5_hex(const char *text, char out[33])
{
    uint8_t md[16];
    unsigned n = sizeof md;
    char hex[3 * 16 + 1];

    EVP_Digest(text, strlen(text), md, &n, EVP_md5(), NULL);
    enc_hex(md, sizeof md, 0, hex);
    for (int i = 0; i < 32; i++)
        out[i] = hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] + 32 : hex[i];
    out[32] = 0;
}

static void unquoted(const char *v, char *out, size_t size)
{
    struct sv s = sv_trim(sv_from(v));

    if (s.n >= 2 && s.p[0] == '"') {
        s.p++;
        s.n -= 2;
    }
    sv_copy(s, out, size);
}

static void param(const msg_auth_t *au, const char *name, char *out, size_t size)
{
    const char *v = msg_header_find_param((const msg_common_t *)au, name);

    unquoted(v ? v : "", out, size);
}

/* RFC 2617 3.2.2: response = MD5(HA1:nonce[:nc:cnonce:qop]:HA2) */
static bool digest_ok(struct far *f, const msg_auth_t *au)
{
    char user[128], realm[128], nonce[128], uri[512], resp[64], qop[16], nc[16], cnonce[128];
    char text[1400], ha1[33], ha2[33], want[33], name[64];

    param(au, "username=", user, sizeof user);
    param(au, "realm=", realm, sizeof realm);
    param(au, "nonce=", nonce, sizeof nonce);
    param(au, "uri=", uri, sizeof uri);
    param(au, "response=", resp, sizeof resp);
    param(au, "qop=", qop, sizeof qop);
    param(au, "nc=", nc, sizeof nc);
    param(au, "cnonce=", cnonce, sizeof cnonce);
    if (strcmp(nonce, f->reg->nonce) || strcmp(realm, f->conf.domain))
        return false;
    struct sv rest = sv_from(user);
    sv_copy(sv_cut(&rest, '@'), name, sizeof name);
    snprintf(text, sizeof text, "%s:%s:%s-secret", user, realm, name);
    md5_hex(text, ha1);
    snprintf(text, sizeof text, "REGISTER:%s", uri);
    md5_hex(text, ha2);
    if (qop[0])
        snprintf(text, sizeof text, "%s:%s:%s:%s:%s:%s", ha1, nonce, nc, cnonce, qop, ha2);
    else
        snprintf(text, sizeof text, "%s:%s:%s", ha1, nonce, ha2);
    md5_hex(text, want);
    return !strcasecmp(want, resp);
}

static struct binding *find(struct far_reg *r, const char *user, const char *contact)
{
    struct binding *b;

    DL_FOREACH(r->bindings, b)
    {
        if (!strcmp(b->user, user) && (!contact || !strcmp(b->contact, contact)))
            return b;
    }
    return NULL;
}

static void drop(struct far_reg *r, struct binding *b)
{
    DL_DELETE(r->bindings, b);
    free(b);
    r->n--;
}

/* All of them (sip_header_as_string of Sofia 1.12.11 gives the first, and may cut it behind 127 octets). false: they do not fit. */
static bool path_text(const sip_t *sip, char *out, size_t size)
{
    size_t n = 0;

    out[0] = 0;
    for (const sip_path_t *p = sip->sip_path; p; p = p->r_next) {
        issize_t got = sip_header_field_e(out + n, size - n, (const sip_header_t *)p, 0);

        if (got < 0 || n + (size_t)got + 16 > size) /* it leaves out a parameter that fits exactly */
            return false;
        n += (size_t)got;
        if (p->r_next)
            n += (size_t)snprintf(out + n, size - n, ", ");
    }
    return true;
}

static void store(struct far *f, const char *user, const char *contact, const sip_t *sip)
{
    struct far_reg *r = f->reg;
    struct binding *b = find(r, user, contact);
    char path[sizeof b->path];

    if (!path_text(sip, path, sizeof path))
        return;
    if (!b && r->n < BINDINGS_MAX) {
        b = calloc(1, sizeof *b);
        if (b) {
            DL_PREPEND(r->bindings, b); /* the newest is called */
            r->n++;
        }
    }
    if (b) {
        snprintf(b->user, sizeof b->user, "%s", user);
        snprintf(b->contact, sizeof b->contact, "%s", contact);
        snprintf(b->path, sizeof b->path, "%s", path);
    }
}

static void accept_register(struct far *f, nua_handle_t *nh, const sip_t *sip, const char *user)
{
    const sip_contact_t *m = sip->sip_contact;
    unsigned expires = sip->sip_expires ? (unsigned)sip->sip_expires->ex_delta : 3600;
    char contact[512] = "", route[128], assoc[256], out[640];

    if (m && m->m_url->url_type != url_any) {
        url_e(contact, sizeof contact, m->m_url);
        if (m->m_expires)
            expires = (unsigned)atoi(m->m_expires);
    }
    if (expires && contact[0]) {
        store(f, user, contact, sip);
    } else {
        struct binding *b = find(f->reg, user, contact[0] ? contact : NULL);

        if (b)
            drop(f->reg, b);
    }
    snprintf(out, sizeof out, "<%s>;expires=%u", contact, expires);
    if (f->conf.route)
        snprintf(route, sizeof route, "<%s>", f->conf.route);
    else
        snprintf(route, sizeof route, "<sip:orig@%s:%u;lr>", f->conf.host, f->conf.sip_port);
    snprintf(assoc, sizeof assoc, "P-Associated-URI: <sip:%s@%s>", user, f->conf.domain);
    printf("far end: %s %s\n", user, expires ? "registered" : "deregistered");
    fflush(stdout);
    nua_respond(nh, SIP_200_OK, NUTAG_WITH_THIS(f->nua),
                TAG_IF(contact[0] && expires, SIPTAG_CONTACT_STR(out)),
                TAG_IF(sip->sip_path, SIPTAG_PATH(sip->sip_path)),
                SIPTAG_SERVICE_ROUTE_STR(route),
                SIPTAG_HEADER_STR(assoc), TAG_END());
}

void far_reg_on_register(struct far *f, nua_handle_t *nh, const sip_t *sip)
{
    char challenge[256];
    const char *user = sip->sip_to->a_url->url_user;

    if (!user || strcasecmp(sip->sip_to->a_url->url_host, f->conf.domain)) {
        nua_respond(nh, SIP_404_NOT_FOUND, NUTAG_WITH_THIS(f->nua), TAG_END());
        return;
    }
    if (sip->sip_authorization && digest_ok(f, sip->sip_authorization)) {
        accept_register(f, nh, sip, user);
        return;
    }
    snprintf(challenge, sizeof challenge,
             "Digest realm=\"%s\", nonce=\"%s\", algorithm=MD5, qop=\"auth\"", f->conf.domain,
             f->reg->nonce);
    nua_respond(nh, SIP_401_UNAUTHORIZED, NUTAG_WITH_THIS(f->nua),
                SIPTAG_WWW_AUTHENTICATE_STR(challenge), TAG_END());
}

int far_reg_find(struct far *f, const char *user, const char **contact, const char **path)
{
    struct binding *b = find(f->reg, user, NULL);

    if (!b)
        return -ENOENT;
    *contact = b->contact;
    *path = b->path;
    return 0;
}

int far_reg_new(struct far *f)
{
    f->reg = calloc(1, sizeof *f->reg);
    if (!f->reg)
        return -ENOMEM;
    rnd_text(f->reg->nonce, NONCE_LEN);
    return 0;
}

void far_reg_free(struct far *f)
{
    struct binding *b, *tmp;

    if (!f->reg)
        return;
    DL_FOREACH_SAFE(f->reg->bindings, b, tmp)
    {
        drop(f->reg, b);
    }
    free(f->reg);
}
