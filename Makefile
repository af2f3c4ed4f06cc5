# SPDX-License-Identifier: Apache-2.0
# The front door: `make help`. Meson and ninja do the work behind it.
BUILD ?= build
JOBS ?= $(shell nproc)
N ?= 50
TIME ?= 30
MINUTES ?= 10
HOURS ?= 1
VERSION = $(shell sed -n "s/^ *version: '\(.*\)',/\1/p" meson.build)
SAN_OPTIONS = -Db_lundef=false -Dtests=true
SIMULATED = build/$(if $(SANITIZE),asan,gcc)
COMMA = ,
COUNTED = -fprofile-instr-generate -fcoverage-mapping -mllvm -runtime-counter-relocation

.DEFAULT_GOAL := help
.PHONY: help run build test check crash fault chaos chaos-cluster chart cluster cuts failover upgrade simulate mutants coverage-faults pictures bench bench-cluster soak soak-receive fuzz asan tsan fmt check-presets lint docs dist deb clean

help:            ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run:             ## build, start a server here and show a first delivery (Ctrl-C stops it)
	@tools/install build
	@$(MAKE) --no-print-directory build
	@exec tools/run

build:           ## the binary: build/grapnel
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) -Dtests=false
	@ninja -C $(BUILD) -j $(JOBS) grapnel

test:            ## everything CI runs: all suites, both compilers, all sanitizers
	@tools/install test
	@build/venv/bin/python tools/test all

check:           ## the quick part of test: unit, sim, store and lint on one build
	@tools/install test
	@build/venv/bin/python tools/test quick

crash:           ## kill the server N times at random moments and account for every message (N=50)
	@tools/install bench
	@test -f build/gcc/build.ninja || meson setup build/gcc
	@ninja -C build/gcc -j $(JOBS) grapnel
	@python3 test/crash/crash.py --bin build/gcc/grapnel --kills $(N)

fault:           ## let every kind of system call of the server fail, at many moments, and account for every message
	@tools/install test
	@test -f build/gcc/build.ninja || meson setup build/gcc -Dtests=true
	@ninja -C build/gcc -j $(JOBS) grapnel test/fault/libfault.so
	@GRAPNEL_FAULT_ALL=1 GRAPNEL_BIN=$$PWD/build/gcc/grapnel build/venv/bin/python -m pytest -q -p no:cacheprovider -n $(JOBS) test/fault

chaos:           ## disturb a real server, broker, network, disk and clock, and account for every message (MINUTES=10, SEED=, SCRIPT=, ONLY=)
	@tools/install test
	@test -f build/gcc/build.ninja || meson setup build/gcc -Dtests=true
	@ninja -C build/gcc -j $(JOBS) grapnel
	@build/venv/bin/python test/chaos/chaos.py --bin build/gcc/grapnel --minutes $(MINUTES) \
		$(if $(SEED),--seed $(SEED)) $(if $(SCRIPT),--script $(SCRIPT)) $(if $(ONLY),--only $(ONLY))

cluster:         ## show what becomes of messages when nodes and the database's primary die, with three nodes on PostgreSQL
	@tools/install test
	@test -f build/gcc/build.ninja || meson setup build/gcc -Dtests=true
	@ninja -C build/gcc -j $(JOBS) grapnel
	@GRAPNEL_BIN=$$PWD/build/gcc/grapnel build/venv/bin/python tools/cluster

chaos-cluster:   ## disturb three nodes and their database at random, and account for every message (MINUTES=10, SEED=)
	@tools/install test
	@test -f build/gcc/build.ninja || meson setup build/gcc -Dtests=true
	@ninja -C build/gcc -j $(JOBS) grapnel
	@GRAPNEL_BIN=$$PWD/build/gcc/grapnel build/venv/bin/python test/cluster/chaos.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

cuts:            ## cut the connections to PostgreSQL around commits, and account for every message (ROUNDS=1000)
	@tools/install test
	@test -f build/gcc/build.ninja || meson setup build/gcc -Dtests=true
	@ninja -C build/gcc -j $(JOBS) test/store/test_store_postgres_writes
	@TEST_FILTER='*_around_a_commit' CUT_ROUNDS=$(or $(ROUNDS),1000) build/gcc/test/store/test_store_postgres_writes

