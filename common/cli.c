#include "common/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define HELP_CONF_MAX 65536 /* bytes of --help-conf */

static int print_help_conf(const struct cli *c)
{
    char *text = malloc(HELP_CONF_MAX);
    struct buf b = buf_over(text, text ? HELP_CONF_MAX : 0);

    c->help(&b);
    if (!buf_err(&b))
        fwrite(text, 1, b.len, stdout);
    free(text);
    return buf_err(&b) ? 1 : 0;
}

static int load(const struct cli *c, void *conf, const char *path)
{
    char why[512] = "";

    if (c->load(conf, path, why, sizeof why) == 0)
        return 0;
    fprintf(stderr, "%s\n", why);
    return 1;
}

static int check_conf(const struct cli *c, void *conf, const char *path)
{
    if (load(c, conf, path))
        return 1;
    c->unload(conf);
    printf("%s: good\n", path);
    return 0;
}

int cli_parse(const struct cli *c, int argc, char **argv, void *conf, const char **trace_dir)
{
    static const struct option options[] = {
        {"conf", required_argument, NULL, 'c'}, {"check-conf", required_argument, NULL, 'k'},
        {"help-conf", no_argument, NULL, 'H'},  {"trace", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},       {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    const char *path = NULL;
    int opt;

    *trace_dir = NULL;
    while ((opt = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (opt) {
        case 'c':
            path = optarg;
            break;
        case 'k':
            return check_conf(c, conf, optarg);
        case 'H':
            return print_help_conf(c);
        case 't':
            *trace_dir = optarg;
            break;
        case 'h':
            fputs(c->usage, stdout);
            return 0;
        case 'v':
            printf("%s " OPENIQ_VERSION "\n", c->name);
            return 0;
        default:
            fputs(c->usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fputs(c->usage, stderr);
        return 2;
    }
    return load(c, conf, path) ? 1 : CLI_GO_ON;
}
