/* sqlite3, as much of it as alg needs: a file that only its owner may read, statements kept prepared, rows as text and
 * numbers. Its types stay in db.c. Main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct db;

struct db_row { /* lives during the callback */
    void *stmt;
};

/* Made with mode 0600 when it is not there; `schema` is run. -EBADMSG: no database; with put_aside it is
 * renamed PATH.bad and a new one begun. -errno. */
int db_open(struct db **dp, const char *path, const char *schema, bool put_aside);
void db_close(struct db *db); /* NULL is fine */

/* sql has to be a literal: it is kept prepared by its address. `types`: one letter for each ? in order, s = const char *
 * (NULL = null), i = int64_t. Rows changed, or -errno: -EBUSY another process writes, -EEXIST a key is there already. */
int db_run(struct db *db, const char *sql, const char *types, ...);
/* each row that it gives; row returns 0 to go on. Rows seen, or -errno. row must not use this sql again. */
int db_each(struct db *db, const char *sql, int (*row)(void *arg, const struct db_row *r), void *arg, const char *types, ...);

const char *db_text(const struct db_row *r, int column); /* NULL = null */
int64_t db_int(const struct db_row *r, int column);