chart:           ## check the Helm chart with Helm, which Go builds where there is none
	@tools/install test
	@tools/install helm
	@test -f build/gcc/build.ninja || meson setup build/gcc -Dtests=true
	@ninja -C build/gcc -j $(JOBS) grapnel
	@GRAPNEL_BIN=$$PWD/build/gcc/grapnel build/venv/bin/python -m pytest -q -p no:cacheprovider test/cluster/test_helm.py

failover:        ## kill the primary of pg_auto_failover again and again under load, and account for every message (ROUNDS=5)
	@tools/install test
	@tools/install failover
	@test -f build/gcc/build.ninja || meson setup build/gcc -Dtests=true
	@ninja -C build/gcc -j $(JOBS) grapnel
	@ROUNDS=$(or $(ROUNDS),5) GRAPNEL_BIN=$$PWD/build/gcc/grapnel build/venv/bin/python tools/failover

upgrade:         ## run nodes of this program and of the one before the newest change of the schema in one cluster, and account for every message
	@tools/install test
	@test -f build/gcc/build.ninja || meson setup build/gcc -Dtests=true
	@ninja -C build/gcc -j $(JOBS) grapnel
	@older=$$(tools/older) && GRAPNEL_OLDER=$$older GRAPNEL_BIN=$$PWD/build/gcc/grapnel build/venv/bin/python -m pytest -q -p no:cacheprovider test/cluster/test_upgrade.py

simulate:        ## play simulated servers until the time is over, a failing seed is kept (HOURS=1, SEED=n or PLAN=file: only that; QUIET=1: long quiet lives only; SANITIZE=1)
	@tools/install test
	@test -f $(SIMULATED)/build.ninja || $(if $(SANITIZE),CC=clang) meson setup $(SIMULATED) $(if $(SANITIZE),-Db_sanitize=address$(COMMA)undefined $(SAN_OPTIONS),-Dtests=true)
	@ninja -C $(SIMULATED) -j $(JOBS) grapnel test/simulate/simulate test/simulate/libworkload.so
	@tools/simulate --build=$(SIMULATED) --jobs=$(JOBS) $(if $(PLAN),$(PLAN),$(if $(SEED),--seeds=$(SEED),--hours=$(HOURS)) $(if $(QUIET),--quiet))

mutants:         ## make known faults one at a time, and see that the store's tests and the simulator notice them (T="one another")
	@tools/install test
	@JOBS=$(JOBS) tools/mutants $(T)

coverage-faults: ## list what of the store's code no test of faults reaches: an hour or two (SEEDS=1-200)
	@tools/install test
	@test -f build/coverage/build.ninja || CC=clang meson setup build/coverage $(SAN_OPTIONS) '-Dc_args=$(COUNTED)' -Dc_link_args=-fprofile-instr-generate
	@ninja -C build/coverage -j $(JOBS) grapnel test/simulate/simulate test/simulate/libworkload.so
	@JOBS=$(JOBS) tools/coverage-faults build/coverage $(SEEDS)

pictures:        ## compare pages with the pictures that were last looked at (ACCEPT=1: these are the new ones)
	@tools/install test
	@test -f build/gcc/build.ninja || meson setup build/gcc -Dtests=true
	@ninja -C build/gcc -j $(JOBS) grapnel
	@GRAPNEL_PICTURES=1 ACCEPT=$(ACCEPT) GRAPNEL_BIN=$$PWD/build/gcc/grapnel build/venv/bin/python -m pytest -q -p no:cacheprovider test/web/test_pictures.py

bench:           ## measure: raw limits, then the whole server -> build/bench.json (QUICK=1: a minute)
	@tools/install bench
	@test -f build/bench/build.ninja || meson setup build/bench
	@ninja -C build/bench -j $(JOBS)
	@python3 test/bench/bench.py --build build/bench --out build/bench.json $(if $(QUICK),--quick)

