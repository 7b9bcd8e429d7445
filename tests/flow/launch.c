/* Starting and stopping the real ones, each with a configuration of its own in a fresh directory, on free ports. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/rnd.h"
#include "tests/flow/play.h"

#define STOP_MS 8000
#define PORT_LO 10000
#define PORT_HI 16000

/* A port that nobody has, UDP or TCP: below those that connections take by themselves, and those of agw's media. A
 * candidate is tried once in a chart, since it is free again until its owner starts. */
static uint16_t free_port(struct play *p)
{
    for (unsigned tries = 0; tries < PORT_HI - PORT_LO; tries++) {
        struct addr udp, tcp;
        int u, t;

        p->port_at = p->port_at < PORT_LO || p->port_at >= PORT_HI ? PORT_LO : p->port_at + 1;
        addr_parse(&udp, SV("127.0.0.1"), p->port_at);
        tcp = udp;
        u = net_udp(&udp);
        t = net_tcp_listen(&tcp, 1);
        if (u >= 0)
            close(u);
        if (t >= 0)
            close(t);
        if (u >= 0 && t >= 0)
            return p->port_at;
    }
    return 0;
}

/* <dir> is the folder of its files. */
static void write_value(const struct play *p, struct sv value, FILE *f)
{
    const char *at;

    while (value.n && (at = memmem(value.p, value.n, "<dir>", 5))) {
        fprintf(f, "%.*s%s", (int)(at - value.p), value.p, p->dir);
        value = (struct sv){at + 5, value.n - (size_t)(at + 5 - value.p)};
    }
    fprintf(f, "%.*s\n", SV_ARG(value));
}

static void write_confs(const struct play *p, const char *owner, FILE *f)
{
    for (unsigned i = 0; i < p->c->n_confs; i++) {
        if (!sv_is(p->c->confs[i].owner, owner))
            continue;
        fprintf(f, "%.*s: ", SV_ARG(p->c->confs[i].name));
        write_value(p, p->c->confs[i].value, f);
    }
}

/* Lines of one name make one file; users.jsonl goes into the store of users. */
static int write_files(const struct play *p, const char *owner)
{
    char path[256], command[800];
    bool users = false;

    for (unsigned i = 0; i < p->c->n_files; i++) {
        const struct chart_let *l = &p->c->files[i];
        FILE *f;

        if (!sv_is(l->owner, owner))
            continue;
        snprintf(path, sizeof path, "%s/%.*s", p->dir, SV_ARG(l->name));
        f = fopen(path, "a");
        if (!f)
            return -errno;
        fprintf(f, "%.*s\n", SV_ARG(l->value));
        (void)fchmod(fileno(f), 0600); /* some are secrets */
        if (fclose(f))
            return -errno;
        users = users || sv_is(l->name, "users.jsonl");
    }
    if (!users)
        return 0;
    snprintf(command, sizeof command, "%s/alg-users --db %s/users.db import %s/users.jsonl >/dev/null", p->bin, p->dir, p->dir);
    return system(command) ? -EIO : 0;
}

static FILE *conf_open(const struct play *p, const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s.yaml", p->dir, name);
    return fopen(path, "w");
}

static int conf_agw(const struct play *p, char *path, size_t size)
{
    FILE *f = conf_open(p, "agw", path, size);

    if (!f)
        return -errno;
    fprintf(f, "mgc: [\"udp:127.0.0.1:%u\"]\nlisten: \"udp:127.0.0.1:%u\"\nops: \"127.0.0.1:%u\"\n"
            "register_pause: 200\n", p->iq_alg, p->iq_agw, p->ops_agw);
    write_confs(p, "agw", f);
    return fclose(f) ? -errno : 0;
}

static int conf_alg(const struct play *p, char *path, size_t size)
{
    FILE *f = conf_open(p, "alg", path, size);

    if (!f)
        return -errno;
    fprintf(f, "h248_listen: \"udp:127.0.0.1:%u\"\nsip_listen: \"127.0.0.1:%u\"\n"
            "next_hop: \"sip:127.0.0.1:%u;transport=udp\"\nws_listen: [\"127.0.0.1:%u\"]\nwss_listen: []\nops: \"127.0.0.1:%u\"\n"
            "origins: [\"http://chart.example.net\"]\nstate_dir: \"%s\"\n", p->iq_alg, p->sip_alg, p->sip_core,
            p->ws_alg, p->ops_alg, p->dir);
    write_confs(p, "alg", f);
    return fclose(f) ? -errno : 0;
}

