/* bench-codec FILE: µs to decode and to encode one H.248 message, pretty and compact; as a ratio to a floor measured in
 * the same run: copying the same octets and looking at each. */
#include "common/arena.h"
#include "h248/h248.h"
#include "tests/bench/bench.h"

struct codec {
    struct arena *arena, *msg_arena;
    struct sv text;
    struct h248_msg *msg;
    enum h248_style style;
    char out[H248_MSG_MAX];
    size_t out_len;
    unsigned braces;
};

static void decode_once(void *arg)
{
    struct codec *c = arg;
    struct h248_fault fault;
    struct h248_msg *m;

    arena_reset(c->arena);
    if (h248_decode(c->arena, c->text, &m, &fault)) {
        fprintf(stderr, "bench-codec: %u:%u: %s\n", fault.line, fault.column, fault.why);
        exit(1);
    }
}

static void encode_once(void *arg)
{
    struct codec *c = arg;
    struct buf b = buf_over(c->out, sizeof c->out);

    if (h248_encode(c->msg, c->style, &b)) {
        fprintf(stderr, "bench-codec: the message cannot be encoded\n");
        exit(1);
    }
    c->out_len = b.len;
}

static void floor_once(void *arg)
{
    struct codec *c = arg;
    volatile const char *p = c->out;

    memcpy(c->out, c->text.p, c->text.n);
    for (size_t i = 0; i < c->text.n; i++)
        c->braces += p[i] == '{';
}

static void one_style(struct codec *c, enum h248_style style, const char *name)
{
    double dec[BENCH_RUNS], enc[BENCH_RUNS], least[BENCH_RUNS];
    static char text[H248_MSG_MAX];
    char key[64];

    c->style = style;
    bench_us(encode_once, c, enc);
    memcpy(text, c->out, c->out_len);
    c->text = (struct sv){text, c->out_len};
    bench_us(decode_once, c, dec);
    bench_us(floor_once, c, least);
    printf("codec_%s_octets=%zu\n", name, c->text.n);
    snprintf(key, sizeof key, "codec_decode_%s_us", name);
    bench_figure(key, dec, BENCH_RUNS);
    snprintf(key, sizeof key, "codec_encode_%s_us", name);
    bench_figure(key, enc, BENCH_RUNS);
    snprintf(key, sizeof key, "codec_floor_%s_us", name);
    bench_figure(key, least, BENCH_RUNS);
    printf("codec_decode_%s_to_floor=%.1f\ncodec_encode_%s_to_floor=%.1f\n", name,
           dec[BENCH_RUNS / 2] / least[BENCH_RUNS / 2], name, enc[BENCH_RUNS / 2] / least[BENCH_RUNS / 2]);
}

static const char usage[] =
    "usage: bench-codec FILE   decodes and encodes one H.248 message in text encoding\n"
    "  FILE   the message, for example tests/data/h248/iq_reserve_t1_group.txt\n"
    "Prints codec_*_us, microseconds, pretty and compact, and the same for copying the octets and looking at each: key=value,\n"
    "medians of 5 runs with _min and _max.\n"
    "exit status: 0, 1 no such file or no message, 2 usage\n";

int main(int argc, char **argv)
{
    static struct codec c;
    static char file[H248_MSG_MAX];
    struct h248_fault fault;
    FILE *f;

    bench_words(argc, argv, usage, 1);
    f = fopen(argv[1], "r");
    if (!f) {
        perror(argv[1]);
        return 1;
    }
    c.text = (struct sv){file, fread(file, 1, sizeof file, f)};
    fclose(f);
    c.arena = arena_new(H248_ARENA_MAX);
    c.msg_arena = arena_new(H248_ARENA_MAX);
    if (!c.arena || !c.msg_arena || h248_decode(c.msg_arena, c.text, &c.msg, &fault)) {
        fprintf(stderr, "bench-codec: %s is no message\n", argv[1]);
        return 1;
    }
    one_style(&c, H248_PRETTY, "pretty");
    one_style(&c, H248_COMPACT, "compact");
    arena_free(c.arena);
    arena_free(c.msg_arena);
    return 0;
}
