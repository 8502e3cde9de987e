# Docking from nothing to a table of successes, in one Makefile: synthetic pockets are drawn (or real complexes prepared), a score
# and a confidence model trained, the test part docked and evaluated, then bootstrapped without true poses and evaluated again
# beside what was before. The defaults take some minutes and teach little; raise EPOCHS, FAMILIES and ITERATIONS for a study.
#
#     make -f docking.mk                          with byo on the PATH
#     make -f docking.mk BYO='node ../bin/byo.js' from a checkout
#     make -f docking.mk COMPLEXES=pdbbind/ TEST=test_names.txt TARGET= OUT=real

BYO ?= byo
OUT ?= docking-out
FAMILIES ?= 3
PER_FAMILY ?= 16
PER_HELD_OUT ?= 6
# A folder of complexes, or a CSV, in the place of synthetic pockets; TEST has the names of the complexes to test on.
COMPLEXES ?=
TEST ?=
# What is bootstrapped and evaluated: a cluster; the whole test part where empty.
TARGET ?= held-out-0
EPOCHS ?= 10
ITERATIONS ?= 2
UPDATES ?= 20
SAMPLES ?= 8
STEPS ?= 20
# Options of both networks, such as --layers 2.
NETWORK ?=
SEED ?= 0
THREADS ?= 1

RUN := --seed $(SEED) --threads $(THREADS) --force
PART := --split test $(TARGET:%=--cluster %)

.PHONY: all clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(OUT)/before.json $(OUT)/after.json $(OUT)/success.svg

$(OUT):
	mkdir -p $@

ifeq ($(COMPLEXES),)
$(OUT)/complexes.st: | $(OUT)
	$(BYO) synth pockets --families $(FAMILIES) --per-family $(PER_FAMILY) --validation 1 --held-out 1 --per-held-out $(PER_HELD_OUT) \
	  --seed $(SEED) -o $@ --force
else
$(OUT)/complexes.st: $(COMPLEXES) $(TEST) | $(OUT)
	$(BYO) dock-bootstrap prepare $(COMPLEXES) $(TEST:%=--test %) --seed $(SEED) -o $@ --force
endif

$(OUT)/score.st: $(OUT)/complexes.st
	$(BYO) dock-bootstrap train $< --epochs $(EPOCHS) $(NETWORK) $(RUN) --log $(@:.st=.jsonl) --resume -o $@

$(OUT)/confidence.st: $(OUT)/complexes.st $(OUT)/score.st
	$(BYO) dock-bootstrap confidence $< --model $(OUT)/score.st --epochs $(EPOCHS) --samples $(SAMPLES) --steps $(STEPS) $(NETWORK) $(RUN) \
	  --log $(@:.st=.jsonl) --resume -o $@

# Real complexes (marked train) anchor the late steps; those of the target are left out of them.
$(OUT)/bootstrapped.st: $(OUT)/complexes.st $(OUT)/score.st $(OUT)/confidence.st
	$(BYO) dock-bootstrap bootstrap $< $(PART) --model $(OUT)/score.st --confidence $(OUT)/confidence.st --real $< \
	  --iterations $(ITERATIONS) --updates $(UPDATES) --samples $(SAMPLES) --steps $(STEPS) $(RUN) --log $(@:.st=.jsonl) --resume -o $@

POSES = $(BYO) dock-bootstrap sample $< $(PART) --confidence $(OUT)/confidence.st --samples $(SAMPLES) --steps $(STEPS) $(RUN)

$(OUT)/before.st: $(OUT)/complexes.st $(OUT)/score.st $(OUT)/confidence.st
	$(POSES) --model $(OUT)/score.st -o $@

$(OUT)/after.st: $(OUT)/complexes.st $(OUT)/bootstrapped.st $(OUT)/confidence.st
	$(POSES) --model $(OUT)/bootstrapped.st -o $@

$(OUT)/before.json: $(OUT)/before.st $(OUT)/complexes.st
	$(BYO) dock-bootstrap evaluate $< --data $(OUT)/complexes.st --json > $@

$(OUT)/after.json: $(OUT)/after.st $(OUT)/before.st $(OUT)/complexes.st
	$(BYO) dock-bootstrap evaluate $< --baseline $(OUT)/before.st --data $(OUT)/complexes.st --json > $@

$(OUT)/success.svg: $(OUT)/after.st $(OUT)/before.st $(OUT)/complexes.st
	$(BYO) dock-bootstrap evaluate $< --baseline $(OUT)/before.st --data $(OUT)/complexes.st --plot $@ --force

clean:
	rm -rf $(OUT)
