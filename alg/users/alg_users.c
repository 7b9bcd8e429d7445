/* build/alg-users: who may come in where alg itself asks for a password. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <jansson.h>

#include "alg/users/users.h"
#include "common/log.h"

static const char usage[] =
    "alg-users - users of the web domains where alg asks for passwords (web_domains: pbx, third-party)\n"
    "usage: alg-users [--db FILE] add NAME@DOMAIN [--impu URI] [--impi ID] [--ims-realm REALM]\n"
    "                             [--password-file FILE | --no-password] [--ims-password-file FILE]\n"
    "       alg-users [--db FILE] list\n"
    "       alg-users [--db FILE] remove NAME@DOMAIN\n"
    "       alg-users [--db FILE] import FILE       FILE - = standard input; all of it or nothing\n"
    "  --db FILE               default openiq-state/users.db; alg reads it while it runs\n"
    "  --impu URI              public identity, default sip:NAME@DOMAIN\n"
    "  --impi ID               private identity of its IMS account, default NAME@DOMAIN\n"
    "  --ims-realm REALM       realm of the core's challenge, default the host of the IMPU\n"
    "  --password-file FILE    access password: first line of FILE; without it: first line of standard input\n"
    "  --no-password           logs in by web token only\n"
    "  --ims-password-file FILE  password of the IMS account (third-party); it is kept as a digest, too\n"
    "import: a JSON object a line: {\"user\": \"NAME@DOMAIN\", \"password\": ..., \"impu\": ..., \"impi\": ..., \"ims_realm\": ...,\n"
    "  \"ims_password\": ...}; instead of passwords their digests \"ha1_md5\", \"ha1_sha256\", \"ims_ha1_md5\", \"ims_ha1_sha256\"\n"
    "Passwords are never taken from the command line, where others could read them.\n";

#define PASSWORD_MAX 1024
#define LINE_MAX_LEN 16384

struct options {
    const char *db, *impu, *impi, *ims_realm, *password_file, *ims_password_file;
    bool no_password;
};

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "alg-users: %s: %s\n", what, why);
    return 1;
}

static int read_line(FILE *f, char *out, size_t size)
{
    size_t n;

    if (!fgets(out, (int)size, f))
        return -ENODATA;
    n = strcspn(out, "\r\n");
    if (!out[n] && n + 1 == size)
        return -EMSGSIZE;
    out[n] = 0;
    return n ? 0 : -ENODATA;
}

static int ask(char out[PASSWORD_MAX])
{
    struct termios old, quiet;
    int err;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &old))
        return read_line(stdin, out, PASSWORD_MAX);
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    fputs("Password: ", stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    err = read_line(stdin, out, PASSWORD_MAX);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fputc('\n', stderr);
    return err;
}

static int password_from(const char *file, char out[PASSWORD_MAX])
{
    FILE *f = file ? fopen(file, "r") : NULL;
    int err = file ? (f ? read_line(f, out, PASSWORD_MAX) : -errno) : ask(out);

    if (f)
        fclose(f);
    return err;
}

/* Identities that were not given follow from the name. */
static int complete(struct user *u, const char *impu, const char *impi, const char *ims_realm)
{
    const char *host;
    int n = impu ? snprintf(u->impu, sizeof u->impu, "%s", impu)
                 : snprintf(u->impu, sizeof u->impu, "sip:%s@%s", u->name, u->domain);

    if (n >= (int)sizeof u->impu || (strncmp(u->impu, "sip:", 4) != 0 && strncmp(u->impu, "tel:", 4) != 0) ||
        strpbrk(u->impu, " <>\",;\r\n"))
        return -EINVAL;
    host = strchr(u->impu, '@');
    n = impi ? snprintf(u->impi, sizeof u->impi, "%s", impi) : snprintf(u->impi, sizeof u->impi, "%s@%s", u->name, u->domain);
    if (n >= (int)sizeof u->impi || strpbrk(u->impi, "\"\\\r\n"))
        return -EINVAL;
    n = snprintf(u->ims_realm, sizeof u->ims_realm, "%s", ims_realm ? ims_realm : host ? host + 1 : u->domain);
    return n >= (int)sizeof u->ims_realm || strpbrk(u->ims_realm, "\"\\\r\n") ? -EINVAL : 0;
}

static int add(struct users *users, const struct options *o, const char *name)
{
    char password[PASSWORD_MAX];
    struct user u = {0};
    int err;

    if (user_name(&u, name))
        return fail(name, "write NAME@DOMAIN, letters, digits and -_.!~*'()&=+$/ in the name");
    if (complete(&u, o->impu, o->impi, o->ims_realm))
        return fail("identity", "--impu wants a sip: or tel: URI without parameters; no quotes in the others");
    if (!o->no_password) {
        err = password_from(o->password_file, password);
        if (err)
            return fail(o->password_file ? o->password_file : "password", strerror(-err));
        err = digest_secret_make(&u.access, u.name, u.domain, password);
        digest_forget(password, sizeof password);
        if (err)
            return fail("digest", strerror(-err));
    }
    if (o->ims_password_file) {
        err = password_from(o->ims_password_file, password);
        if (!err)
            err = digest_secret_make(&u.ims, u.impi, u.ims_realm, password);
        digest_forget(password, sizeof password);
        if (err)
            return fail(o->ims_password_file, strerror(-err));
    }
    err = users_put(users, &u);
    return err ? fail(name, strerror(-err)) : 0;
}

static int remove_user(struct users *users, const char *name)
{
    struct user u = {0};
    int err = user_name(&u, name);

    if (!err)
        err = users_remove(users, u.name, u.domain);
    return err ? fail(name, err == -ENOENT ? "no such user" : strerror(-err)) : 0;
}

