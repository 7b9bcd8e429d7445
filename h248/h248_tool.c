/* h248-tool: reads one H.248 text message or its JSON tree, checks it and prints it again. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "h248/h248_json.h"
#include "h248/iq.h"

#define INPUT_MAX (16u << 20) /* JSON is longer than the message that it tells of */
#define TREE_MAX (64u << 20)

/* H248_* styles and: */
#define JSON 16u
enum { EXIT_BAD = 1, EXIT_USAGE = 2 };

static const char usage_text[] =
    "usage: h248-tool decode|encode|check [--compact|--pretty|--json] [--bare-signals] [FILE]\n"
    "\n"
    "Reads one message from FILE, or from standard input when FILE is missing or `-`.\n"
    "\n"
    "  decode   reads H.248 text, prints it again in the form asked for\n"
    "  encode   reads the JSON tree that `decode --json` prints, prints the message\n"
    "  check    reads H.248 text, prints `ok`, and what the Iq profile has to remark\n"
    "\n"
    "  --pretty   long tokens and indentation (default)\n"
    "  --compact  short tokens, no white space\n"
    "  --json     the message as a JSON tree\n"
    "  --bare-signals  an empty Signals descriptor as the bare word, not Signals{}\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 good; 1 bad message, `line:column: reason` on standard error; 2 usage, or no such file.\n";

static int usage(const char *why)
{
    fprintf(stderr, "h248-tool: %s\n%s", why, usage_text);
    return EXIT_USAGE;
}

/* The whole of the file. NULL with the reason on stderr. */
static char *read_all(const char *path, size_t *n)
{
    FILE *f = !path || !strcmp(path, "-") ? stdin : fopen(path, "rb");
    char *p = NULL;

    if (!f) {
        fprintf(stderr, "h248-tool: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    p = malloc(INPUT_MAX + 1);
    *n = p ? fread(p, 1, INPUT_MAX + 1, f) : 0;
    if (!p || ferror(f) || *n > INPUT_MAX) {
        fprintf(stderr, "h248-tool: %s: %s\n", path ? path : "-",
                *n > INPUT_MAX ? "too long" : strerror(errno));
        free(p);
        p = NULL;
    }
    if (f != stdin)
        fclose(f);
    return p;
}

static int print_json(const struct h248_msg *m)
{
    json_t *tree = h248_to_json(m);

    if (!tree) {
        fprintf(stderr, "h248-tool: out of memory\n");
        return EXIT_BAD;
    }
    json_dumpf(tree, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(tree);
    return 0;
}

static int print_message(const struct h248_msg *m, unsigned form)
{
    static char text[H248_MSG_MAX];
    struct buf out = buf_over(text, sizeof(text));
    int err;

    if (form & JSON)
        return print_json(m);
    err = h248_encode(m, form, &out);
    if (err) {
        fprintf(stderr, "1:1: %s\n",
                err == -EMSGSIZE ? "longer than a message may be"
                                 : "no text of this protocol version says this");
        return EXIT_BAD;
    }
    fwrite(text, 1, out.len, stdout);
    if (form & H248_COMPACT)
        putchar('\n');
    return 0;
}

static void print_remarks(const struct h248_msg *m)
{
    const struct h248_txn *t;
    const struct h248_action *ac;
    const struct h248_cmd *c;

    for (t = m->txns; t; t = t->next) {
        for (ac = t->actions; ac; ac = ac->next) {
            for (c = ac->cmds; c; c = c->next) {
                char why[160] = "";
                unsigned code = iq_prof_check(c, t->kind == H248_REPLY, why);

                if (code)
                    printf("profile: %u %s %.*s: %s\n", code, h248_verb_name(c->verb),
                           SV_ARG(c->terms ? c->terms->text : SV_NONE), why);
            }
        }
    }
}

static int from_text(struct arena *a, struct sv text, struct h248_msg **m)
{
    struct h248_fault fault;
    int err = h248_decode(a, text, m, &fault);

    if (err == -EBADMSG)
        fprintf(stderr, "%u:%u: %s\n", fault.line, fault.column, fault.why);
    else if (err)
        fprintf(stderr, "h248-tool: out of memory\n");
    return err;
}

static int from_json(struct arena *a, struct sv text, struct h248_msg **m)
{
    json_error_t at;
    json_t *tree = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &at);
    char why[200] = "out of memory";
    int err = -EINVAL;

    if (!tree) {
        fprintf(stderr, "%d:%d: %s\n", at.line, at.column > 0 ? at.column : 1, at.text);
        return err;
    }
    err = h248_from_json(a, tree, m, why, sizeof(why));
    if (err)
        fprintf(stderr, "1:1: %s\n", why);
    json_decref(tree);
    return err;
}

static int run(const char *verb, unsigned form, const char *path)
{
    struct arena *a = arena_new(TREE_MAX);
    struct h248_msg *m = NULL;
    size_t n = 0;
    char *text = read_all(path, &n);
    int err = EXIT_USAGE;

    if (!a || !text)
        goto out;
    err = EXIT_BAD;
    if (*verb == 'e' ? from_json(a, (struct sv){text, n}, &m)
                     : from_text(a, (struct sv){text, n}, &m))
        goto out;
    err = 0;
    if (*verb == 'c') {
        puts("ok");
        print_remarks(m);
    } else {
        err = print_message(m, form);
    }
out:
    free(text);
    arena_free(a);
    return err;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"compact", no_argument, NULL, 'c'},
        {"pretty", no_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {"bare-signals", no_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    unsigned form = H248_PRETTY, bare = 0;
    const char *verb;
    int opt;

    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (opt) {
        case 'c': form = H248_COMPACT; break;
        case 'p': form = H248_PRETTY; break;
        case 'b': bare = H248_BARE_SIGNALS; break;
        case 'j': form = JSON; break;
        case 'h': fputs(usage_text, stdout); return 0;
        case 'v': puts("h248-tool " OPENIQ_VERSION); return 0;
        default: return usage("unknown option");
        }
    }
    if (optind >= argc || argc - optind > 2)
        return usage("a command and at most one file are required");
    verb = argv[optind];
    if (strcmp(verb, "decode") && strcmp(verb, "encode") && strcmp(verb, "check"))
        return usage("unknown command");
    return run(verb, form | bare, optind + 1 < argc ? argv[optind + 1] : NULL);
}
