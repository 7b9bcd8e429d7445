#include "alg/sip/core_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sofia-sip/tport_tag.h>

#include "alg/sip/agent.h"
#include "common/log.h"

#define CHAIN_MAX 5 /* certificates below the CA */

struct core_tls {
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
        bool late;    /* shut down: its handshake took too long */
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

static void note_ends(struct conn *v)
{
    if (!v->peer.u.sa.sa_family && !ends_of(v->ssl, &v->own, &v->peer))
        v->peer.u.sa.sa_family = AF_UNSPEC;
}

/* With the first event on it, so before Sofia may have closed it. */
static void on_info(const SSL *ssl, int where, int ret)
{
    struct core_tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    (void)ret;
    t->last = ssl;
    for (unsigned i = t->n; where == SSL_CB_HANDSHAKE_START && i-- > 0;)
        if (t->v[i].ssl == ssl) {
            note_ends(&t->v[i]);
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

int core_tls_new(struct core_tls **tp)
{
    struct core_tls *t = calloc(1, sizeof *t);

    if (!t)
        return -ENOMEM;
    t->ctx_index = SSL_CTX_get_ex_new_index(0, t, on_new_ctx, NULL, NULL);
    t->ssl_index = SSL_get_ex_new_index(0, t, on_new_ssl, NULL, on_free_ssl);
    *tp = t;
    return t->ctx_index < 0 || t->ssl_index < 0 ? -ENOMEM : 0;
}

/* all: Sofia's agent is gone. One without an event yet is open: Sofia's timer for it is longer than a tick. */
static void reap(struct core_tls *t, bool all)
{
    for (unsigned i = t->n; i-- > 0;) {
        if (!all) {
            look_at(t, i);
            note_ends(&t->v[i]);
        }
        if (t->v[i].watched && (all || t->v[i].done))
            SSL_free(t->v[i].ssl); /* on_free_ssl puts the last one here, which was looked at already */
    }
}

/* Sofia waits for ever for a handshake that messages wait for, and 64 s for others. It is told by the socket, if that is still
 * this connection's: a number of Sofia's may be somebody else's by now. */
static bool is_late(const struct core_tls *t, struct conn *v, msec_t now)
{
    struct addr own, peer;

    if (v->late || v->done || now - v->since < CORE_TLS_HANDSHAKE_MS || SSL_is_init_finished(v->ssl) || !v->peer.u.sa.sa_family ||
        !ends_of(v->ssl, &own, &peer) || !addr_eq(&own, &v->own) || !addr_eq(&peer, &v->peer))
        return false;
    for (unsigned i = 0; i < t->n; i++)
        if (&t->v[i] != v && !t->v[i].done && SSL_get_fd(t->v[i].ssl) == SSL_get_fd(v->ssl))
            return false;
    v->late = true;
    shutdown(SSL_get_fd(v->ssl), SHUT_RDWR);
    return true;
}

void core_tls_tick(struct core_tls *t, msec_t now, void (*late)(void *arg, unsigned hop, const struct addr *peer), void *arg)
{
    if (!t)
        return;
    reap(t, false);
    for (unsigned i = 0; i < t->n; i++)
        if (is_late(t, &t->v[i], now))
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
    free(t->v);
    free(t);
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

unsigned core_tls_refused(const struct core_tls *t, struct addr *peer)
{
    for (unsigned i = 0; t && t->last && i < t->n; i++)
        if (t->v[i].ssl == t->last && !SSL_is_server(t->last)) {
            *peer = t->v[i].peer;
            return t->v[i].hop;
        }
    return 0;
}

int core_tls_listen(struct core_tls *t, struct agent *a, const char *url, const struct sip_tls_conf *conf)
{
    unsigned policy = (conf->verify ? TPTLS_VERIFY_OUTGOING | TPTLS_VERIFY_SUBJECTS_OUT : 0) |
                      (conf->mutual ? TPTLS_VERIFY_INCOMING | TPTLS_VERIFY_SUBJECTS_IN : 0);
    su_home_t home[1] = {SU_HOME_INIT(home)};
    su_strlst_t *peers = NULL;
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
    if (conf->n_peers)
        peers = su_strlst_create(home);
    for (unsigned i = 0; i < conf->n_peers; i++)
        su_strlst_dup_append(peers, conf->peers[i]);
    for (unsigned i = 0; !err && i < ARRAY_LEN(names); i++)
        err = write_file(dir, i, conf);
    t->starting = true;
    if (!err && nta_agent_add_tport(a->nta, (url_string_t const *)url, TPTAG_CERTIFICATE(dir), TPTAG_TLS_VERIFY_POLICY(policy),
                                    TPTAG_TLS_VERIFY_DATE(1), TPTAG_TLS_VERIFY_DEPTH(CHAIN_MAX),
                                    TAG_IF(peers, TPTAG_TLS_VERIFY_SUBJECTS(peers)), TPTAG_IDLE(MW_IDLE_MS), TAG_END()))
        err = -EADDRINUSE;
    t->starting = false;
    for (unsigned i = 0; i < t->n_ctx; i++) {
        SSL_CTX_set_app_data(t->ctx[i], t);
        SSL_CTX_set_info_callback(t->ctx[i], on_info);
    }
    if (!err && (!t->n_ctx || SSL_CTX_set_min_proto_version(t->ctx[t->n_ctx - 1], TLS1_2_VERSION) != 1))
        err = -EINVAL;
    remove_dir(dir);
    if (peers)
        su_strlst_destroy(peers);
    su_home_deinit(home);
    return err;
}
