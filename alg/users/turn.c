#include "alg/users/turn_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/enc.h"
#include "common/log.h"

#define DAY 86400

const struct count_def turn_counters[TURN_C_N] = {
    [TURN_C_ISSUED] = {"alg_turn_issued_total", "TURN credentials given to browsers", false},
    [TURN_C_REFUSED] = {"alg_turn_refused_total", "requests for them refused: 401, 403, 405", false},
    [TURN_C_LIMITED] = {"alg_turn_limited_total", "requests for them refused: too many, 429", false},
};

/* --- secrets --- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A bad file leaves the secret that we have: a rotation gone wrong must not end everybody's calls. */
static int read_secret(struct turn *t)
{
    char text[TURN_SECRETS_MAX * TURN_SECRET_MAX];
    struct sv rest, line = SV_NONE;
    struct stat st;
    ssize_t n = -1;
    int fd = open(t->file, O_RDONLY | O_CLOEXEC), err = 0;

    if (fd < 0 || fstat(fd, &st) || (n = read(fd, text, sizeof text)) < 0)
        err = -errno;
    if (fd >= 0)
        close(fd);
    for (rest = (struct sv){text, n > 0 ? (size_t)n : 0}; !err && rest.n && !line.n;)
        line = sv_trim(sv_line(&rest));
    if (!err && (!line.n || line.n >= sizeof t->secret))
        err = -ENODATA;
    if (!err) {
        sv_copy(line, t->secret, sizeof t->secret);
        t->seen = st;
    }
    OPENSSL_cleanse(text, sizeof text);
    return err;
}

static void look_again(struct turn *t)
{
    struct stat st;
    int err = stat(t->file, &st) ? -errno : 0;

    if (!err && same_file(&st, &t->seen))
        return;
    if (!err)
        err = read_secret(t);
    if (err)
        log_error("turn", "msg=\"secret file not read, the earlier secret stays\" file=%s why=\"%s\"", t->file, strerror(-err));
    else
        log_info("turn", "msg=\"secret file read again\" file=%s", t->file);
}

void turn_password(const char *secret, const char *name, char out[TURN_PASSWORD_MAX])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    HMAC(EVP_sha1(), secret, (int)strlen(secret), (const unsigned char *)name, strlen(name), mac, &n);
    enc_base64(mac, n, out);
}

/* --- who --- */

/* The server counts allocations by it, and logs it: the same for a day, and nobody's name. */
static void id_of(const struct turn *t, const char *impu, int64_t wall, char out[TURN_ID_LEN + 1])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 6 */
    unsigned char mac[EVP_MAX_MD_SIZE];
    char text[600];
    unsigned n = 0, have = 0, at = 0;
    uint32_t bits = 0;

    snprintf(text, sizeof text, "turn %lld %.500s", (long long)(wall / DAY), impu);
    HMAC(EVP_sha256(), t->id_key, (int)t->n_id_key, (unsigned char *)text, strlen(text), mac, &n);
    for (unsigned i = 0; i < TURN_ID_LEN; i++) {
        if (have < 5)
            bits = bits << 8 | mac[at++], have += 8;
        have -= 5;
        out[i] = digits[bits >> have & 31];
    }
    out[TURN_ID_LEN] = 0;
}

static int may_have(struct turn *t, const char *id, int64_t wall, unsigned *wait)
{
    struct turn_user *u, *tmp;
    int64_t minute = wall / 60;

    HASH_FIND_STR(t->users, id, u);
    if (!u) {
        HASH_ITER(hh, t->users, u, tmp) { /* who came first stands first */
            if (u->minute == minute && HASH_COUNT(t->users) < TURN_KEYS_MAX)
                break;
            HASH_DEL(t->users, u);
            free(u);
        }
        u = calloc(1, sizeof *u);
        if (!u)
            return -ENOMEM;
        snprintf(u->id, sizeof u->id, "%s", id);
        HASH_ADD_STR(t->users, id, u);
    }
    if (u->minute != minute)
        u->n = 0, u->minute = minute;
    if (u->n >= TURN_PER_MINUTE) {
        *wait = (unsigned)(60 - wall % 60);
        return -EAGAIN;
    }
    u->n++;
    return 0;
}

int turn_issue(struct turn *t, const char *impu, unsigned seconds, int64_t wall, struct turn_cred *out, unsigned *wait)
{
    char id[TURN_ID_LEN + 1];
    int err;

    id_of(t, impu, wall, id);
    *wait = 0;
    err = may_have(t, id, wall, wait);
    if (err) {
        count_add(&t->counts[TURN_C_LIMITED], 1);
        return err;
    }
    look_again(t);
    out->ttl = seconds < TURN_TTL_MIN ? TURN_TTL_MIN : seconds;
    if (out->ttl > t->ttl_max)
        out->ttl = t->ttl_max;
    snprintf(out->name, sizeof out->name, "%lld:%s", (long long)wall + out->ttl, id);
    turn_password(t->secret, out->name, out->password);
    count_add(&t->counts[TURN_C_ISSUED], 1);
    return 0;
}

/* --- how it is told --- */

void turn_json(const struct turn *t, const struct turn_cred *c, struct buf *out)
{
    json_t *uris = json_array(), *j;
    char *text;

    for (unsigned i = 0; i < t->n_uris; i++)
        json_array_append_new(uris, json_string(t->uris[i]));
    j = json_pack("{s:s,s:s,s:i,s:o}", "username", c->name, "password", c->password, "ttl", (int)c->ttl, "uris", uris);
    text = json_dumps(j, JSON_COMPACT);
    if (text)
        buf_str(out, text);
    else
        out->overflow = true;
    free(text);
    json_decref(j);
}

void turn_header(const struct turn *t, const struct turn_cred *c, struct buf *out)
{
    for (unsigned i = 0; i < t->n_uris; i++)
        buf_printf(out, "%s<%s>;username=\"%s\";credential=\"%s\";ttl=%u", i ? ", " : "", t->uris[i], c->name,
                   c->password, c->ttl);
}

/* --- life --- */

int turn_new(struct turn **tp, const struct turn_conf *conf)
{
    struct turn *t = calloc(1, sizeof *t);
    int err = 0;

    if (!t)
        return -ENOMEM;
    t->ttl_max = conf->ttl_max;
    t->file = strdup(conf->secret_file);
    t->id_key = malloc(conf->n_key + 1);
    for (; t->n_uris < conf->n_uris && t->n_uris < TURN_URIS_MAX && !err; t->n_uris++)
        if (!(t->uris[t->n_uris] = strdup(conf->uris[t->n_uris])))
            err = -ENOMEM;
    if (!t->file || !t->id_key)
        err = -ENOMEM;
    if (!err) {
        memcpy(t->id_key, conf->key, conf->n_key);
        t->n_id_key = conf->n_key;
        err = read_secret(t);
    }
    if (err)
        turn_free(t);
    else
        *tp = t;
    return err;
}

void turn_free(struct turn *t)
{
    struct turn_user *u, *tmp;

    if (!t)
        return;
    turn_keys_free(t);
    HASH_ITER(hh, t->users, u, tmp) {
        HASH_DEL(t->users, u);
        free(u);
    }
    for (unsigned i = 0; i < t->n_uris; i++)
        free(t->uris[i]);
    OPENSSL_cleanse(t->secret, sizeof t->secret);
    free(t->id_key);
    free(t->file);
    free(t);
}

count_t *turn_counts(struct turn *t)
{
    return t->counts;
}
