/* OpenSSL 3.0 selects decoders anew for every certificate that comes: each of the 40 that it has is compared with each of 18 key
 * types under all its names, a quarter of what a handshake costs, for the one that reads the key. Here is a provider that is the
 * default one but for these: it has the keys which our ciphers' certificates can have and those of our groups, no others. */
#include "agw/media/dtls_lib.h"

#include <openssl/core_dispatch.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "common/sv.h"

#define NAME "default-few-keys"
#define ROWS 16 /* of a table; six key types, five of them in two forms: 10 decoders */

struct lib {
    OSSL_LIB_CTX *ctx;
    OSSL_FUNC_provider_query_operation_fn *query; /* the default provider's */
    OSSL_ALGORITHM keys[ROWS + 1], decoders[ROWS + 1];
    OSSL_DISPATCH face[8];
};

/* Filled once and then constant: OpenSSL keeps the tables, and passes to a provider's functions nothing of ours. */
static struct lib lib;

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    if (operation != OSSL_OP_DECODER && operation != OSSL_OP_KEYMGMT)
        return lib.query(provider, operation, no_cache);
    *no_cache = 0;
    return operation == OSSL_OP_DECODER ? lib.decoders : lib.keys;
}

static bool is_one_of(const char *const *list, const OSSL_ALGORITHM *a)
{
    struct sv names = sv_from(a->algorithm_names);
    const struct sv name = sv_cut(&names, ':');

    while (*list && !sv_eq(name, sv_from(*list)))
        list++;
    return *list;
}

static bool is_key(const OSSL_ALGORITHM *a)
{
    /* RFC 8422 5.3: they sign for ECDHE_ECDSA and ECDHE_RSA; EC is P-256's, too */
    static const char *const keys[] = {"EC", "ED25519", "ED448", "RSA", "RSA-PSS", "X25519", NULL};

    return is_one_of(keys, a);
}

static bool is_decoder(const OSSL_ALGORITHM *a)
{
    static const char *const keys[] = {"EC", "ED25519", "ED448", "RSA", "RSA-PSS", NULL};
    const char *form = strstr(a->property_definition, "structure=");

    return is_one_of(keys, a) && form &&
           (strcmp(form, "structure=SubjectPublicKeyInfo") == 0 || strcmp(form, "structure=PrivateKeyInfo") == 0);
}

static bool take(OSSL_ALGORITHM rows[ROWS + 1], const OSSL_ALGORITHM *all, bool (*is_wanted)(const OSSL_ALGORITHM *a))
{
    size_t n = 0;

    for (; all && all->algorithm_names && n < ROWS; all++)
        if (is_wanted(all))
            rows[n++] = *all;
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
    return lib.query && take(lib.keys, lib.query(*provider, OSSL_OP_KEYMGMT, &no_cache), is_key) &&
           take(lib.decoders, lib.query(*provider, OSSL_OP_DECODER, &no_cache), is_decoder);
}

static void make(void)
{
    const bool is_usual = OSSL_PROVIDER_available(NULL, "default") && !EVP_default_properties_is_fips_enabled(NULL);
    OSSL_LIB_CTX *ctx = is_usual ? OSSL_LIB_CTX_new() : NULL;

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