static pid_t spawn(const struct play *p, const char *name, const char *conf)
{
    char bin[256], log[256];
    pid_t pid;

    snprintf(bin, sizeof bin, "%s/%s", p->bin, name);
    snprintf(log, sizeof log, "%s/%s.log", p->dir, name);
    pid = fork();
    if (pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);

        dup2(fd, 1);
        dup2(fd, 2);
        execl(bin, bin, "-c", conf, "--trace", p->dir, (char *)NULL);
        _exit(127);
    }
    return pid;
}

int launch(struct play *p)
{
    char conf[256];
    int err = 0;

    p->port_at = (uint16_t)(PORT_LO + rnd_u32() % (PORT_HI - PORT_LO));
    p->iq_agw = p->real_agw ? free_port(p) : 0;
    if (p->real_alg && p->real_agw)
        p->iq_alg = free_port(p);
    p->ops_alg = free_port(p);
    p->ops_agw = free_port(p);
    if (p->real_alg) {
        p->iq_alg = p->iq_alg ? p->iq_alg : free_port(p);
        p->sip_alg = free_port(p);
        p->ws_alg = free_port(p);
        addr_parse(&p->alg_sip, SV("127.0.0.1"), p->sip_alg);
        err = write_files(p, "alg");
        if (!err)
            err = conf_alg(p, conf, sizeof conf);
        p->alg_pid = err ? 0 : spawn(p, "alg", conf);
    }
    if (!err && p->real_agw) {
        err = conf_agw(p, conf, sizeof conf);
        p->agw_pid = err ? 0 : spawn(p, "agw", conf);
    }
    return err;
}

static void get(uint16_t port, const char *path, char *answer, size_t size)
{
    struct timeval second = {1, 0};
    char request[64];
    struct addr a;
    size_t len = 0;
    ssize_t n = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    addr_parse(&a, SV("127.0.0.1"), port);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", path);
    if (!connect(fd, &a.u.sa, addr_len(&a)) && write(fd, request, strlen(request)) > 0) {
        while (len + 1 < size && (n = read(fd, answer + len, size - 1 - len)) > 0)
            len += (size_t)n;
    }
    answer[len] = 0;
    close(fd);
}

/* 200 from /health: the gateway is registered. */
static bool healthy(uint16_t port)
{
    char answer[256];

    get(port, "/health", answer, sizeof answer);
    return strlen(answer) > 12 && !memcmp(answer + 9, "200", 3);
}

bool launch_metric(uint16_t port, const char *name, long *value)
{
    char answer[32768], key[64];
    const char *at;

    get(port, "/metrics", answer, sizeof answer);
    snprintf(key, sizeof key, "\n%s ", name);
    at = strstr(answer, key);
    if (at)
        *value = strtol(at + strlen(key), NULL, 10);
    return at != NULL;
}

int launch_signal(struct play *p, const char *actor, int sig)
{
    pid_t pid = !strcmp(actor, "alg") ? p->alg_pid : p->agw_pid;

    return pid > 0 && !kill(pid, sig) ? 0 : -ESRCH;
}

int launch_ready(struct play *p)
{
    static const bool never;

    for (int i = 0; i < PLAY_START_MS / 50; i++) {
        if (healthy(p->ops_alg) && healthy(p->ops_agw))
            return 0;
        play_until(p, &never, 50);
    }
    fprintf(stderr, "alg and agw are not ready within %d ms; logs in %s\n", PLAY_START_MS, p->dir);
    return -ETIMEDOUT;
}

/* The played ends go on meanwhile: a service that leaves says so and waits for answers. */
static bool stop(struct play *p, pid_t pid, const char *name)
{
    static const bool never;
    int status = 0;

    if (pid <= 0)
        return true;
    kill(pid, SIGTERM);
    kill(pid, SIGCONT); /* a chart may have stopped it */
    for (int i = 0; i < STOP_MS / 20; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return true;
            fprintf(stderr, "%s ended with status %#x\n", name, (unsigned)status);
            return false;
        }
        play_until(p, &never, 20);
    }
    fprintf(stderr, "%s did not stop within %d ms of SIGTERM\n", name, STOP_MS);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return false;
}

/* Nothing to look at: the directory of configurations, logs and traces goes. */
void launch_clean(struct play *p)
{
    DIR *d = opendir(p->dir);
    const struct dirent *e;
    char path[512];

    while (d && (e = readdir(d))) {
        snprintf(path, sizeof path, "%s/%s", p->dir, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(p->dir);
}

void launch_stop(struct play *p)
{
    bool a = stop(p, p->alg_pid, "alg"), b = stop(p, p->agw_pid, "agw");

    p->alg_pid = p->agw_pid = 0;
    if (!a || !b)
        p->ladder.failed++;
}
