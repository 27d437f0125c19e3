# rotary. "make" alone lists the targets. Versions are pinned in go.mod (Go itself and libraries) and tools/go.mod
# (gotestsum, golangci-lint), nowhere else.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# REQUIRE_ALL=1 turns a check that lacks its tool from skipped into failed.
export REQUIRE_ALL

# The manifest that is built in, synthesized and deployed: MANIFEST=FILE, or what ROTARY_MANIFEST names, as for rotary itself,
# or rotary.yaml here. A relative name is one in the folder where make was called, which with -C is not this one. What is run
# below finds it, absolute, in ROTARY_MANIFEST. A make further down must not see the name as it was given: it is called here.
ifeq ($(strip $(MANIFEST)),)
override MANIFEST := $(or $(ROTARY_MANIFEST),$(CURDIR)/rotary.yaml)
endif
ifeq ($(filter /%,$(firstword $(MANIFEST))),)
override MANIFEST := $(or $(PWD),$(CURDIR))/$(MANIFEST)
endif
export ROTARY_MANIFEST := $(MANIFEST)
MAKEOVERRIDES :=

# One set of flags for builds, tests and lint, so that they share one build cache.
GOFLAGS := $(filter-out -trimpath,$(shell go env GOFLAGS)) -trimpath
export GOFLAGS

tool    := go tool -modfile=tools/go.mod
lambdas := propagate rotate

# The release build of a Lambda. Without the commit stamped in, the same sources give the same bytes, and an unchanged
# Lambda is not deployed again.
lambda_flags := -tags lambda.norpc -ldflags="-s -w" -buildvcs=false

