/* iq-replay: plays charts as every actor that is not real, and judges the real ones. */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <utlist.h>

#include "common/log.h"
#include "tests/flow/pair.h"
#include "tests/flow/play.h"
#include "tests/flow/retrace.h"

static const char usage[] =
    "usage: iq-replay CHART... --real alg,agw|alg|agw [options]\n"
    "       iq-replay CHART --trace DIR\n"
    "       iq-replay --pairs --trace DIR\n"
    "Plays each chart as every actor that is not real, prints the ladder with a verdict a line.\n"
    "  --real WHO     which of alg and agw are real binaries (started by iq-replay, from its own folder)\n"
    "  --trace DIR    play nothing: judge what alg and agw wrote with their own --trace DIR\n"
    "  --pairs        nothing but the candidate pairs that were selected, a line each\n"
    "  --junit FILE   the verdicts as JUnit XML (last chart)\n"
    "  --tap          the verdicts as TAP lines too\n"
    "  --bin DIR      where alg and agw are\n"
    "  --help  --version\n"
    "exit status: 0 every verdict is ok, 1 not, 2 usage or a chart that cannot be read\n";

static const struct option options[] = {{"real", 1, NULL, 'r'},  {"trace", 1, NULL, 't'}, {"junit", 1, NULL, 'j'},
                                        {"tap", 0, NULL, 'p'},   {"bin", 1, NULL, 'b'},   {"help", 0, NULL, 'h'},
                                        {"pairs", 0, NULL, 'P'},
                                        {"version", 0, NULL, 'V'}, {0}};

struct args {
    const char *real, *trace, *junit, *bin;
    bool tap, pairs;
};

static int by_trace(const struct chart *c, const struct args *o, struct ladder *l)
{
    struct arena *a = arena_new(256u << 20);
    struct vars *vs = calloc(1, sizeof *vs);
    struct retrace_msg *list = NULL;
    char err[300];
    int ret = a && vs ? retrace_load(a, o->trace, &list, err, sizeof err) : -ENOMEM;

    if (ret)
        fprintf(stderr, "iq-replay: %s\n", err);
    ladder_init(l, c);
    if (!ret)
        retrace_judge(list, vs, l);
    arena_free(a);
    free(vs);
    return ret;
}

static int pairs(const char *dir)
{
    struct arena *a = arena_new(256u << 20);
    struct retrace_msg *list = NULL, *m;
    char text[300] = "no memory";
    int ret = a ? retrace_load(a, dir, &list, text, sizeof text) : -ENOMEM;

    if (ret)
        fprintf(stderr, "iq-replay: %s\n", text);
    DL_FOREACH(list, m)
        if (pair_name(list, m, text, sizeof text))
            puts(text);
    arena_free(a);
    return ret ? 1 : 0;
}

/* Has this host the address that the chart wants for its media? */
static bool has_media(const struct chart *c)
{
    struct addr a;
    int fd = !c->media_ip[0] || addr_parse(&a, sv_from(c->media_ip), 0) ? 0 : net_udp(&a);

    if (fd > 0)
        close(fd);
    return fd >= 0;
}

static int one(const char *path, const struct args *o, unsigned *tap)
{
    static struct play play; /* large: not for the stack */
    struct arena *a = arena_new(8u << 20);
    struct chart *c = calloc(1, sizeof *c);
    char err[300] = "no memory";
    int ret = 2;

    if (!a || !c || chart_load(a, path, c, err, sizeof err)) {
        fprintf(stderr, "iq-replay: %s\n", err);
        goto out;
    }
    if (o->real && !chart_allows(c, o->real)) {
        printf("%s: not for --real %s\n", path, o->real);
        if (o->tap)
            printf("ok %u - %.*s real=%s # SKIP the chart says: real %s\n", ++*tap, SV_ARG(c->name), o->real, c->only);
        ret = 0;
        goto out;
    }
    if (o->real && !has_media(c)) {
        printf("%s: this host has no address %s\n", path, c->media_ip);
        if (o->tap)
            printf("ok %u - %.*s real=%s # SKIP this host has no address %s\n", ++*tap, SV_ARG(c->name), o->real, c->media_ip);
        ret = 0;
        goto out;
    }
    if (o->trace ? by_trace(c, o, &play.ladder)
                 : play_run(&play, c, strstr(o->real, "alg") != NULL, strstr(o->real, "agw") != NULL, o->bin))
        goto out;
    ladder_end(&play.ladder);
    if (o->junit && ladder_junit(&play.ladder, o->real ? o->real : "trace", o->junit))
        fprintf(stderr, "iq-replay: %s: %s\n", o->junit, strerror(errno));
    if (o->tap)
        ladder_tap(&play.ladder, o->real ? o->real : "trace", tap);
    ret = play.ladder.failed || !play.ladder.judged ? 1 : 0;
out:
    free(c);
    arena_free(a);
    return ret;
}

int main(int argc, char **argv)
{
    struct args o = {0};
    char self[256];
    unsigned tap = 0;
    int c, ret = 0;

    snprintf(self, sizeof self, "%s", argv[0]);
    o.bin = dirname(self);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'r': o.real = optarg; break;
        case 't': o.trace = optarg; break;
        case 'j': o.junit = optarg; break;
        case 'b': o.bin = optarg; break;
        case 'p': o.tap = true; break;
        case 'P': o.pairs = true; break;
        case 'V': printf("iq-replay %s\n", OPENIQ_VERSION); return 0;
        case 'h': fputs(usage, stdout); return 0;
        default: fputs(usage, stderr); return 2;
        }
    }
    if (o.pairs && o.trace && optind == argc)
        return pairs(o.trace);
    if (optind == argc || o.pairs || !o.real == !o.trace ||
        (o.real && strcmp(o.real, "alg,agw") && strcmp(o.real, "alg") && strcmp(o.real, "agw"))) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    log_init(LOG_ERROR);
    for (int i = optind; i < argc; i++) {
        int r = one(argv[i], &o, &tap);

        ret = r > ret ? r : ret;
    }
    return ret;
}
