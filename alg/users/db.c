#include "alg/users/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/log.h"

#define STMTS_MAX 32
#define BUSY_MS 250 /* longest wait for build/alg-users: calls wait meanwhile */

struct db {
    sqlite3 *lite;
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } stmts[STMTS_MAX];
    unsigned n;
};

static int code(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK: case SQLITE_ROW: case SQLITE_DONE:
        return 0;
    case SQLITE_BUSY: case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CONSTRAINT:
        return -EEXIST;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY: case SQLITE_PERM: case SQLITE_CANTOPEN: case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_CORRUPT: case SQLITE_NOTADB:
        return -EBADMSG;
    }
    return -EIO;
}

static int open_once(struct db *db, const char *path, const char *schema)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc;

    if (fd < 0)
        return -errno;
    rc = fchmod(fd, 0600); /* -wal and -shm take the mode of the file */
    close(fd);
    if (rc)
        return -EACCES;
    rc = sqlite3_open_v2(path, &db->lite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc)
        return code(rc);
    sqlite3_busy_timeout(db->lite, BUSY_MS);
    /* A crash of alg loses nothing; of the machine, the last moments: browsers register again. */
    rc = sqlite3_exec(db->lite, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF;", NULL,
                      NULL, NULL);
    if (!rc)
        rc = sqlite3_exec(db->lite, schema, NULL, NULL, NULL);
    return code(rc);
}

int db_open(struct db **dp, const char *path, const char *schema, bool put_aside)
{
    struct db *db = calloc(1, sizeof *db);
    char bad[PATH_MAX];
    int err;

    if (!db)
        return -ENOMEM;
    err = open_once(db, path, schema);
    if (err == -EBADMSG && put_aside && snprintf(bad, sizeof bad, "%s.bad", path) < (int)sizeof bad && !rename(path, bad)) {
        log_error("db", "msg=\"no database, put aside\" file=%s as=%s", path, bad);
        sqlite3_close(db->lite);
        db->lite = NULL;
        err = open_once(db, path, schema);
    }
    if (err)
        db_close(db);
    else
        *dp = db;
    return err;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (unsigned i = 0; i < db->n; i++)
        sqlite3_finalize(db->stmts[i].stmt);
    sqlite3_close(db->lite);
    free(db);
}

static sqlite3_stmt *prepared(struct db *db, const char *sql, int *err)
{
    unsigned i = 0;

    while (i < db->n && db->stmts[i].sql != sql)
        i++;
    if (i == STMTS_MAX) {
        *err = -ENOBUFS;
        return NULL;
    }
    if (i == db->n) {
        *err = code(sqlite3_prepare_v3(db->lite, sql, -1, SQLITE_PREPARE_PERSISTENT, &db->stmts[i].stmt, NULL));
        if (*err)
            return NULL;
        db->stmts[i].sql = sql;
        db->n++;
    }
    return db->stmts[i].stmt;
}

static int bind_all(sqlite3_stmt *stmt, const char *types, va_list ap)
{
    int rc = 0;

    for (int i = 1; *types && !rc; types++, i++)
        rc = *types == 'i' ? sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t))
                           : sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
    return code(rc);
}

static int step_all(sqlite3_stmt *stmt, int (*row)(void *arg, const struct db_row *r), void *arg)
{
    struct db_row r = {stmt};
    int n = 0, rc;

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        n++;
        if (row && row(arg, &r))
            return n;
    }
    return rc == SQLITE_DONE ? n : code(rc);
}

static void done(struct db *db, sqlite3_stmt *stmt, const char *sql, int err)
{
    if (err < 0 && err != -EEXIST)
        log_error("db", "msg=\"statement failed\" err=%d why=\"%s\" sql=\"%.40s\"", err, sqlite3_errmsg(db->lite), sql);
    if (stmt) {
        sqlite3_reset(stmt);
        sqlite3_clear_bindings(stmt);
    }
}

/* Rows seen, or -errno. */
static int run(struct db *db, const char *sql, int (*row)(void *arg, const struct db_row *r), void *arg,
               const char *types, va_list ap)
{
    int err = 0;
    sqlite3_stmt *stmt = prepared(db, sql, &err);

    if (!err)
        err = bind_all(stmt, types, ap);
    if (!err)
        err = step_all(stmt, row, arg);
    done(db, stmt, sql, err);
    return err;
}

int db_run(struct db *db, const char *sql, const char *types, ...)
{
    va_list ap;
    int err;

    va_start(ap, types);
    err = run(db, sql, NULL, NULL, types, ap);
    va_end(ap);
    return err < 0 ? err : sqlite3_changes(db->lite);
}

int db_each(struct db *db, const char *sql, int (*row)(void *arg, const struct db_row *r), void *arg, const char *types, ...)
{
    va_list ap;
    int err;

    va_start(ap, types);
    err = run(db, sql, row, arg, types, ap);
    va_end(ap);
    return err;
}

const char *db_text(const struct db_row *r, int column)
{
    return (const char *)sqlite3_column_text(r->stmt, column);
}

int64_t db_int(const struct db_row *r, int column)
{
    return sqlite3_column_int64(r->stmt, column);
}