bench-cluster:   ## the same with the store in PostgreSQL, which it starts -> build/bench-cluster.json (QUICK=1: a minute; STORED= or ROWS=5000000, HOLD=600, SVIX=PROGRAM, ONLY=)
	@tools/install bench
	@test -f build/bench/build.ninja || meson setup build/bench
	@ninja -C build/bench -j $(JOBS)
	@python3 test/bench/cluster.py --build build/bench --out build/bench-cluster.json $(if $(QUICK),--quick) \
		$(if $(STORED),--stored=$(STORED)) $(if $(ROWS),--rows=$(ROWS)) $(if $(HOLD),--held=$(HOLD)) $(if $(SVIX),--svix=$(SVIX)) $(if $(ONLY),--only $(ONLY))

soak:            ## load for a long time and watch memory, descriptors and lag (MINUTES=10)
	@tools/install bench
	@test -f build/bench/build.ninja || meson setup build/bench
	@ninja -C build/bench -j $(JOBS)
	@python3 test/bench/soak.py --build build/bench --minutes $(MINUTES)

soak-receive:    ## the same for `grapnel receive` (MINUTES=60 for an hour, 10 without)
	@tools/install bench
	@test -f build/gcc/build.ninja || meson setup build/gcc
	@ninja -C build/gcc -j $(JOBS) grapnel
	@python3 test/bench/receive_soak.py --binary build/gcc/grapnel --minutes $(MINUTES)

fuzz:            ## fuzz targets: make fuzz T="url json" TIME=30 (seconds of CPU each); without T all of them
	@tools/install test
	@test -f build/fuzz/build.ninja || CC=clang meson setup build/fuzz -Dfuzz=true -Db_lundef=false
	@ninja -C build/fuzz -j $(JOBS)
	@JOBS=$(JOBS) tools/fuzz build/fuzz $(TIME) $(T)

asan:            ## unit, sim and store suites under AddressSanitizer and UBSan
	@tools/install test
	@test -f build/asan/build.ninja || CC=clang meson setup build/asan -Db_sanitize=address,undefined $(SAN_OPTIONS)
	@ninja -C build/asan -j $(JOBS)
	@meson test -C build/asan --no-rebuild --suite unit --suite sim --suite simulate --suite store --suite fuzz

tsan:            ## the same under ThreadSanitizer
	@tools/install test
	@test -f build/tsan/build.ninja || CC=clang meson setup build/tsan -Db_sanitize=thread $(SAN_OPTIONS)
	@ninja -C build/tsan -j $(JOBS)
	@meson test -C build/tsan --no-rebuild --suite unit --suite sim --suite simulate --suite store

fmt:             ## format the C sources that differ from HEAD
	@git diff --name-only HEAD --diff-filter=d -- '*.c' '*.h' | xargs -r clang-format -i

check-presets:   ## compare the presets with the providers' own libraries (fetches them: some 800 MB)
	@tools/check-presets

lint:            ## layers, sizes, names, spelling, shell scripts, static analysis
	@tools/lint

docs: build      ## write docs/reference from the program's tables
	@$(BUILD)/grapnel reference docs/reference
	@tools/svix-operations docs/reference/openapi.json > docs/reference/svix.md
	@python3 lib/presets.py md docs/reference/presets.md lib/presets/*.scheme

dist:            ## the sources as they are committed, with the pages bundled: builds without network -> build/dist
	@tools/install build
	@rm -rf build/dist && mkdir -p build/dist/grapnel-$(VERSION)
	@git archive HEAD | tar -x -C build/dist/grapnel-$(VERSION)
	@cd build/dist/grapnel-$(VERSION) && tools/web-build bundle web/built && rm -rf build
	@tar -C build/dist --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$$(git log -1 --format=%ct) -czf build/dist/grapnel-$(VERSION).tar.gz grapnel-$(VERSION)
	@ls build/dist/*.tar.gz

deb: dist        ## Debian packages of the sources as they are committed -> build/deb
	@tools/install deb
	@rm -rf build/deb && mkdir -p build/deb
	@mv build/dist/grapnel-$(VERSION) build/deb/source
	@cp -r build/deb/source/packaging/debian build/deb/source/debian
	@cd build/deb/source && dpkg-buildpackage -us -uc -b
	@ls build/deb/*.deb

clean:           ## remove build/
	@rm -rf build
