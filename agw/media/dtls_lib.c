/* OpenSSL 3.0 selects decoders anew for every certificate that comes: each of the 40 that it has is compared with each key type
 * under all its names, a quarter of what a handshake costs, for the one that reads the key. Here is a provider that is the
 * default one but for its decoders: of them it has those that read the keys which our ciphers' certificates can have. */
#include "agw/media/dtls_lib.h"

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "common/sv.h"

#define NAME "default-few-decoders"
#define DECODERS 16 /* five key types, two forms: 10 */

struct lib {
    OSSL_LIB_CTX *ctx;
    OSSL_FUNC_provider_query_operation_fn *query; /* the default provider's */
    OSSL_ALGORITHM decoder[DECODERS + 1];
    OSSL_DISPATCH face[8];
};

/* Filled once and then constant: OpenSSL keeps the tables, and passes to a provider's functions nothing of ours. */
static struct lib lib;

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    if (operation != OSSL_OP_DECODER)
        return lib.query(provider, operation, no_cache);
    *no_cache = 0;
    return lib.decoder;
}

/* RFC 8422 5.3, RFC 8446 4.2.3: keys that sign for ECDHE_ECDSA and ECDHE_RSA */
static bool is_wanted(const OSSL_ALGORITHM *a)
{
    static const char *const keys[] = {"EC", "ED25519", "ED448", "RSA", "RSA-PSS"};
    const char *form = strstr(a->property_definition, "structure=");
    struct sv names = sv_from(a->algorithm_names);
    const struct sv name = sv_cut(&names, ':');

    if (!form || (strcmp(form, "structure=SubjectPublicKeyInfo") != 0 && strcmp(form, "structure=PrivateKeyInfo") != 0))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (sv_eq(name, sv_from(keys[i])))
            return true;
    return false;
}

static bool take_decoders(const OSSL_ALGORITHM *a)
{
    size_t n = 0;

    for (; a && a->algorithm_names && n < DECODERS; a++)
        if (is_wanted(a))
            lib.decoder[n++] = *a;
    return n > 0;
}

/* Not teardown: the default provider ends with OpenSSL's own context. */
static void take_face(const OSSL_DISPATCH *whole)
{
    size_t n = 0;

    for (; whole->function_id && n < ARRAY_LEN(lib.face) - 1; whole++) {
        if (whole->function_id == OSSL_FUNC_PROVIDER_QUERY_OPERATION) {
            lib.query = OSSL_FUNC_provider_query_operation(whole);
            lib.face[n++] = (OSSL_DISPATCH){OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query};
        } else if (whole->function_id == OSSL_FUNC_PROVIDER_GETTABLE_PARAMS ||
                   whole->function_id == OSSL_FUNC_PROVIDER_GET_PARAMS ||
                   whole->function_id == OSSL_FUNC_PROVIDER_GET_CAPABILITIES) {
            lib.face[n++] = *whole;
        }
    }
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **provider)
{
    OSSL_PROVIDER *whole = OSSL_PROVIDER_load(NULL, "default"); /* and never unloaded */
    int no_cache = 0;

    (void)handle;
    (void)in;
    if (!whole)
        return 0;
    take_face(OSSL_PROVIDER_get0_dispatch(whole));
    *provider = OSSL_PROVIDER_get0_provider_ctx(whole);
    *out = lib.face;
    return lib.query && take_decoders(lib.query(*provider, OSSL_OP_DECODER, &no_cache));
}

static void make(void)
{
    OSSL_LIB_CTX *ctx = OSSL_PROVIDER_available(NULL, "default") ? OSSL_LIB_CTX_new() : NULL;

    if (ctx && OSSL_PROVIDER_add_builtin(ctx, NAME, provider_init) && OSSL_PROVIDER_load(ctx, NAME))
        lib.ctx = ctx;
    else
        OSSL_LIB_CTX_free(ctx);
    ERR_clear_error();
}

OSSL_LIB_CTX *dtls_lib(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make);
    return lib.ctx;
}
