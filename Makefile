# Everything is set up in .venv by itself, the first time and when the requirements change.
# Another Python: make PYTHON=python3.12 test

PYTHON ?= python3
COVERAGE ?= 95
OUT ?= docs
BUILD ?= build
ARGS =

BIN = .venv/bin
TSC = miniprogram/node_modules/typescript
PIP = $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check

.PHONY: help run dev update doctor test test-app faults install-test container-test lint types format coverage bench \
	bench-full lock clean pictures miniprogram-tools mysql peer express fastapi bench-tools venv \
	runtime tools

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

run: runtime  ## set up, migrate the database and serve on MYAPI_BIND
	@out=$$(FLASK_SKIP_DOTENV=1 $(BIN)/flask db upgrade 2>&1) || { printf '%s\n' "$$out" >&2; exit 1; }
	@exec $(BIN)/gunicorn wsgi:app

dev:  ## the same for development: starts again on every change; on Windows: py dev.py
	@$(SET_UP)

# Without .venv: it installs what the release requires, after the merge.
update:  ## merge upstream's newest release, install, migrate, test: docs/guides/updating.md
	@'$(PYTHON)' update.py $(ARGS)

doctor:  ## build build/doctor.pyz, one file for any computer with Python 3.10 or newer
	@rm -rf $(BUILD)/doctor && mkdir -p $(BUILD)/doctor
	@tar -cf - --exclude __pycache__ doctor | tar -xf - -C $(BUILD)/doctor
	@'$(PYTHON)' -m zipapp $(BUILD)/doctor -c -m doctor.command:run -p '/usr/bin/env python3'
	@rm -rf $(BUILD)/doctor
	@echo 'python3 $(BUILD)/doctor.pyz https://api.example.com --from-outside'

test: tools  ## run the tests, those of app/ too, as in: make test ARGS='-k login'
	$(BIN)/pytest -n auto $(ARGS)
	@[ ! -d app ] || $(MAKE) --no-print-directory test-app

test-app: tools  ## run the tests of app/, and the checks of it and myapi as a whole
	$(BIN)/pytest app tests/whole $(ARGS)

faults: tools  ## break what the service needs while it is used, minutes; a table at the end
	@$(BIN)/python -m tests.faults.machine || true
	$(BIN)/pytest tests/faults --faults-long --kills 40 $(ARGS)

install-test: tools  ## install on Debian and Ubuntu in containers (root; minutes; fetches packages)
	@$(BIN)/python -m tests.install.container || true
	MYAPI_INSTALL_TEST=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder tests/install $(ARGS)

container-test: tools  ## build the image, try it and both compose files (root; minutes; fetches packages)
	MYAPI_CONTAINER_TEST=1 $(BIN)/pytest tests/container $(ARGS)

mysql: tools  ## fetch MySQL 8.0 for the tests on it (root; Ubuntu's packages, nothing is installed)
	@$(BIN)/python -m tests.mysql

pictures: miniprogram-tools tools  ## draw the pictures of the demo, of /docs and of the console (needs chromium, pngquant, a Chinese font)
	cd miniprogram && npm run pictures
	$(BIN)/python -m tests.pictures
	$(BIN)/python -m tests.console.pictures

lint: tools types  ## check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: tools  ## check types alone, those of the client where its tools are installed
	$(BIN)/mypy
	@[ ! -d $(TSC) ] || { echo 'node $(TSC)'; node $(TSC)/bin/tsc -p miniprogram/tsconfig.json; }

miniprogram-tools:  ## install what checks the types of the client (Node.js and npm)
	cd miniprogram && npm ci --no-audit --no-fund

format: tools  ## rewrite what ruff can put right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

coverage: tools  ## run the tests; fail below COVERAGE per cent of lines and branches
	$(BIN)/pytest -n auto --cov --cov-branch --cov-fail-under=$(COVERAGE) $(ARGS)

bench: bench-tools  ## measure against the peers, half an hour; as in: make bench ARGS='--only hello'
	$(BIN)/python -m benchmarks --output $(OUT) $(ARGS)
	$(BIN)/python -m benchmarks.report $(OUT)
	.venv-bench/bin/python -m benchmarks.plots $(OUT)

