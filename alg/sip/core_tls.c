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

int core_tls_listen(struct agent *a, const char *url, const struct sip_tls_conf *conf)
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
    if (!err && nta_agent_add_tport(a->nta, (url_string_t const *)url, TPTAG_CERTIFICATE(dir), TPTAG_TLS_VERIFY_POLICY(policy),
                                    TPTAG_TLS_VERIFY_DATE(1), TPTAG_TLS_VERIFY_DEPTH(CHAIN_MAX),
                                    TAG_IF(peers, TPTAG_TLS_VERIFY_SUBJECTS(peers)), TPTAG_IDLE(MW_IDLE_MS), TAG_END()))
        err = -EADDRINUSE;
    remove_dir(dir);
    if (peers)
        su_strlst_destroy(peers);
    su_home_deinit(home);
    return err;
}
