#include "alg/sip/core_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sofia-sip/tport_tag.h>

#include "alg/sip/core.h"
#include "common/log.h"

#define CHAIN_MAX 5 /* certificates below the CA */

struct core_tls {
    struct sip *sip;
    bool verify, mutual;
    char **peers;   /* who may connect; NULL: who has a certificate */
    bool starting;  /* the next SSL_CTX is Sofia's */
    SSL_CTX *ctx[2];
    unsigned n_ctx;
    int ctx_index, ssl_index;
    const SSL *last; /* whose handshake moved last: what Sofia says next is of it */
    unsigned dialing; /* the hop that whatever is opened now is for */
    struct conn {
        SSL *ssl;
        unsigned hop;   /* it was opened for; 0: somebody opened it to us */
        msec_t since;
        struct addr own, peer; /* with the first event on it; unset: none yet */
        bool watched; /* its BIO tells us when Sofia is done with both */
        bool done;
        bool told;    /* why it is over: what else is said of it is no news */
    } *v;
    unsigned n, room;
};

/* --- what Sofia leaves behind --- */

static void on_new_ctx(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    struct core_tls *t = argp;

    (void)ptr, (void)ad, (void)index, (void)argl;
    if (t->starting && t->n_ctx < ARRAY_LEN(t->ctx))
        t->ctx[t->n_ctx++] = parent;
}

static void on_new_ssl(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    struct core_tls *t = argp;
    bool ours = false;
    void *more;

    (void)ptr, (void)ad, (void)index, (void)argl;
    for (unsigned i = 0; i < t->n_ctx; i++)
        ours = ours || SSL_get_SSL_CTX(parent) == t->ctx[i];
    if (!ours)
        return;
    if (t->n == t->room) {
        more = realloc(t->v, (t->room + 64) * sizeof *t->v);
        if (!more)
            return;
        t->v = more;
        t->room += 64;
    }
    t->v[t->n++] = (struct conn){.ssl = parent, .since = net_now_ms(), .hop = t->dialing};
}

/* Sofia shuts the SSL down and gives its BIO back last, long after the socket was closed when a request still waits on it.
 * An SSL owns its BIO twice, for reading and for writing. While it is watched one of these is lent, so that Sofia's is the
 * last and is told here; it stays until the SSL goes. */
static long on_bio(BIO *bio, int op, const char *p, size_t n, int argi, long argl, int ret, size_t *processed)
{
    struct core_tls *t = (struct core_tls *)BIO_get_callback_arg(bio);

    (void)p, (void)n, (void)argi, (void)argl, (void)processed;
    for (unsigned i = 0; op == BIO_CB_FREE && i < t->n; i++)
        if (t->v[i].watched && !t->v[i].done && SSL_get_rbio(t->v[i].ssl) == bio) {
            t->v[i].done = true;
            BIO_up_ref(bio);
            BIO_up_ref(bio);
            return 0; /* not freed */
        }
    return ret;
}

static void look_at(struct core_tls *t, unsigned i)
{
    BIO *bio = SSL_get_rbio(t->v[i].ssl);

    if (t->v[i].watched || !bio || SSL_get_wbio(t->v[i].ssl) != bio)
        return;
    SSL_CTX_up_ref(SSL_get_SSL_CTX(t->v[i].ssl)); /* Sofia gives one back that it never took */
    BIO_set_callback_arg(bio, (char *)t);
    BIO_set_callback_ex(bio, on_bio);
    t->v[i].watched = true; /* Sofia may have given its own back already: then this is the last, and told */
    BIO_free(bio);
}

static bool ends_of(const SSL *ssl, struct addr *own, struct addr *peer)
{
    socklen_t n = sizeof own->u, m = sizeof peer->u;

    memset(own, 0, sizeof *own);
    memset(peer, 0, sizeof *peer);
    return !getsockname(SSL_get_fd(ssl), &own->u.sa, &n) && !getpeername(SSL_get_fd(ssl), &peer->u.sa, &m);
}

