/* SRTP by libsrtp2: its own rollover counters, replay windows and RTCP indices, so that it judges ours in the tests. */
#include <errno.h>
#include <pthread.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

#include "agw/media/srtp_engine.h"
#include "agw/media/srtp_ssrc.h"

struct engine {
    srtp_t session;
};

/* libsrtp wants to be initialised once per process, whichever worker comes first. */
static void init_once(void)
{
    (void)srtp_init();
}

static int error_of(srtp_err_status_t status)
{
    switch (status) {
    case srtp_err_status_ok:
        return 0;
    case srtp_err_status_alloc_fail:
        return -ENOMEM;
    case srtp_err_status_auth_fail:
    case srtp_err_status_cant_check:
        return -EACCES;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
        return -EALREADY;
    case srtp_err_status_key_expired:
        return -EOVERFLOW;
    case srtp_err_status_bad_param:
    case srtp_err_status_parse_err:
        return -EBADMSG;
    default:
        return -EINVAL;
    }
}

static void policy_set(srtp_policy_t *policy, enum srtp_profile profile)
{
    switch (profile) {
    case SRTP_AEAD_AES_128_GCM:
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
        break;
    case SRTP_AEAD_AES_256_GCM:
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
        break;
    case SRTP_AES128_CM_SHA1_32:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy->rtp);
        srtp_crypto_policy_set_rtcp_default(&policy->rtcp);
        break;
    default:
        srtp_crypto_policy_set_rtp_default(&policy->rtp);
        srtp_crypto_policy_set_rtcp_default(&policy->rtcp);
    }
}

static void libsrtp_drop(void *engine)
{
    struct engine *e = engine;

    if (!e)
        return;
    if (e->session)
        srtp_dealloc(e->session);
    free(e);
}

static int libsrtp_make(void **enginep, const struct srtp_profile_row *row, const struct srtp_key *key, bool inbound)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint8_t both[SRTP_KEY_MAX + SRTP_SALT_MAX];
    srtp_policy_t policy = {.ssrc = {.type = inbound ? ssrc_any_inbound : ssrc_any_outbound},
                            .key = both,
                            .window_size = SRTP_WINDOW};
    struct engine *e = calloc(1, sizeof(*e));
    srtp_err_status_t status;

    if (!e)
        return -ENOMEM;
    pthread_once(&once, init_once);
    policy_set(&policy, row->profile);
    memcpy(both, key->key, row->key);
    memcpy(both + row->key, key->salt, row->salt);
    status = srtp_create(&e->session, &policy);
    explicit_bzero(both, sizeof(both));
    if (status == srtp_err_status_ok) {
        *enginep = e;
        return 0;
    }
    e->session = NULL;
    libsrtp_drop(e);
    return status == srtp_err_status_alloc_fail ? -ENOMEM : -ENOTSUP;
}

/* Its packets should be aligned to 32 bits; on the processors that Debian 12 serves with 64 bits they need not be. */
static int call(srtp_err_status_t (*f)(srtp_t, void *, int *), void *engine, struct srtp_pkt *k)
{
    struct engine *e = engine;
    int n = (int)k->n;
    int err = error_of(f(e->session, k->p, &n));

    if (!err)
        k->n = (size_t)n;
    return err;
}

static int libsrtp_open(void *engine, struct srtp_pkt *k)
{
    return call(srtp_unprotect, engine, k);
}

static int libsrtp_seal(void *engine, struct srtp_pkt *k)
{
    return call(srtp_protect, engine, k);
}

static int libsrtp_open_rtcp(void *engine, struct srtp_pkt *k)
{
    return call(srtp_unprotect_rtcp, engine, k);
}

static int libsrtp_seal_rtcp(void *engine, struct srtp_pkt *k)
{
    return call(srtp_protect_rtcp, engine, k);
}

const struct srtp_ops srtp_ops_libsrtp = {
    .keeps_index = true,
    .make = libsrtp_make,
    .drop = libsrtp_drop,
    .open = libsrtp_open,
    .seal = libsrtp_seal,
    .open_rtcp = libsrtp_open_rtcp,
    .seal_rtcp = libsrtp_seal_rtcp,
};
