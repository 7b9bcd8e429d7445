/* The relay of a chart: coturn with the policy that is shipped (packaging/coturn), TLS on port 443 of loopback, and the played WIC
 * as its client (tests/fake/turnc). There is no playing it: a chart asks whether the real agw is reached through a real one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/flow/play.h"

#define REALM "turn.example.net"
#define PORT 443

static const char conf[] =
    "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\ntls-listening-port=443\nalt-tls-listening-port=0\nno-udp\nno-tcp\n"
    "min-port=32800\nmax-port=32899\nrealm=" REALM "\ncert=turn.pem\npkey=turn.key\nuserdb=turn.db\npidfile=turn.pid\n"
    "allowed-peer-ip=127.0.0.1\nallow-loopback-peers\n";

static const char setup[] =
    "umask 077; d=%s; printf '%%s\\n' '%.*s' | packaging/coturn/turn-secrets $d/turn.db " REALM " &&"
    " cat packaging/coturn/policy.conf >>$d/turn.conf &&"
    " openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $d/turn.key -out $d/turn.pem -days 2"
    " -subj /CN=turn 2>/dev/null";

static struct sv secret_of(const struct chart *c)
{
    for (unsigned i = 0; i < c->n_confs; i++)
        if (sv_is(c->confs[i].owner, "turn") && sv_is(c->confs[i].name, "secret"))
            return c->confs[i].value;
    return SV_NONE;
}

static pid_t spawn(const struct play *p)
{
    const pid_t pid = fork();
    int fd;

    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(p->dir))
        _exit(127);
    fd = open("turn.log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execlp("turnserver", "turnserver", "-c", "turn.conf", (char *)NULL);
    _exit(127);
}

static int reconnect(struct play *p)
{
    struct addr at;

    addr_parse(&at, SV("127.0.0.1"), PORT);
    turnc_free(p->turn);
    p->turn = NULL;
    return turnc_new(&p->turn, &at);
}

int relay_launch(struct play *p)
{
    static const bool never;
    const struct sv secret = secret_of(p->c);
    char path[256], command[1200];
    FILE *f;
    int err;

    if (!secret.n || !p->real_agw)
        return 0;
    snprintf(path, sizeof path, "%s/turn.conf", p->dir);
    f = fopen(path, "w");
    if (!f || fputs(conf, f) < 0 || fclose(f))
        return -EIO;
    snprintf(command, sizeof command, setup, p->dir, SV_ARG(secret));
    if (system(command)) {
        fprintf(stderr, "coturn needs packaging/coturn (run from the top folder), openssl and sqlite3\n");
        return -ENOENT;
    }
    p->turn_pid = spawn(p);
    err = -ETIMEDOUT;
    for (int i = 0; err && i < PLAY_START_MS / 50; i++) {
        play_until(p, &never, 50);
        err = reconnect(p);
    }
    if (err)
        fprintf(stderr, "coturn is not ready within %d ms: %s\n", PLAY_START_MS, strerror(-err));
    return err;
}

/* It has no orderly end. */
void relay_stop(struct play *p)
{
    turnc_free(p->turn);
    p->turn = NULL;
    if (p->turn_pid <= 0)
        return;
    kill(p->turn_pid, SIGKILL);
    waitpid(p->turn_pid, NULL, 0);
    p->turn_pid = 0;
}

static bool peer_of(struct play *p, const struct chart_step *s, struct addr *peer, char *why, size_t size)
{
    char text[128];

    if (!media_fill(p, chart_arg(s, "peer"), text, sizeof text, why, size))
        return false;
    if (!addr_parse_hostport(peer, sv_from(text), 9))
        return true;
    snprintf(why, size, "peer=IP[:PORT] wanted");
    return false;
}

/* On a connection of its own: coturn holds to the name that a connection came with. relayed=<x> takes the port. */
static bool allocate(struct play *p, const struct chart_step *s, int *code, char *why, size_t size)
{
    char name[256], password[256], text[8], var[VAR_NAME];
    const struct media_arg args[] = {MEDIA_ARG(name), MEDIA_ARG(password), {0}};
    struct sv x = chart_arg(s, "relayed");
    struct addr relayed;

    if (!media_args(p, s, args, why, size))
        return false;
    *code = reconnect(p);
    if (*code)
        return true;
    *code = turnc_allocate(p->turn, name, password, &relayed);
    if (*code || x.n < 3)
        return true;
    sv_copy((struct sv){x.p + 1, x.n - 2}, var, sizeof var);
    snprintf(text, sizeof text, "%u", addr_port(&relayed));
    return !vars_set(&p->vs, var, text);
}

/* allocate|permission|channel|release [code=N] */
bool relay_event(struct play *p, const struct chart_step *s, char *why, size_t size)
{
    struct sv args = s->args, word = sv_word(&args), wanted = chart_arg(s, "code");
    struct addr peer;
    uint32_t want = 0;
    int code;

    sv_u32(wanted, 699, &want);
    if (!p->turn) {
        snprintf(why, size, "there is no `conf turn secret:`");
        return false;
    }
    if (sv_is(word, "allocate")) {
        if (!allocate(p, s, &code, why, size))
            return false;
    } else if (sv_is(word, "release")) {
        code = turnc_release(p->turn);
    } else {
        if (!peer_of(p, s, &peer, why, size))
            return false;
        code = sv_is(word, "channel") ? turnc_channel(p->turn, &peer) : turnc_permit(p->turn, &peer);
    }
    if (code == (int)want)
        return true;
    if (code < 0)
        snprintf(why, size, "%s", strerror(-code));
    else
        snprintf(why, size, "its answer was %d", code);
    return false;
}
