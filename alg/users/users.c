#include "alg/users/users.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alg/users/db.h"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS user (name TEXT NOT NULL, domain TEXT NOT NULL, impu TEXT NOT NULL, impi TEXT NOT NULL,"
    " ims_realm TEXT NOT NULL, ha1_md5 TEXT NOT NULL, ha1_sha256 TEXT NOT NULL, ims_ha1_md5 TEXT NOT NULL,"
    " ims_ha1_sha256 TEXT NOT NULL, PRIMARY KEY (domain, name)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS user_impu ON user (impu); CREATE INDEX IF NOT EXISTS user_impi ON user (impi);";

#define COLUMNS "name, domain, impu, impi, ims_realm, ha1_md5, ha1_sha256, ims_ha1_md5, ims_ha1_sha256"

struct users {
    struct db *db;
    int64_t version; /* of the file as others left it; 0: not asked yet */
};

int users_open(struct users **up, const char *path)
{
    struct users *u = calloc(1, sizeof *u);
    int err = u ? db_open(&u->db, path, schema, false) : -ENOMEM;

    if (err)
        users_close(u);
    else
        *up = u;
    return err;
}

void users_close(struct users *u)
{
    if (!u)
        return;
    db_close(u->db);
    free(u);
}

struct reading {
    struct user *out;
    int (*each)(void *arg, const struct user *user);
    void *arg;
};

static void take(char *out, size_t size, const struct db_row *r, int column)
{
    const char *text = db_text(r, column);

    snprintf(out, size, "%s", text ? text : "");
}

static int on_row(void *arg, const struct db_row *r)
{
    struct reading *g = arg;
    struct user *u = g->out;

    take(u->name, sizeof u->name, r, 0);
    take(u->domain, sizeof u->domain, r, 1);
    take(u->impu, sizeof u->impu, r, 2);
    take(u->impi, sizeof u->impi, r, 3);
    take(u->ims_realm, sizeof u->ims_realm, r, 4);
    for (int i = 0; i < DIGEST_ALGOS; i++) {
        take(u->access.ha1[i], DIGEST_HEX, r, 5 + i);
        take(u->ims.ha1[i], DIGEST_HEX, r, 5 + DIGEST_ALGOS + i);
    }
    return g->each ? g->each(g->arg, u) : 0;
}

static int found(int n)
{
    return n < 0 ? n : n ? 0 : -ENOENT;
}

int users_get(struct users *u, const char *name, const char *domain, struct user *out)
{
    struct reading g = {.out = out};

    /* The row behind the UNION is nobody's: an unknown user costs the same work as a known one. */
    int err = found(db_each(u->db, "SELECT " COLUMNS " FROM user WHERE domain = lower(?) AND name = ? UNION ALL SELECT '',"
                            " 'none.example.invalid', 'sip:nobody@none.example.invalid', 'nobody@none.example.invalid', 'none.example.invalid',"
                            " '00000000000000000000000000000000', '0000000000000000000000000000000000000000000000000000000000000000', '', ''"
                            " LIMIT 1", on_row, &g, "ss", domain, name));

    return err ? err : out->name[0] ? 0 : -ENOENT;
}

int users_by_impu(struct users *u, const char *impu, struct user *out)
{
    struct reading g = {.out = out};

    return found(db_each(u->db, "SELECT " COLUMNS " FROM user WHERE impu = ? LIMIT 1", on_row, &g, "s", impu));
}

int users_by_impi(struct users *u, const char *impi, struct user *out)
{
    struct reading g = {.out = out};

    return found(db_each(u->db, "SELECT " COLUMNS " FROM user WHERE impi = ? AND ims_ha1_md5 <> '' LIMIT 1", on_row, &g,
                         "s", impi));
}

int users_put(struct users *u, const struct user *user)
{
    int n = db_run(u->db, "INSERT OR REPLACE INTO user (" COLUMNS ") VALUES (?, lower(?), ?, ?, ?, ?, ?, ?, ?)", "sssssssss",
                   user->name, user->domain, user->impu, user->impi, user->ims_realm, user->access.ha1[DIGEST_MD5],
                   user->access.ha1[DIGEST_SHA256], user->ims.ha1[DIGEST_MD5], user->ims.ha1[DIGEST_SHA256]);

    return n < 0 ? n : 0;
}

int users_remove(struct users *u, const char *name, const char *domain)
{
    return found(db_run(u->db, "DELETE FROM user WHERE domain = lower(?) AND name = ?", "ss", domain, name));
}

int users_each(struct users *u, int (*each)(void *arg, const struct user *user), void *arg)
{
    struct user user;
    struct reading g = {&user, each, arg};

    return db_each(u->db, "SELECT " COLUMNS " FROM user ORDER BY domain, name", on_row, &g, "");
}

static int take_version(void *arg, const struct db_row *r)
{
    *(int64_t *)arg = db_int(r, 0);
    return 1;
}

bool users_changed(struct users *u)
{
    int64_t now = 0, had = u->version;

    if (db_each(u->db, "PRAGMA data_version", take_version, &now, "") <= 0)
        return false;
    u->version = now;
    return had && had != now;
}

int users_begin(struct users *u)
{
    return db_run(u->db, "BEGIN IMMEDIATE", "");
}

int users_commit(struct users *u)
{
    return db_run(u->db, "COMMIT", "");
}

int users_rollback(struct users *u)
{
    return db_run(u->db, "ROLLBACK", "");
}

int user_name(struct user *user, const char *text)
{
    const char *at = strrchr(text, '@');
    size_t n = at ? (size_t)(at - text) : 0;

    if (!n || n >= sizeof user->name || !at[1] || strlen(at + 1) >= sizeof user->domain)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) /* RFC 3261 25.1 unreserved and user-unreserved, but for what a list or a file needs */
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.!~*'()&=+$/", text[i]))
            return -EINVAL;
    for (const char *p = at + 1; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.')
            return -EINVAL;
    snprintf(user->name, sizeof user->name, "%.*s", (int)n, text);
    for (size_t i = 0; i <= strlen(at + 1); i++)
        user->domain[i] = (char)tolower((unsigned char)at[1 + i]);
    return 0;
}