/* Once; only now it is known who connected to whom. */
static void note_ends(const struct core_tls *t, struct conn *v)
{
    const struct self *at;

    if (v->peer.u.sa.sa_family)
        return;
    if (!ends_of(v->ssl, &v->own, &v->peer))
        v->peer.u.sa.sa_family = AF_UNSPEC;
    at = self_at(t->sip, &v->own);
    if (at && at->tls)
        v->hop = 0;
}

/* With the first event on it, so before Sofia may have closed it. */
static void on_info(const SSL *ssl, int where, int ret)
{
    struct core_tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    (void)ret;
    t->last = ssl;
    for (unsigned i = t->n; where == SSL_CB_HANDSHAKE_START && i-- > 0;)
        if (t->v[i].ssl == ssl) {
            note_ends(t, &t->v[i]);
            look_at(t, i);
            return;
        }
}

static void on_free_ssl(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    struct core_tls *t = argp;

    (void)ptr, (void)ad, (void)index, (void)argl;
    if (t->last == parent)
        t->last = NULL;
    for (unsigned i = 0; i < t->n; i++)
        if (t->v[i].ssl == parent) {
            if (t->v[i].watched && !t->v[i].done)
                BIO_up_ref(SSL_get_rbio(parent)); /* back from the loan: both go now */
            t->v[i] = t->v[--t->n];
            return;
        }
}

static void peers_free(char **peers)
{
    for (unsigned i = 0; peers && peers[i]; i++)
        free(peers[i]);
    free(peers);
}

int core_tls_new(struct core_tls **tp, struct sip *s, const struct sip_tls_conf *conf)
{
    struct core_tls *t = calloc(1, sizeof *t);
    bool ok;

    if (!t)
        return -ENOMEM;
    t->sip = s;
    t->verify = conf->verify;
    t->mutual = conf->mutual;
    t->peers = conf->n_peers ? calloc(conf->n_peers + 1, sizeof *t->peers) : NULL;
    ok = t->peers || !conf->n_peers;
    for (unsigned i = 0; ok && i < conf->n_peers; i++)
        ok = (t->peers[i] = strdup(conf->peers[i])) != NULL;
    t->ctx_index = SSL_CTX_get_ex_new_index(0, t, on_new_ctx, NULL, NULL);
    t->ssl_index = SSL_get_ex_new_index(0, t, on_new_ssl, NULL, on_free_ssl);
    *tp = t;
    return t->ctx_index < 0 || t->ssl_index < 0 || !ok ? -ENOMEM : 0;
}

/* all: Sofia's agent is gone. One without an event yet is open: Sofia's timer for it is longer than a tick. */
static void reap(struct core_tls *t, bool all)
{
    for (unsigned i = t->n; i-- > 0;) {
        if (!all) {
            look_at(t, i);
            note_ends(t, &t->v[i]);
        }
        if (t->v[i].watched && (all || t->v[i].done))
            SSL_free(t->v[i].ssl); /* on_free_ssl puts the last one here, which was looked at already */
    }
}

/* Sofia waits for ever for a handshake that messages wait for, and 64 s for others. It is told by the socket, if that is still
 * this connection's: a number of Sofia's may be somebody else's by now. */
static bool is_shaking(const struct conn *v)
{
    return !v->told && !v->done && !SSL_is_init_finished(v->ssl) && v->peer.u.sa.sa_family;
}

static bool end_it(const struct core_tls *t, struct conn *v)
{
    struct addr own, peer;

    if (!ends_of(v->ssl, &own, &peer) || !addr_eq(&own, &v->own) || !addr_eq(&peer, &v->peer))
        return false;
    for (unsigned i = 0; i < t->n; i++)
        if (&t->v[i] != v && !t->v[i].done && SSL_get_fd(t->v[i].ssl) == SSL_get_fd(v->ssl))
            return false;
    v->told = true;
    shutdown(SSL_get_fd(v->ssl), SHUT_RDWR);
    return true;
}

