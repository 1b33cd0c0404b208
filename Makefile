# Everything here sets itself up: a virtual environment in .venv with pinned versions, nothing installed elsewhere but a
# browser for the tests of the page, where root runs them on Debian.
#
#   make demo                  a searchable library in the browser, of sample videos made on the spot
#   make demo VIDEOS=~/Videos  the same with your own
#   make test                  lint, types and tests
#   make screenshots           the pictures of the page in docs/page, anew

PYTHON ?= python3
VENV ?= .venv
DEMO ?= .demo
PORT ?= 7860
VIDEOS ?=
TORCH = 2.13.0

BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: demo test lint types unit browser screenshots clean

demo: $(READY)
	@if [ -z "$(VIDEOS)" ]; then $(BIN)/reelseek sample $(DEMO)/videos; fi
	$(BIN)/reelseek index "$(or $(VIDEOS),$(DEMO)/videos)" --library $(DEMO)/library
	$(BIN)/reelseek serve --library $(DEMO)/library --port $(PORT) --folder "$(or $(VIDEOS),$(DEMO)/videos)"

test: lint types unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

unit: $(READY) browser
	$(BIN)/pytest

# Without it, the tests of the page are skipped, and say so.
browser:
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0; \
	echo "installing chromium for the tests of the page"; export DEBIAN_FRONTEND=noninteractive; \
	{ timeout 120 apt-get -qq update && timeout 400 apt-get -qq -y --no-install-recommends \
	-o DPkg::Lock::Timeout=60 install chromium fonts-dejavu-core; } </dev/null >/dev/null || \
	echo "chromium could not be installed: the tests of the page are skipped" >&2

screenshots: $(READY) browser
	$(BIN)/python -m benchmarks.screenshots docs/page

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info

# Where there is no GPU, the small CPU build of torch is taken if pip can find it (see README, Installing).
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "reelseek needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@if ! command -v nvidia-smi >/dev/null 2>&1; then \
		$(BIN)/pip install -q "torch==$(TORCH)+cpu" 2>/dev/null || true; \
	fi
	$(BIN)/pip install -q -c constraints.txt -e '.[test]'
	@touch $(READY)
