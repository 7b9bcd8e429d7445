/* A call-flow chart (tests/flow/LANGUAGE.md): header lines, then steps with their bodies. One thread. */
#pragma once

#include "common/arena.h"
#include "tests/flow/vars.h"

#define CHART_STEPS_MAX 256
#define CHART_FILES_MAX 16

enum chart_kind {
    CHART_MESSAGE, /* "4 agw -> alg h248" with a body */
    CHART_EVENT,   /* "16 agw -> wic dtls ClientHello": media; arguments on the line */
    CHART_ACTION,  /* "20 wic vanish" */
    CHART_WAIT,    /* "wait 200ms" */
    CHART_NONE,    /* "none 500ms": nothing may come */
};

struct chart_step {
    enum chart_kind kind;
    unsigned line;          /* in the file */
    struct sv number;       /* "11", "15a" */
    char from[16], to[16];  /* actors; to empty for ACTION */
    bool both;              /* "<->" */
    char proto[12];          /* "sip" "h248" "ice" "dtls" "sctp" "msrp" "sdes" "rtp" "rtcp" */
    struct sv args;         /* rest of the step line */
    struct sv body;         /* indented lines, indentation taken off */
    unsigned ms;            /* WAIT, NONE */
};

struct chart_let { /* let OWNER NAME = VALUE: counts only while OWNER is played */
    struct sv owner, name, value;
};

struct chart {
    struct sv name, source;
    char actors[8][16];
    unsigned n_actors;
    struct chart_let lets[VARS_MAX];
    unsigned n_lets;
    struct chart_let confs[VARS_MAX]; /* conf OWNER KEY: VALUE, for the real one's configuration */
    unsigned n_confs;
    struct chart_let files[CHART_FILES_MAX]; /* file OWNER NAME = LINE: in the folder of the real one */
    unsigned n_files;
    char media_ip[48];      /* "media ::1": where the played ends have their media; empty: 127.0.0.1 */
    char only[32];          /* "real alg,agw": this chart makes sense for these only; empty = all */
    struct chart_step steps[CHART_STEPS_MAX];
    unsigned n_steps;
};

/* 0, or -EBADMSG with "FILE:LINE: reason" in err. Text of the chart lives in the arena. */
int chart_load(struct arena *a, const char *path, struct chart *c, char *err, size_t size);
bool chart_allows(const struct chart *c, const char *real);
/* The value of key=... in a step's arguments, variables not filled. Empty: absent. */
struct sv chart_arg(const struct chart_step *s, const char *key);
/* Does this bare word stand in a step's arguments? */
bool chart_flag(const struct chart_step *s, const char *word);
/* The text in double quotes in a step's arguments. Empty: none. */
struct sv chart_quoted(const struct chart_step *s);