void core_tls_tick(struct core_tls *t, msec_t now, void (*late)(void *arg, unsigned hop, const struct addr *peer), void *arg)
{
    const msec_t late_since = now > CORE_TLS_HANDSHAKE_MS ? now - CORE_TLS_HANDSHAKE_MS : 0;
    msec_t oldest = MSEC_NEVER, newest = 0, since = late_since;
    unsigned n = 0;

    if (!t)
        return;
    reap(t, false);
    for (unsigned i = 0; i < t->n; i++)
        if (is_shaking(&t->v[i]) && !t->v[i].hop) {
            n++;
            oldest = t->v[i].since < oldest ? t->v[i].since : oldest;
            newest = t->v[i].since > newest ? t->v[i].since : newest;
        }
    /* Too many: the older part, as much of it as there are too many, if they came evenly. */
    if (n > CORE_TLS_SHAKING_MAX && since < oldest + (newest - oldest) * (n - CORE_TLS_SHAKING_MAX) / n)
        since = oldest + (newest - oldest) * (n - CORE_TLS_SHAKING_MAX) / n;
    for (unsigned i = 0; i < t->n; i++)
        if (is_shaking(&t->v[i]) && t->v[i].since < (t->v[i].hop ? late_since : since) && end_it(t, &t->v[i]))
            late(arg, t->v[i].hop, &t->v[i].peer);
}

void core_tls_dial(struct core_tls *t, unsigned hop)
{
    if (t)
        t->dialing = hop;
}

void core_tls_share(struct agent *a, bool share)
{
    tport_t *tp = tport_primaries(nta_agent_tports(a->nta));

    for (; tp; tp = tport_next(tp))
        if (tport_has_tls(tp))
            tport_set_params(tp, TPTAG_REUSE(share), TAG_END());
}

void core_tls_free(struct core_tls *t)
{
    if (!t)
        return;
    reap(t, true);
    CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL_CTX, t->ctx_index);
    CRYPTO_free_ex_index(CRYPTO_EX_INDEX_SSL, t->ssl_index);
    peers_free(t->peers);
    free(t->v);
    free(t);
}

/* --- whose certificate it is --- */

/* RFC 5922 7.1, 7.2: a sip URI without a user, or a DNS name; whole, without wildcards. */
static bool name_is(const GENERAL_NAME *n, const char *want, const struct addr *number)
{
    const ASN1_STRING *v;
    const char *text;
    size_t len;

    if (n->type == GEN_IPADD && number) {
        v = n->d.iPAddress;
        return addr_is_v6(number) ? ASN1_STRING_length(v) == 16 && !memcmp(ASN1_STRING_get0_data(v), &number->u.in6.sin6_addr, 16)
                                  : ASN1_STRING_length(v) == 4 && !memcmp(ASN1_STRING_get0_data(v), &number->u.in4.sin_addr, 4);
    }
    if (n->type != GEN_DNS && n->type != GEN_URI)
        return false;
    v = n->type == GEN_DNS ? n->d.dNSName : n->d.uniformResourceIdentifier;
    text = (const char *)ASN1_STRING_get0_data(v);
    len = (size_t)ASN1_STRING_length(v);
    if (n->type == GEN_URI) {
        if (len < 4 || strncasecmp(text, "sip:", 4) != 0)
            return false;
        text += 4;
        len -= 4;
    }
    return len == strlen(want) && !memchr(text, 0, len) && !strncasecmp(text, want, len);
}

static bool common_name_is(X509 *x, const char *want)
{
    const X509_NAME *subject = X509_get_subject_name(x);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const ASN1_STRING *v = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    unsigned char *text = NULL;
    const int n = v ? ASN1_STRING_to_UTF8(&text, v) : -1;
    const bool is = n > 0 && (size_t)n == strlen(want) && !strncasecmp((const char *)text, want, (size_t)n);

    OPENSSL_free(text);
    return is;
}