static int print(void *arg, const struct user *u)
{
    (void)arg;
    printf("%s@%s impu=%s impi=%s password=%s ims=%s\n", u->name, u->domain, u->impu, u->impi,
           u->access.ha1[DIGEST_MD5][0] || u->access.ha1[DIGEST_SHA256][0] ? "yes" : "no",
           u->ims.ha1[DIGEST_MD5][0] || u->ims.ha1[DIGEST_SHA256][0] ? "yes" : "no");
    return 0;
}

static const char *text_of(const json_t *o, const char *name)
{
    return json_string_value(json_object_get(o, name));
}

static int hex_into(char out[DIGEST_HEX], const json_t *o, const char *name, size_t n)
{
    const char *text = text_of(o, name);

    if (!text)
        return 0;
    if (strlen(text) != n || strspn(text, "0123456789abcdefABCDEF") != n)
        return -EINVAL;
    snprintf(out, DIGEST_HEX, "%s", text);
    return 0;
}

static int from_json(struct user *u, const json_t *o)
{
    const char *name = text_of(o, "user"), *password = text_of(o, "password"), *ims = text_of(o, "ims_password");
    int err = name ? user_name(u, name) : -EINVAL;

    if (!err)
        err = complete(u, text_of(o, "impu"), text_of(o, "impi"), text_of(o, "ims_realm"));
    if (!err && password)
        err = digest_secret_make(&u->access, u->name, u->domain, password);
    if (!err && ims)
        err = digest_secret_make(&u->ims, u->impi, u->ims_realm, ims);
    if (!err && (hex_into(u->access.ha1[DIGEST_MD5], o, "ha1_md5", 32) ||
                 hex_into(u->access.ha1[DIGEST_SHA256], o, "ha1_sha256", 64) ||
                 hex_into(u->ims.ha1[DIGEST_MD5], o, "ims_ha1_md5", 32) ||
                 hex_into(u->ims.ha1[DIGEST_SHA256], o, "ims_ha1_sha256", 64)))
        err = -EINVAL;
    return err;
}

/* Not a word of the line in what is said of it: it holds a password. */
static int import_lines(struct users *users, FILE *f, unsigned *n)
{
    static char line[LINE_MAX_LEN];
    char where[32];

    for (unsigned at = 1; fgets(line, sizeof line, f); at++) {
        struct user u = {0};
        json_t *o;
        int err;

        if (!line[strspn(line, " \t\r\n")] || line[0] == '#')
            continue;
        o = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        err = json_is_object(o) ? from_json(&u, o) : -EINVAL;
        json_decref(o);
        if (!err)
            err = users_put(users, &u);
        digest_forget(line, sizeof line);
        snprintf(where, sizeof where, "line %u", at);
        if (err)
            return fail(where, err == -EINVAL ? "write {\"user\": \"NAME@DOMAIN\", \"password\": \"...\"}, see --help"
                                              : strerror(-err));
        ++*n;
    }
    return ferror(f) ? fail("import", strerror(errno)) : 0;
}

static int import(struct users *users, const char *file)
{
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");
    unsigned n = 0;
    int status, err;

    if (!f)
        return fail(file, strerror(errno));
    err = users_begin(users);
    status = err < 0 ? fail("database", strerror(-err)) : import_lines(users, f, &n);
    if (!status) {
        err = users_commit(users);
        status = err < 0 ? fail("database", strerror(-err)) : 0;
    } else if (err >= 0) {
        users_rollback(users);
    }
    if (f != stdin)
        fclose(f);
    if (!status)
        printf("%u users\n", n);
    return status;
}

static int run(const struct options *o, int argc, char **argv)
{
    const char *verb = argc > 0 ? argv[0] : "", *what = argc > 1 ? argv[1] : NULL;
    struct users *users = NULL;
    int status = 2, err;

    if (argc > 2 || (what == NULL) != !strcmp(verb, "list")) {
        fputs(usage, stderr);
        return 2;
    }
    err = users_open(&users, o->db);
    if (err)
        return fail(o->db, strerror(-err));
    if (!strcmp(verb, "add"))
        status = add(users, o, what);
    else if (!strcmp(verb, "remove"))
        status = remove_user(users, what);
    else if (!strcmp(verb, "import"))
        status = import(users, what);
    else if (!strcmp(verb, "list"))
        status = users_each(users, print, NULL) < 0;
    else
        fputs(usage, stderr);
    users_close(users);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"db", required_argument, NULL, 'd'},       {"impu", required_argument, NULL, 'u'},
        {"impi", required_argument, NULL, 'i'},     {"ims-realm", required_argument, NULL, 'r'},
        {"password-file", required_argument, NULL, 'p'}, {"ims-password-file", required_argument, NULL, 's'},
        {"no-password", no_argument, NULL, 'n'},    {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},        {0},
    };
    struct options o = {.db = "openiq-state/users.db"};
    const char **texts[] = {['d'] = &o.db, ['u'] = &o.impu, ['i'] = &o.impi, ['r'] = &o.ims_realm, ['p'] = &o.password_file,
                            ['s'] = &o.ims_password_file};
    int c;

    log_init(LOG_ERROR);
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == 'h' || c == 'v') {
            fputs(c == 'h' ? usage : "alg-users " OPENIQ_VERSION "\n", stdout);
            return 0;
        }
        if (c == 'n')
            o.no_password = true;
        else if (c < (int)(sizeof texts / sizeof texts[0]) && texts[c])
            *texts[c] = optarg;
        else
            return fputs(usage, stderr), 2;
    }
    return run(&o, argc - optind, argv + optind);
}
