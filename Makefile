# One non-recursive Makefile. Folder libraries (build/common.a, build/agw_media.a, ...) keep the dependency rule
# visible: common <- h248 <- alg | agw. `make help` lists the commands.
B      ?= build
CC     ?= gcc
O      ?= -O2
WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
SAN    ?=
VERSION := $(shell cat VERSION 2>/dev/null)
CPPFLAGS += -I. -D_GNU_SOURCE -DOPENIQ_VERSION='"$(VERSION)"' -MMD -MP
CFLAGS += -std=c11 -g $(O) $(WARN) $(SAN) -pthread -fno-omit-frame-pointer
LDFLAGS += $(SAN) -pthread

# Lazily, so that `make deps` works before the packages are there.
PKGS_COMMON = libuv yaml-0.1 jansson libpcap libmicrohttpd zlib
PKGS_ALG    = sofia-sip-ua libwebsockets libssl libcrypto sqlite3 expat
PKGS_AGW    = usrsctp libsrtp2 libssl libcrypto
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS_COMMON) $(PKGS_ALG) $(PKGS_AGW)))$(PKG_CFLAGS)
LIBS_COMMON = $(eval LIBS_COMMON := $$(shell pkg-config --libs $(PKGS_COMMON)) -lm)$(LIBS_COMMON)
LIBS_ALG = $(eval LIBS_ALG := $$(shell pkg-config --libs $(PKGS_ALG)))$(LIBS_ALG)
LIBS_AGW = $(eval LIBS_AGW := $$(shell pkg-config --libs $(PKGS_AGW)))$(LIBS_AGW)
LIBS_ALL = $(LIBS_ALG) $(LIBS_AGW) $(LIBS_COMMON)

