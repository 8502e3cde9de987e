# byo: make demo shows it, make test checks it. Everything is installed from the npm registry.
.PHONY: demo test test-long bench claims bundle native lint check build clean

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
VITEST := vitest run

node_modules/.installed: package.json package-lock.json .npmrc
	npm ci
	touch $@

SOURCES := $(shell find src -name '*.ts')
dist/.built: node_modules/.installed tsconfig.json tsconfig.build.json $(SOURCES)
	tsc -p tsconfig.build.json
	touch $@

build: dist/.built

demo: build
	bash examples/demo.sh

test: build
	$(VITEST)

test-long: build
	BYO_TEST_LONG=1 vitest run --dir test/long
	bash bench/cifar10-byol.sh

# With native operators and without, where there is a compiler for them.
bench: build
	-sh native/build.sh
	tsc -p tsconfig.bench.json
	node .build/bench/run.js
	node .build/bench/scaling.js

# Operators of byo's own for the CPU, several of which are twice as fast as the runtime's; needs a C++ compiler: docs/native.md.
native:
	sh native/build.sh

# One archive for Linux x64 machines without network and without Node: docs/bundle.md.
bundle: build
	bash scripts/bundle.sh

# Each takes minutes; `bash bench/claims/NAME.sh` runs one of them.
claims: build
	for script in bench/claims/[a-z]*.sh; do echo "== $$script"; bash "$$script"; done

lint: node_modules/.installed
	eslint .

check: node_modules/.installed
	tsc -p tsconfig.json --noEmit

clean:
	rm -rf dist .build demo-out bundle native/build