static bool is_of(X509 *x, const char *want)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    struct addr number;
    const bool numeric = !addr_parse(&number, sv_from(want), 0);
    bool found = !names && X509_get_ext_by_NID(x, NID_subject_alt_name, -1) < 0 && common_name_is(x, want);

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++)
        found = name_is(sk_GENERAL_NAME_value(names, i), want, numeric ? &number : NULL);
    GENERAL_NAMES_free(names);
    return found;
}

/* Empty: anybody's will do. */
static bool is_wanted(const struct core_tls *t, const struct conn *v, X509 *x)
{
    const struct hop *hop = hops_by_id(&t->sip->core->hops, v->hop);
    char text[ADDR_STRLEN];
    bool found = !t->peers;

    if (!SSL_is_server(v->ssl))
        return !t->verify || is_of(x, hop && hop->name[0] ? hop->name : addr_host(&v->peer, text));
    for (unsigned i = 0; !found && t->peers[i]; i++)
        found = is_of(x, t->peers[i]);
    return found;
}

/* In OpenSSL's place, after it has judged the chain. Sofia would look at the names, too, and leak them: 230 octets of each
 * connection, and nothing stops whoever has a certificate from connecting. So they are looked at here, and taken away before it
 * sees them. */
static int on_certificate(X509_STORE_CTX *sc, void *arg)
{
    struct core_tls *t = arg;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(sc, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *x = X509_STORE_CTX_get0_cert(sc);
    int ok = X509_verify_cert(sc), at;

    for (unsigned i = 0; ok == 1 && i < t->n; i++)
        if (t->v[i].ssl == ssl && !is_wanted(t, &t->v[i], x)) {
            core_refused(t->sip->core, t->v[i].hop, &t->v[i].peer, "certificate of another name");
            t->v[i].told = true;
            X509_STORE_CTX_set_error(sc, X509_V_ERR_HOSTNAME_MISMATCH);
            ok = 0;
        }
    while (x && (at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1)) >= 0)
        X509_EXTENSION_free(X509_delete_ext(x, at));
    return ok;
}

/* --- start --- */

/* Sofia reads DIR/agent.pem (certificate and key) and DIR/cafile.pem, once. */
static const char *const names[] = {"agent.pem", "cafile.pem"};

/* Said here, where the reason is known; Sofia would only fail, or go on without. */
static int check_files(const struct sip_tls_conf *conf)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    const char *what = NULL, *file = "";
    const char *why;

    if (!ctx)
        return -ENOMEM;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, conf->cert) != 1)
        what = "certificate", file = conf->cert;
    else if (SSL_CTX_use_PrivateKey_file(ctx, conf->key, SSL_FILETYPE_PEM) != 1)
        what = "private key, or it is not the certificate's", file = conf->key;
    else if (SSL_CTX_load_verify_file(ctx, conf->ca) != 1)
        what = "CAs", file = conf->ca;
    if (what) {
        why = ERR_reason_error_string(ERR_peek_error());
        log_error("sip", "side=mw msg=\"TLS: no %s\" file=%s why=\"%s\"", what, file, why ? why : "cannot be read");
    }
    SSL_CTX_free(ctx);
    return what ? -EINVAL : 0;
}

static int copy_text(FILE *out, const char *file)
{
    FILE *in = fopen(file, "re");
    char line[4096];
    int err = in ? 0 : -errno;

    while (in && fgets(line, sizeof line, in))
        fputs(line, out);
    fputc('\n', out);
    if (in)
        fclose(in);
    return err;
}

