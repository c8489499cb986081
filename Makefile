# Everything a developer runs. "make" alone lists it.
.DEFAULT_GOAL := help

# The stack command starts and stops things; it needs nothing but Go.
STACK := .run/bin/stack
K6_VERSION := v1.8.1
K6 := .tools/bin/k6-$(K6_VERSION)
export PORT_BASE TEST_PORT_BASE BACKENDS

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*##"} /^[a-z-]+:.*##/ {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  settings: PORT_BASE=8000 TEST_PORT_BASE=18600 BACKENDS=auto|local|compose"

.PHONY: stack-command
stack-command:
	@test -e $(STACK) || echo "  stack          building the command that starts everything (half a minute, once)"
	@GOBIN="$(CURDIR)/.run/bin" go install -buildvcs=false ./deploy/stack/cmd/stack

.PHONY: up
up: stack-command ## start everything: backends, services, simulators; prints where they are; OBSERVE=1 adds Prometheus and Alertmanager
	@$(STACK) up

.PHONY: down
down: stack-command ## stop everything; the data stay
	@$(STACK) down

.PHONY: reset
reset: stack-command ## stop everything and delete the data
	@$(STACK) reset

.PHONY: status
status: stack-command ## say what runs and whether it is ready
	@$(STACK) status

.PHONY: parked
parked: ## list the messages that nobody could handle; REPLAY=fairgate.mail or REPLAY=all gives them back
	@RABBITMQ_URL="$${RABBITMQ_URL:-amqp://fairgate:fairgate@127.0.0.1:$$(( $${PORT_BASE:-8000} + 72 ))/}" \
		go run ./worker/cmd/parked $(if $(REPLAY),replay $(REPLAY),list)

.PHONY: logs
logs: stack-command ## follow the logs; PART=worker for one of them
	@$(STACK) logs $(PART)

.PHONY: backends
backends: stack-command ## start only Postgres, Redis and RabbitMQ
	@$(STACK) backends

.PHONY: test
test: stack-command ## run all tests on backends of their own; ARGS="-run=Hold ./shared/booking/..." for some
	@$(STACK) test $(ARGS)

.PHONY: test-system
test-system: stack-command ## run only the tests of the whole system: acceptance, pages, a fan's way in a browser
	@$(STACK) test -system

.PHONY: test-pages
test-pages: stack-command ## run only the page tests, in a browser, on a system of their own
	@$(STACK) test -pages

.PHONY: test-long
test-long: stack-command ## run the minute-long tests (build tag long, names TestLong…)
	@$(STACK) test -long $(ARGS)

.PHONY: test-faults
test-faults: stack-command ## kill, stop and cut parts of a system while halls are sold; ARGS="-run=Redis" for some, FAULTS_SEED=… to repeat
	@$(STACK) test -faults $(ARGS)

.PHONY: test-load
test-load: $(K6) stack-command ## run every load scenario, tiny, against a system of its own
	@K6="$(CURDIR)/$(K6)" $(STACK) test -load

.PHONY: test-observe
test-observe: stack-command ## start a system with Prometheus and Alertmanager, break it, and wait for the alert's post
	@$(STACK) test -observe

.PHONY: test-env
test-env: stack-command ## start backends for tests by hand: eval "$$(make -s test-env)"; ended by make down
	@$(STACK) test-env

GOLANGCI_VERSION := v2.15.0
GOLANGCI := .tools/bin/golangci-lint-$(GOLANGCI_VERSION)
# install-tool builds the command $(2) of a pinned package $(1) into the target's
# file. It looks into the module cache first, so that no network is needed twice.
define install-tool
@mkdir -p $(@D)
@cd $(@D) && GOWORK=off GOFLAGS= GOBIN=$$PWD/build GOPROXY="file://$$(go env GOMODCACHE)/cache/download,$$(go env GOPROXY)" go install $(1)
@mv $(@D)/build/$(2) $@
endef

MODULES := $(shell sed -n 's/^[[:space:]]*\.\/\(.*\)/\1/p' go.work)

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION) (a minute, once)"
	$(call install-tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION),golangci-lint)

.PHONY: lint
lint: ## format check, vet, golangci-lint
	@unformatted=$$(gofmt -l $(MODULES)); test -z "$$unformatted" || { echo "gofmt -w is needed:"; echo "$$unformatted"; exit 1; }
	@go vet $(MODULES:%=./%/...)
	@if $(MAKE) --no-print-directory -s $(GOLANGCI); then $(GOLANGCI) run $(MODULES:%=./%/...); \
	elif test "$(LINTER)" = optional; then echo "lint: golangci-lint NOT RUN, it cannot be built here"; \
	else exit 1; fi
	@echo "lint: clean"

.PHONY: fmt
fmt: ## format the Go code
	@gofmt -w $(MODULES)

.PHONY: env-example
env-example: ## write .env.example from the Config structs
	@go run ./deploy/envdoc/cmd/envdoc > .env.example.new && mv .env.example.new .env.example

LOAD := .run/bin/load

$(K6):
	@echo "building k6 $(K6_VERSION) (a minute, once)"
	$(call install-tool,go.k6.io/k6@$(K6_VERSION),k6)

.PHONY: load
load: $(K6) ## run a load scenario and verify it: SCENARIO=flash_sale FANS=500 SEATS=100 DURATION=30s RATE=…
	@go build -buildvcs=false -o $(LOAD) ./loadtest/cmd/load
	@$(LOAD) -k6=$(K6) $(LOAD_ARGS)

BENCH_PORT_BASE ?= 23000

.PHONY: bench
bench: stack-command ## measure the system against its baselines, twenty minutes; ONLY=holds,status for some rows, PROFILE=1
	@go run ./loadtest/cmd/bench -k6=$(K6) -only="$(ONLY)" -port-base=$(BENCH_PORT_BASE) $(if $(PROFILE),-profile) $(BENCH_ARGS)