# What the race detector looks at: packages that start a goroutine, share something between goroutines, or run tests side by
# side. It leaves out what waits for the servers of databases, and what it would slow down without seeing more. Of the
# simulation it looks at a sample: worlds share nothing but what they are made of. Of ECS's driver, the command line, a pass
# and what is tested end to end it looks at the tests in which something is shared; make race-whole at every one.
concurrent := \bgo func|\.Go\(|\bsync\.|\batomic\.|\bt\.Parallel\(
alone      := cmd/rotary|internal/(arch|bench|contract/.*|e2e|moto|mutants|rehearsal|simulation.*|stage/played)|pkg/(manifest|credential|consume/ecs|reconcile|settings)|pkg/rotate/(httpapi|mysql|postgres|random|sqluser)
sampled    := TestOneFault|TestDriversOfOneProcess|TestTheStandin|TestHoweverAnEvent|TestStory14|TestTheArticle|TestTheExampleConverges
shared     := ./internal/simulation ./internal/e2e ./pkg/consume/ecs ./pkg/reconcile ./cmd/rotary
raced       = $$(grep -rlE '$(concurrent)' --include='*.go' cmd internal lambdas pkg | xargs -n1 dirname | sort -u | \
	grep -vE '/testdata/|^($(alone))$$' | sed 's|^|./|')

gotestsum   = go tool -modfile=$(1)tools/go.mod gotestsum --format pkgname --format-hide-empty-pkg --

# $(call apt_get,PACKAGES) installs packages of Debian. Where that cannot be done, tests that want them are skipped; it fails
# under REQUIRE_ALL=1.
define apt_get
if ! command -v apt-get >/dev/null; then why="no apt-get"; \
elif [ "$$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then why="neither root nor sudo without a password"; \
else \
	echo "apt-get  $(1)"; \
	if [ "$$(id -u)" = 0 ]; then as=env; else as="sudo -n env"; fi; \
	install="$$as DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get -qq -y -o DPkg::Lock::Timeout=120 --no-install-recommends install $(1)"; \
	if $$install >/dev/null 2>&1 || { $$as apt-get -qq update && $$install >/dev/null; }; then exit 0; fi; \
	why="apt-get cannot install $(1)"; \
fi; \
if [ "$(REQUIRE_ALL)" = 1 ]; then echo "$@: $$why"; exit 1; fi; \
echo "skip     $@: $$why"
endef

# What make test does, in this order. Each test runs once, but for the sample of the simulation.
checks := contracts databases shells check race rest settings infra

.PHONY: help manifest build build-lambda demo synth diff deploy app infra infra-tools test checks check unit rest race race-whole lint bench bench-e2e sim exhaust fuzz cover mutants contracts settings databases shells clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "  With MANIFEST=FILE, what is built, synthesized and deployed has that manifest in place of rotary.yaml."

manifest: # an error before anything is built, where it is not there
	@if [ ! -f "$$ROTARY_MANIFEST" ] || [ ! -r "$$ROTARY_MANIFEST" ]; then \
		echo "there is no manifest at $$ROTARY_MANIFEST: name one with MANIFEST=FILE" >&2; exit 2; \
	fi

build: manifest ## build bin/rotary and, for this machine, the Lambdas into bin/lambda
	@echo "build    bin/rotary"
	@go build -ldflags="-s -w" -o bin/rotary ./cmd/rotary
	@$(call build_lambdas,bin/lambda)

build-lambda: manifest ## build the Lambdas for AWS (linux/arm64) into build/lambda; the same sources give the same bytes
	@$(call build_lambdas,$(or $(ROTARY_LAMBDAS),build/lambda),GOOS=linux GOARCH=arm64 CGO_ENABLED=0)

# build_lambdas FOLDER [ENVIRONMENT]: each Lambda as FOLDER/NAME/bootstrap, with the manifest beside it as rotary.yaml,
# which whoever the Lambda runs as can read.
define build_lambdas
set -e; echo "manifest $$ROTARY_MANIFEST"; for name in $(lambdas); do \
	echo "build    $(1)/$$name/bootstrap"; \
	mkdir -p "$(1)/$$name"; \
	$(2) go build $(lambda_flags) -o "$(1)/$$name/bootstrap" ./lambdas/$$name; \
	install -m 644 "$$ROTARY_MANIFEST" "$(1)/$$name/rotary.yaml"; \
done
endef

# npm_ci FOLDER WHAT: what the folder's package-lock.json lists, and what its scripts make of that, where that is not there yet.
define npm_ci
if ! command -v npm >/dev/null; then \
	if [ "$(REQUIRE_ALL)" = 1 ]; then echo "$(1): no npm"; exit 1; fi; \
	echo "skip     $(2): no npm"; \
elif [ ! -e $(1)/node_modules/.package-lock.json ] || \
	[ -n "$$(find $(1)/package-lock.json $(1)/*.mjs -newer $(1)/node_modules/.package-lock.json 2>/dev/null)" ]; then \
	echo "npm ci   $(1)"; \
	npm ci --prefix $(1) --no-audit --no-fund --loglevel=error; \
fi
endef

demo: build ## play rotations on the embedded stand-in; needs only Go
	@bin/rotary demo

# CDK's command line runs the target app, as cdk.json says, and takes the environment from ENV where -c env= names none.
export ENV
synth: manifest infra-tools ## synthesize the stacks of ENV into infra/cdk.out; the first build takes three minutes
	@infra/node_modules/.bin/cdk synth --quiet

diff: manifest infra-tools ## show what deploying ENV would change
	@$(call build_deploy) && bin/deploy --diff

deploy: manifest infra-tools ## deploy ENV; asks before anybody may do more than before; can be run again at any point; FORGET="NAME …" lets what is still needed leave the manifest
	@$(call build_deploy) && bin/deploy $(foreach name,$(FORGET),--forget $(name)) $(foreach name,$(REPLACE_ROTATION),--replace-rotation $(name))

build_deploy = (cd infra && go build -o ../bin/deploy ./deploy)

# What cdk.json runs, for cdk synth, diff and deploy. It says on stderr what it builds: stdout belongs to CDK. A missing
# environment is an error before the Lambdas and the app are built.
app: manifest
	@(cd infra && go build -o ../bin/target ./target/check) && bin/target
	@$(MAKE) build-lambda >&2
	@echo "build    bin/infra" >&2; cd infra && go build -o ../bin/infra .
	@bin/infra

infra: infra-tools build-lambda ## test the CDK app: templates, access, deployment
	@echo "check    infra"
	@cd infra && go mod tidy -diff && go vet ./...
	@echo "test     infra"
	@cd infra && $(call gotestsum,../) -timeout 30m ./...

infra-tools: # the command line of CDK and what else npm has for infra
	@$(call npm_ci,infra,infra's tools)

test: $(checks) ## everything that must pass before a commit

checks:
	@echo $(checks)

check: ## formatting, go vet, go.mod
	@echo "check    gofmt"
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on:" $$unformatted; exit 1; fi
	@echo "check    go mod tidy"
	@go mod tidy -diff
	@cd contracts/readers && go mod tidy -diff
	@echo "check    go vet"
	@go vet ./...
	@cd contracts/readers && go vet ./...

unit: ## the whole test suite without the race detector: units, architecture, manifest schema, end to end
	@echo "test     everything"
	@$(call gotestsum) -timeout 30m ./...

race: ## the race detector on what is concurrent; needs a C compiler
	@if command -v "$$(go env CC)" >/dev/null; then \
		echo "test     with the race detector"; \
		export CGO_ENABLED=1; \
		$(call gotestsum) -race -timeout 30m $(raced) && \
		$(call gotestsum) -race -timeout 30m -run '$(sampled)' $(shared); \
	elif [ "$(REQUIRE_ALL)" = 1 ]; then \
		echo "race: no C compiler"; exit 1; \
	else \
		echo "skip     race detector: no C compiler"; \
	fi

race-whole: ## the race detector on every test but those of the simulation, which are sampled: an hour
	@CGO_ENABLED=1 $(call gotestsum) -race -timeout 3h ./...

rest: ## the tests that race leaves out; all of them where it cannot run
	@echo "test     without the race detector"
	@if command -v "$$(go env CC)" >/dev/null; then \
		$(call gotestsum) -timeout 30m $$(go list ./... | grep -vxF "$$(go list $(raced))"); \
	else \
		$(call gotestsum) -timeout 30m ./...; \
	fi

lint: ## golangci-lint; the first run builds it, in two minutes
	@echo "lint     .golangci.yml"
	@$(tool) golangci-lint run ./...
	@echo "lint     pkg/settings"
	@cd pkg/settings && go tool -modfile=../../tools/go.mod golangci-lint run --config ../../.golangci.yml ./...
	@echo "lint     infra"
	@cd infra && go tool -modfile=../tools/go.mod golangci-lint run --config ../.golangci.yml ./...

bench: ## benchmarks
	@go test -run '^$$' -bench . -benchmem ./pkg/... ./internal/...

# Relative names of files are those of where make was called.
bench-e2e: manifest ## what a pass of the genuine Lambdas costs: ONLY="one-500-3 …" or ALL=1, LATENCY (50 ms), THROTTLE=off, JSON=FILE
	@$(call build_lambdas,build/bench)
	@mkdir -p build/bench/empty && go build $(lambda_flags) -o build/bench/empty/bootstrap ./internal/bench/testdata/empty
	@go run ./internal/bench/e2e -lambdas build/bench -latency $(or $(LATENCY),50) -only '$(ONLY)' $(if $(ALL),-all) \
		$(if $(filter off 0 no,$(THROTTLE)),-throttle=false) $(if $(PASSES),-passes $(PASSES)) \
		$(if $(JSON),-json '$(if $(filter /%,$(JSON)),$(JSON),$(or $(PWD),$(CURDIR))/$(JSON))')

sim: ## random schedules of a month each, by seed: SEEDS (20000)
	@go run ./internal/simulation/sim -seeds $(or $(SEEDS),20000)

exhaust: ## every fault at every call of every scenario and rotator, every pair, everybody else's actions in between: many hours; goes on where it was interrupted
	@go test ./internal/simulation -run 'TestOneFault|TestTwoFaults|TestFaultsInABusyWorld|TestWhateverOthersDoMeanwhile|TestAnyConsumer' -v -timeout 48h \
		-args -every 1 -pairs 1 -besides 1 -redeployed 1 -done '$(CURDIR)/build/exhaust'
	@go test ./internal/bench -run TestManyServices -v -timeout 1h -args -services 1000
	@go test ./pkg/manifest -run TestNoMessage -args -every 1
	@go test -timeout 4h $$(git grep -l internal/rotatetest -- 'pkg/rotate/*_test.go' | xargs -n1 dirname | sort -u | sed 's|^|./|') -args -every 1

fuzz: ## every fuzz target for FUZZTIME (10s)
	@set -e; for package in $$(go list ./pkg/... ./lambdas/...) pkg/settings; do \
		folder=.; if [ $$package = pkg/settings ]; then folder=$$package package=.; fi; \
		for target in $$(go test -C $$folder -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "fuzz     $$target in $$package"; \
			go test -C $$folder -run '^$$' -fuzz "^$$target\$$" -fuzztime $(or $(FUZZTIME),10s) $$package; \
		done; \
	done

mutants: ## seed protocol bugs, one by one: some test must catch each; goes on where it was interrupted
	@go run ./internal/mutants -results build/mutants

contracts: ## install what vendors publish about their APIs, and the readers of files of variables (npm ci, go mod download)
	@$(call npm_ci,contracts,contracts)
	@$(call npm_ci,contracts/settings,what checks generated settings)
	@cd contracts/readers && go mod download

settings: ## test pkg/settings, a module of its own that other programs use
	@echo "check    pkg/settings"
	@cd pkg/settings && go mod tidy -diff && go vet ./...
	@echo "test     pkg/settings"
	@cd pkg/settings && $(call gotestsum,../../) ./...

databases: build/mariadb-plugins/simple_password_check.so ## install MariaDB and PgBouncer for the tests (apt-get), where they are missing
	@if [ -n "$$ROTARY_MARIADB_BIN" ] || PATH="$$PATH:/usr/sbin" command -v mariadbd >/dev/null; then exit 0; fi; \
	$(call apt_get,mariadb-server-core)
	@if [ -n "$$ROTARY_PGBOUNCER_BIN" ] || PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null; then exit 0; fi; \
	$(call apt_get,pgbouncer)

shells: ## install the shells in which completion is tried (apt-get), where they are missing
	@if command -v zsh >/dev/null && command -v fish >/dev/null; then exit 0; fi; \
	$(call apt_get,zsh fish)

# The plugin is not in the server's core, and what it comes in would start a service. A test without it says so.
build/mariadb-plugins/simple_password_check.so:
	@if [ -n "$$ROTARY_MARIADB_PLUGINS" ] || [ -e /usr/lib/mysql/plugin/$(@F) ] || ! command -v apt-get >/dev/null; then exit 0; fi; \
	mkdir -p $(@D)/package && cd $(@D)/package && \
	if apt-get -qq download mariadb-server 2>/dev/null && dpkg-deb -x mariadb-server_*.deb .; then \
		echo "apt-get  $(@F)"; cp usr/lib/mysql/plugin/$(@F) ..; \
	fi; \
	cd .. && rm -rf package

cover: ## coverage of pkg and lambdas by the whole suite, into coverage.out
	@go test -coverprofile coverage.out -coverpkg ./pkg/...,./lambdas/... ./... | grep -E '^(FAIL|--- FAIL)' || true
	@go tool cover -func coverage.out | tail -1

clean: ## remove what was built
	@rm -rf bin build coverage.out infra/cdk.out
