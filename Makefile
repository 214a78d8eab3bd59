# One command each; every target does its own set-up. `make` alone lists them.
# the newest Python at hand that answers: a version manager may offer names that do not run
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3,$(if $(shell $(p) -c 'import venv' 2>/dev/null && echo yes),$(p))))
BIN := .venv/bin
CLIENT := telehealth/web/client
BUILD := telehealth/web/static/build/.vite/manifest.json
CLIENT_FILES := $(shell find $(CLIENT)/src -type f 2>/dev/null) $(CLIENT)/vite.config.ts $(CLIENT)/package-lock.json
export TELEHEALTH_DATA ?= var

RUN_PACKAGES := libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-core
TEST_PACKAGES := $(RUN_PACKAGES) chromium firefox-esr postgresql poppler-utils orthanc orthanc-dicomweb dcmtk redis-server \
	rabbitmq-server coturn janus iproute2 nftables

.PHONY: help run test check fast-check bench clean-demo system-run system-test
help:
	@echo "make run         start everything with a demo province (PORT=8000)"
	@echo "make test        every test, on SQLite and PostgreSQL, with real worker and browser"
	@echo "make check       linters, types, floor plan, texts, migrations, client"
	@echo "make bench       benchmarks"
	@echo "make clean-demo  remove the demo's data folder"

run: .venv/.installed client system-run
	@$(BIN)/telehealth demo

test: .venv/.installed client system-test
	$(BIN)/python -m pytest tests -n 2 --dist loadfile
	cd $(CLIENT) && npx vitest run

check: fast-check client
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/house
	cd $(CLIENT) && npx tsc --noEmit && npx biome check src

fast-check: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell telehealth imaging signaling tests docker README.md CHANGELOG.md

bench: .venv/.installed
	$(BIN)/python -m tests.bench

clean-demo:
	rm -rf -- "$(TELEHEALTH_DATA)"

.venv/.installed: requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/pip install -q 'uv==0.13.*'
	$(BIN)/uv pip sync -q --python $(BIN)/python --compile-bytecode --require-hashes requirements-dev.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

.PHONY: client
client:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(BUILD); \
	else echo "Node 20 with npm is missing: the browser client is not built."; test -z "$(CI)"; fi

# not `npm ci`: it refuses a lock without the linter's binaries for other systems, which not every registry carries
$(BUILD): $(CLIENT_FILES)
	cd $(CLIENT) && npm install --no-save --no-audit --no-fund --loglevel=error && npx vite build --logLevel warn
	@touch $@

# As root missing Debian packages are installed; otherwise the one command is printed.
system-run:
	@$(call need,$(RUN_PACKAGES),the PDF of a report)

system-test:
	@$(call need,$(TEST_PACKAGES),the tests)

define need
missing=""; for p in $(1); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then \
  if [ "$$(id -u)" = 0 ]; then echo "installing$$missing"; \
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null || [ -z "$(CI)" ]; \
  else echo "needed for $(2): sudo apt-get install -y$$missing"; test -z "$(CI)"; fi; fi
endef