bench-full: ARGS += --full
bench-full: bench  ## the same with all logins, and tables of up to ten million sessions

peer: express fastapi  ## install the peers of the benchmarks (Node 20 or newer, npm, a C++ compiler)

express:
	@cd benchmarks/peers/express && { cmp -s package-lock.json node_modules/.installed || { \
		echo 'installing the packages of Express'; \
		prefix=$$(dirname "$$(dirname "$$(command -v node)")"); \
		[ ! -e "$$prefix/include/node/node.h" ] || export npm_config_nodedir="$$prefix"; \
		npm ci --silent && cp package-lock.json node_modules/.installed; }; }

# With the system's own Python, as .venv-bench.
fastapi:
	@cd benchmarks/peers/fastapi && { cmp -s requirements.txt .venv/installed || { \
		echo 'installing the packages of FastAPI'; rm -rf .venv; \
		{ /usr/bin/python3 -m venv .venv || '$(PYTHON)' -m venv .venv; } \
		&& .venv/bin/python -m pip install -qq --disable-pip-version-check -r requirements.txt \
		&& cp requirements.txt .venv/installed; }; }

LOCK = compile --quiet --universal --python-version 3.10 --generate-hashes \
	--no-strip-extras --custom-compile-command 'make lock'
# What a team's own code needs, where it has said so. `make lock OWN=` pins myapi's all the same.
OWN = $(wildcard app/requirements.in)
# Both files are installed together, so the own one leaves out what myapi's has, at the versions
# that it has. What myapi's has for some systems alone stands in both.
LEAVE_OUT = sed -n 's/^\([a-z0-9._-]*\)==[^;]* \\$$/--no-emit-package \1/p' requirements.txt

lock: venv  ## pin what pyproject.toml, or app/requirements.in, asks for: make lock ARGS=--upgrade
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	$(PIP) --target "$$dir" uv && \
	if [ -n '$(OWN)' ]; then \
		"$$dir/bin/uv" pip $(LOCK) $(ARGS) app/requirements.in -o app/requirements.txt \
			-c requirements-dev.txt $$($(LEAVE_OUT)); \
	else \
		"$$dir/bin/uv" pip $(LOCK) $(ARGS) pyproject.toml -o requirements.txt && \
		"$$dir/bin/uv" pip $(LOCK) $(ARGS) pyproject.toml -o requirements-dev.txt --group dev \
			-c requirements.txt; \
	fi

clean:  ## remove .venv, caches, reports and build/; never instance/, where the data is
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf .coverage .coverage.* htmlcov build miniprogram/node_modules
	rm -rf .venv-bench benchmarks/peers/express/node_modules benchmarks/peers/fastapi/.venv
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- .venv: whole, or made anew, and what is installed in it: dev.py ----

FALLBACK = || { python=$(BIN)/python; "$$python" -c '' 2>/dev/null; }
ifneq ($(origin PYTHON),file)  # chosen by name, so another version in .venv will not do
FALLBACK =
CHOSEN = --with-this-python
endif

SET_UP = python='$(PYTHON)'; "$$python" -c '' 2>/dev/null $(FALLBACK) || { printf '%s\n' >&2 \
	'$(PYTHON) is not there or does not run. Install Python 3.10 or newer' \
	'  Debian, Ubuntu: apt install python3 python3-venv' \
	'  macOS: brew install python' 'or name another: make PYTHON=/path/to/python3'; exit 1; }; \
	exec "$$python" dev.py $(CHOSEN)

venv runtime tools:
	@$(SET_UP) $@

BENCH_PIP = .venv-bench/bin/python -m pip install -qq --disable-pip-version-check

# With the system's own Python, since that is what `deploy/myapi up` serves with.
bench-tools: tools peer
	@cat requirements.txt benchmarks/requirements.txt | cmp -s - .venv-bench/installed || { \
		echo 'installing benchmarks/requirements.txt'; rm -rf .venv-bench; \
		{ /usr/bin/python3 -m venv .venv-bench || $(BIN)/python -m venv .venv-bench; } \
		&& $(BENCH_PIP) -r requirements.txt && $(BENCH_PIP) -r benchmarks/requirements.txt \
		&& cat requirements.txt benchmarks/requirements.txt >.venv-bench/installed; }