# --- folder libraries: every .c of the folder but main.c ---
FOLDERS := common h248 alg alg/users alg/sip alg/sdp alg/call alg/iq agw agw/ctl agw/media agw/data tests/fake tests/flow tests/lab
srcs = $(filter-out %/main.c $(PROGRAM_SRCS),$(wildcard $(1)/*.c))
lib  = $(B)/$(subst /,_,$(1)).a
# Programs that are one file with a main() beside library files.
PROGRAM_SRCS := h248/h248_tool.c alg/users/alg_users.c tests/flow/iq_replay.c $(wildcard tests/lab/lab_*.c)

define FOLDER_RULE
$(call lib,$(1)): $(patsubst %.c,$(B)/obj/%.o,$(call srcs,$(1)))
	@rm -f $$@
	@$(if $(call srcs,$(1)),ar rcs $$@ $$^,ar rcs $$@)
endef
$(foreach f,$(FOLDERS),$(eval $(call FOLDER_RULE,$(f))))

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC  $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -c -o $@ $<

LIB_BASE := $(call lib,h248) $(call lib,common)
LIB_ALG  := $(foreach f,alg alg/users alg/call alg/iq alg/sdp alg/sip,$(call lib,$(f)))
LIB_AGW  := $(foreach f,agw agw/ctl agw/media agw/data,$(call lib,$(f)))
link = @echo "  LD  $@"; mkdir -p $(@D); $(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(1)

$(B)/alg: $(B)/obj/alg/main.o $(LIB_ALG) $(LIB_BASE)
	$(call link,$(LIBS_ALG) $(LIBS_COMMON))
$(B)/agw: $(B)/obj/agw/main.o $(LIB_AGW) $(LIB_BASE)
	$(call link,$(LIBS_AGW) $(LIBS_COMMON))
$(B)/alg-users: $(B)/obj/alg/users/alg_users.o $(call lib,alg/users) $(LIB_BASE)
	$(call link,$(LIBS_ALG) $(LIBS_COMMON))
$(B)/h248-tool: $(B)/obj/h248/h248_tool.o $(LIB_BASE)
	$(call link,$(LIBS_COMMON))
# The player and the lab use agw's own ICE, DTLS and SCTP code for the peer's side (tests may include anything).
LIB_TESTS := $(foreach f,tests/flow tests/fake tests/lab,$(call lib,$(f)))
$(B)/iq-replay: $(B)/obj/tests/flow/iq_replay.o $(LIB_TESTS) $(LIB_AGW) $(LIB_BASE)
	$(call link,$(LIBS_ALL))
$(B)/lab-%: $(B)/obj/tests/lab/lab_%.o $(LIB_TESTS) $(LIB_AGW) $(LIB_BASE)
	$(call link,$(LIBS_ALL))

PROGRAMS := $(B)/alg $(B)/alg-users $(B)/agw $(B)/h248-tool $(B)/iq-replay $(patsubst tests/lab/lab_%.c,$(B)/lab-%,$(wildcard tests/lab/lab_*.c))

.PHONY: all help deps run test units layers sizes fuzz-smoke bench bench-media bench-tcp clean
all: $(PROGRAMS)

# --- unit tests: tests/unit/test_X.c is one program; cmocka ---
UNITS := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
$(B)/unit/test_alg_%: $(B)/obj/tests/unit/test_alg_%.o $(call lib,tests/fake) $(LIB_ALG) $(LIB_BASE)
	$(call link,-lcmocka $(LIBS_ALL))
$(B)/unit/test_agw_%: $(B)/obj/tests/unit/test_agw_%.o $(call lib,tests/fake) $(LIB_AGW) $(LIB_BASE)
	$(call link,-lcmocka $(LIBS_AGW) $(LIBS_COMMON))
$(B)/unit/test_agw_flow_memory: LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=pthread_mutex_lock
$(B)/unit/test_h248_%: $(B)/obj/tests/unit/test_h248_%.o $(LIB_BASE)
	$(call link,-lcmocka $(LIBS_COMMON))
$(B)/unit/test_h248_assoc $(B)/unit/test_h248_assoc_bad: $(B)/obj/tests/fake/lossy.o
$(B)/unit/test_common_%: $(B)/obj/tests/unit/test_common_%.o $(call lib,common)
	$(call link,-lcmocka $(LIBS_COMMON))
# charts as texts: the player's reader and judge
$(B)/unit/test_flow_%: $(B)/obj/tests/unit/test_flow_%.o $(call lib,tests/flow) $(LIB_BASE)
	$(call link,-lcmocka $(LIBS_COMMON))
units: $(UNITS)

# --- the phone page's SIP library in one file ---
$(B)/jssip.js: tests/e2e/package-lock.json
	@mkdir -p $(@D)
	@cd tests/e2e && node node_modules/esbuild/bin/esbuild node_modules/jssip/lib/JsSIP.js --bundle --format=iife \
	  --global-name=JsSIP --outfile=$(abspath $@) --log-level=warning

# --- commands ---
help:
	@sed -n 's/^## //p' Makefile
## make run        install what is missing, build, place the documented call, then a page in the browser (ONCE=1: no page)
## make test       install what is missing, run every test; last line "N passed, N failed, N skipped"
## make bench      figures, key=value a line, medians of 5
## make bench-media  what a packet costs beside rtpengine and trivial forwarders; FAST=1: in a minute
## make bench-tcp  10 000 ICE-TCP connections on one port, 2 000 of them with media
## make fuzz-smoke every fuzz target for 30 s (FUZZ_SECONDS=N)
## make            build everything into build/
## make layers     the include rules;   make sizes: the longest files and functions
deps:
	@scripts/deps build
run:
	@scripts/deps build page
	@$(MAKE) -s -j2 all $(B)/jssip.js
	@scripts/run
test:
	@scripts/deps test
	@scripts/test
layers:
	@scripts/check_layers
sizes:
	@scripts/sizes
bench:
	@scripts/deps test
	@$(MAKE) -s -j2 all $(B)/bench-codec
	@scripts/bench
bench-media:
	@scripts/deps bench
	@scripts/bench-media
bench-tcp:
	@scripts/deps build
	@$(MAKE) -s $(B)/bench-tcp
	@$(B)/bench-tcp
fuzz-smoke:
	@scripts/deps fuzz
	@scripts/fuzz-smoke

# Programs of more than one file.
$(B)/bench-media: $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/bench/media_*.c))
$(B)/bench-tcp: $(B)/obj/tests/bench/tcp_gateway.o
$(B)/bench-forward: $(B)/obj/tests/bench/media_load.o
$(B)/bench-%: $(B)/obj/tests/bench/bench_%.o $(LIB_TESTS) $(LIB_AGW) $(LIB_BASE)
	$(call link,$(LIBS_ALL))

# --- fuzz targets: tests/fuzz/fuzz_X.c, libFuzzer with clang in a build directory of its own (scripts/fuzz-smoke) ---
$(B)/fuzz/fuzz_rtcp: $(B)/obj/tests/fake/relay.o
$(B)/fuzz/fuzz_sip $(B)/fuzz/fuzz_ws: $(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(LIB_ALG) $(LIB_BASE)
	$(call link,-fsanitize=fuzzer $(LIBS_ALG) $(LIBS_COMMON))
$(B)/fuzz/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(LIB_AGW) $(LIB_BASE)
	$(call link,-fsanitize=fuzzer $(LIBS_AGW) $(LIBS_COMMON))

clean:
	rm -rf build

.SECONDARY:
-include $(shell test -d $(B)/obj && find $(B)/obj -name '*.d')
