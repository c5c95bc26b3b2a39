# make run   set up what is missing and open the app
# make test  set up what is missing and run lint, types and every test (REQUIRE_RAY=1: also on a cluster of this machine)
# make check  the part of it for while one works, about two minutes: lint, types, and the tests that are not marked slow
# make cluster  install what an app on a cluster needs, see docs/cluster.md

PYTHON ?= python3
BIN := .venv/bin

# With uv on the machine, uv sets up and installs; otherwise venv and pip do.
ifneq ($(shell command -v uv 2>/dev/null),)
environment = test -x $(1)/bin/python || uv venv -q --seed --python $(PYTHON) $(1)
install = uv pip install -q --compile-bytecode --python $(1)/bin/python
else
environment = test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
install = $(1)/bin/python -m pip install --disable-pip-version-check -q
endif

# On Linux, PyPI's torch brings CUDA along: 3 GB. Where no NVIDIA card is found, the same version comes without it from
# PyTorch's own index, if that answers within five seconds. `make run CPU_INDEX=` takes PyPI's.
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
torch_without_cuda = if { test "$$(uname)" = Linux && test ! -e /proc/driver/nvidia && ! command -v nvidia-smi && timeout 5 \
	$(BIN)/python -c "from urllib import request; request.urlopen('$(CPU_INDEX)/torch/')"; } >/dev/null 2>&1; then \
	$(call install,.venv) --no-deps --index-url $(CPU_INDEX) $$(grep -E '^torch(vision)?==' requirements-core.txt); fi

.PHONY: run test check lint cluster bench bench-peers bench-evaluation bench-classroom bench-cluster bench-memory bench-rooms bench-threads clean
.DELETE_ON_ERROR:

run: .venv/app-ready
	$(BIN)/streamlit run app.py

test: .venv/test-ready $(if $(REQUIRE_RAY),.venv/cluster-ready) lint
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: .venv/test-ready lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

lint: .venv/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy adv_core pages

cluster: .venv/cluster-ready

bench: .venv/app-ready
	$(BIN)/python -m bench.attack_lab

bench-classroom: .venv/app-ready
	$(BIN)/python -m bench.classroom

bench-cluster: .venv/cluster-ready
	$(BIN)/python -m bench.cluster

bench-memory: .venv/app-ready
	$(BIN)/python -m bench.memory

bench-rooms: .venv/app-ready
	$(BIN)/python -m bench.rooms
	$(BIN)/python -m bench.rooms --phones 30

# Beside the app, not into it: the peers' pins are older than what the app uses, so they only borrow its torch.
bench-peers: .venv-peers/ready
	.venv-peers/bin/python -m bench.peers

bench-evaluation: .venv-peers/ready
	.venv-peers/bin/python -m bench.evaluation

# Beside the app, too: ONNX Runtime only borrows its torch.
bench-threads: .venv/app-ready bench/requirements-onnx.txt
	$(call environment,.venv-onnx)
	$(call install,.venv-onnx) --no-deps -r bench/requirements-onnx.txt
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_paths()['purelib'])" > "$$(.venv-onnx/bin/python -c \
		"import sysconfig; print(sysconfig.get_paths()['purelib'])")/app.pth"
	.venv-onnx/bin/python -m bench.threads

clean:
	rm -rf .venv .venv-peers .venv-onnx

# The stamps make the second call quick: it installs again only when a requirements file changed.
.venv/app-ready: requirements.txt requirements-core.txt
	$(call environment,.venv)
	-@$(torch_without_cuda)
	$(call install,.venv) -r requirements.txt
	touch $@

.venv-peers/ready: .venv/app-ready bench/requirements-peers.txt tests/requirements-peers.txt
	$(call environment,.venv-peers)
	$(call install,.venv-peers) --no-deps -r bench/requirements-peers.txt
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_paths()['purelib'])" > "$$(.venv-peers/bin/python -c \
		"import sysconfig; print(sysconfig.get_paths()['purelib'])")/app.pth"
	touch $@

.venv/test-ready: .venv/app-ready requirements-dev.txt tests/requirements-peers.txt
	$(call install,.venv) -r requirements-dev.txt
	$(call install,.venv) --no-deps -r tests/requirements-peers.txt
	touch $@

.venv/cluster-ready: .venv/app-ready requirements-cluster.txt
	$(call install,.venv) -r requirements-cluster.txt
	touch $@
