#include "alg/users/state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alg/users/db.h"
#include "common/rnd.h"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS run (n INTEGER NOT NULL);"
    "INSERT INTO run SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM run);"
    "CREATE TABLE IF NOT EXISTS binding (key TEXT PRIMARY KEY, aor TEXT NOT NULL, contact TEXT NOT NULL, service_route TEXT,"
    " associated TEXT, impi TEXT, request TEXT, way INTEGER NOT NULL, flow INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " outbound INTEGER NOT NULL) WITHOUT ROWID;";

struct state {
    struct db *db;
    uint64_t run;
    unsigned char key[STATE_KEY_LEN];
};

static int read_key(unsigned char key[STATE_KEY_LEN], const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read(fd, key, STATE_KEY_LEN);
    close(fd);
    return n == STATE_KEY_LEN ? 0 : -EBADMSG;
}

/* Written beside and renamed: a crash leaves either none or a whole one. */
static int make_key(unsigned char key[STATE_KEY_LEN], const char *path)
{
    char tmp[PATH_MAX];
    int fd, err = 0;

    if (snprintf(tmp, sizeof tmp, "%s.new", path) >= (int)sizeof tmp)
        return -ENAMETOOLONG;
    unlink(tmp);
    fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    rnd_bytes(key, STATE_KEY_LEN);
    if (write(fd, key, STATE_KEY_LEN) != STATE_KEY_LEN || fsync(fd))
        err = -EIO;
    close(fd);
    if (!err && rename(tmp, path))
        err = -errno;
    return err;
}

static int take_run(void *arg, const struct db_row *r)
{
    struct state *s = arg;

    s->run = (uint64_t)db_int(r, 0);
    return 1;
}

int state_open(struct state **sp, const char *dir)
{
    struct state *s = calloc(1, sizeof *s);
    char path[PATH_MAX - 8];
    int err = 0;

    if (!s)
        return -ENOMEM;
    if (mkdir(dir, 0700) && errno != EEXIST)
        err = -errno;
    if (!err && snprintf(path, sizeof path, "%s/flow.key", dir) >= (int)sizeof path)
        err = -ENAMETOOLONG;
    if (!err) {
        err = read_key(s->key, path);
        if (err == -ENOENT || err == -EBADMSG)
            err = make_key(s->key, path);
    }
    snprintf(path, sizeof path, "%s/registrations.db", dir);
    if (!err)
        err = db_open(&s->db, path, schema, true);
    if (!err)
        err = db_run(s->db, "UPDATE run SET n = n + 1", "");
    if (err >= 0)
        err = db_each(s->db, "SELECT n FROM run", take_run, s, "");
    if (err < 0)
        state_close(s);
    else
        *sp = s;
    return err < 0 ? err : 0;
}

void state_close(struct state *s)
{
    if (!s)
        return;
    db_close(s->db);
    free(s);
}

uint64_t state_run(const struct state *s)
{
    return s->run;
}

const unsigned char *state_key(const struct state *s)
{
    return s->key;
}

int state_put(struct state *s, const struct state_binding *b)
{
    int n = db_run(s->db,
                   "INSERT OR REPLACE INTO binding (key, aor, contact, service_route, associated, impi, request, way, flow,"
                   " expires, outbound) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   "sssssssiiii", b->key, b->aor, b->contact, b->service_route, b->associated, b->impi, b->request, b->way,
                   (int64_t)b->flow, b->expires, (int64_t)b->outbound);

    return n < 0 ? n : 0;
}

int state_del(struct state *s, const char *key)
{
    int n = db_run(s->db, "DELETE FROM binding WHERE key = ?", "s", key);

    return n < 0 ? n : 0;
}

struct loading {
    void (*each)(void *arg, const struct state_binding *b);
    void *arg;
};

static int on_row(void *arg, const struct db_row *r)
{
    struct loading *l = arg;
    struct state_binding b = {
        .key = db_text(r, 0), .aor = db_text(r, 1), .contact = db_text(r, 2), .service_route = db_text(r, 3),
        .associated = db_text(r, 4), .impi = db_text(r, 5), .request = db_text(r, 6), .way = db_int(r, 7),
        .flow = (uint64_t)db_int(r, 8), .expires = db_int(r, 9), .outbound = db_int(r, 10) != 0,
    };

    l->each(l->arg, &b);
    return 0;
}

int state_load(struct state *s, int64_t now, void (*each)(void *arg, const struct state_binding *b), void *arg)
{
    struct loading l = {each, arg};
    int err = db_run(s->db, "DELETE FROM binding WHERE expires <= ?", "i", now);

    if (err < 0)
        return err;
    return db_each(s->db,
                   "SELECT key, aor, contact, service_route, associated, impi, request, way, flow, expires, outbound"
                   " FROM binding", on_row, &l, "");
}