/* Those of the chain that are not its first. */
static int copy_chain(FILE *out, const char *file)
{
    FILE *in = fopen(file, "re");
    int err = in ? 0 : -errno;
    X509 *x;

    for (unsigned i = 0; in && (x = PEM_read_X509(in, NULL, NULL, NULL)); i++) {
        if (i && !PEM_write_X509(out, x))
            err = -EIO;
        X509_free(x);
    }
    ERR_clear_error(); /* the end of the file is one */
    if (in)
        fclose(in);
    return err;
}

/* Sofia takes one certificate of agent.pem; the rest of the chain is found among the CAs when it is sent. */
static int write_file(const char *dir, unsigned which, const struct sip_tls_conf *conf)
{
    char path[4200];
    FILE *f = NULL;
    int fd, err;

    snprintf(path, sizeof path, "%s/%s", dir, names[which]);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || !(f = fdopen(fd, "w"))) {
        err = -errno;
        if (fd >= 0)
            close(fd);
        return err;
    }
    err = copy_text(f, which ? conf->ca : conf->cert);
    if (!err)
        err = which ? copy_chain(f, conf->cert) : copy_text(f, conf->key);
    if (fclose(f) && !err)
        err = -EIO;
    return err;
}

static void remove_dir(const char *dir)
{
    char path[4200];

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

const char *core_tls_failure(const char *line)
{
    static const char *const starts[] = {"tls_post_connection_check(", "tls_connect(", "  err "};
    const char *at;

    for (unsigned i = 0; i < ARRAY_LEN(starts); i++) {
        if (strncmp(line, starts[i], strlen(starts[i])) != 0)
            continue;
        at = i < 2 ? strstr(line, "): ") : NULL;
        return at ? at + 3 : line + 2;
    }
    return NULL;
}

bool core_tls_refused(struct core_tls *t, unsigned *hop, struct addr *peer)
{
    for (unsigned i = 0; t && t->last && i < t->n; i++)
        if (t->v[i].ssl == t->last && !t->v[i].told) {
            *peer = t->v[i].peer;
            *hop = t->v[i].hop;
            t->v[i].told = true;
            return true;
        }
    return false;
}

int core_tls_listen(struct core_tls *t, struct agent *a, const char *url, const struct sip_tls_conf *conf)
{
    unsigned policy = (conf->verify ? TPTLS_VERIFY_OUTGOING : 0) | (conf->mutual ? TPTLS_VERIFY_INCOMING : 0);
    char dir[4096];
    int err = check_files(conf);

    if (!err && (mkdir(conf->dir, 0700) && errno != EEXIST))
        err = -errno;
    if (!err && (size_t)snprintf(dir, sizeof dir, "%s/core-tls.XXXXXX", conf->dir) >= sizeof dir)
        err = -ENAMETOOLONG;
    if (!err && !mkdtemp(dir))
        err = -errno;
    if (err)
        return err;
    for (unsigned i = 0; !err && i < ARRAY_LEN(names); i++)
        err = write_file(dir, i, conf);
    t->starting = true;
    if (!err && nta_agent_add_tport(a->nta, (url_string_t const *)url, TPTAG_CERTIFICATE(dir), TPTAG_TLS_VERIFY_POLICY(policy),
                                    TPTAG_TLS_VERIFY_DATE(1), TPTAG_TLS_VERIFY_DEPTH(CHAIN_MAX),
                                    TPTAG_IDLE(MW_IDLE_MS), TAG_END()))
        err = -EADDRINUSE;
    t->starting = false;
    for (unsigned i = 0; i < t->n_ctx; i++) {
        SSL_CTX_set_app_data(t->ctx[i], t);
        SSL_CTX_set_info_callback(t->ctx[i], on_info);
        SSL_CTX_set_cert_verify_callback(t->ctx[i], on_certificate, t);
    }
    if (!err && (!t->n_ctx || SSL_CTX_set_min_proto_version(t->ctx[t->n_ctx - 1], TLS1_2_VERSION) != 1))
        err = -EINVAL;
    remove_dir(dir);
    return err;
}
