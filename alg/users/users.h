/* Users of the domains where alg itself says who may come in: name and digests of the access password, the IMS identity
 * behind it, digests of the IMS password for third-party registration (TR 23.701 6.1.2.1.2). Written by build/alg-users while
 * alg runs, read at each REGISTER. Owner: main.c. Main thread. */
#pragma once

#include <stdbool.h>

#include "alg/users/digest.h"

#define USER_TEXT_MAX 256

struct users;

struct user {
    char name[USER_TEXT_MAX], domain[USER_TEXT_MAX]; /* realm of the access password: the domain */
    char impu[USER_TEXT_MAX], impi[USER_TEXT_MAX];   /* "sip:+15550101@home.example.net"; "" = no IMS account of its own */
    char ims_realm[USER_TEXT_MAX];
    struct digest_secret access, ims;                /* "" in both: no password, a token only */
};

int users_open(struct users **up, const char *path); /* -errno */
void users_close(struct users *u);                   /* NULL is fine */
int users_get(struct users *u, const char *name, const char *domain, struct user *out); /* 0, -ENOENT, -errno */
int users_by_impu(struct users *u, const char *impu, struct user *out);
int users_by_impi(struct users *u, const char *impi, struct user *out);
int users_put(struct users *u, const struct user *user);   /* adds or replaces */
int users_remove(struct users *u, const char *name, const char *domain); /* 0, -ENOENT */
int users_each(struct users *u, int (*each)(void *arg, const struct user *user), void *arg);
bool users_changed(struct users *u); /* by another process, since this was asked last; the first time: no */
int users_begin(struct users *u), users_commit(struct users *u), users_rollback(struct users *u);

/* "alice@office.example.net", IMPU and the like made from it. What cannot stand in a SIP URI is refused: -EINVAL. */
int user_name(struct user *user, const char *text);
