# `make demo` makes clips and a page, `make test` runs the tests, `make lint` checks the code. They get what they need
# and keep it.
# COMFYUI_PATH=/path/to/ComfyUI uses that ComfyUI; otherwise the one around this pack, or 0.30.0, is used.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

# tests that no ComfyUI changes: texts, graphs, plans, videos, kernels and damaged files. They run once, on the newest.
HOST_INDEPENDENT := $(addprefix tests/motion_models/, conditioning conversion prompts/test_grammar.py \
	prompts/test_shares.py network/kernels files/test_fuzz.py lora/test_lora_fuzz.py context/test_windows.py \
	context/test_picture.py training/clips timeline drawing measures)
HOST_DEPENDENT := $(addprefix --ignore=, $(HOST_INDEPENDENT))
IN_PROCESS := --ignore=tests/browser --ignore=tests/server $(HOST_DEPENDENT)
# tests that no way to keep models changes: of the motion module, noise, prompts and predictions, and of the training
# command, which never keeps models as on an NVIDIA GPU. They run once too
ANY_VRAM := $(addprefix tests/motion_models/, context/test_window_memory.py network/test_attention_kernels.py \
	network/test_block_strengths.py network/test_chunks.py network/test_group_norm.py network/test_motion_module.py \
	noise pictures predictions previews prompts sampling/test_motion_options.py sampling/test_negative_strength.py \
	training/headless training/monitoring/test_curve.py training/monitoring/test_strip.py training/test_memory.py) \
	$(addprefix tests/nodes/, measures test_prompt.py test_timeline.py test_window_plan.py training/test_clips.py)
VRAM_DEPENDENT := $(addprefix --ignore=, $(ANY_VRAM))
# the others run again with models kept as on an NVIDIA GPU (tests/host/dynamic_vram)
WITH_DYNAMIC_VRAM := tests/motion_models tests/nodes tests/server $(HOST_DEPENDENT) $(VRAM_DEPENDENT) \
	$(addprefix --ignore=tests/server/, test_conversion.py test_install.py)

# compiling takes two minutes: with models kept as on an NVIDIA GPU, where people compile
COMPILED := tests/motion_models/sampling/test_compile.py

.PHONY: demo test test-older test-legacy-vram test-dynamic-vram test-any-vram test-server test-browser
.PHONY: test-host-independent measure lint clean

demo: $(READY)
	@$(RUN) -m tests.host.demo

# three runs at a time, each with one thread, because the browser mostly waits: two cores are busy until the end
test: $(READY)
	@$(RUN) -m tests.host.obtain
	@OMP_NUM_THREADS=1 $(MAKE) --jobs 3 \
		test-legacy-vram test-dynamic-vram test-browser test-any-vram test-host-independent test-server

# for an older ComfyUI, which keeps models in one way only
test-older: $(READY)
	@$(RUN) -m tests.host.obtain
	@OMP_NUM_THREADS=1 $(MAKE) --jobs 3 test-legacy-vram test-browser test-any-vram test-server

test-legacy-vram: $(READY)
	$(VENV)/bin/pytest $(IN_PROCESS) $(VRAM_DEPENDENT)

test-dynamic-vram: $(READY)
	DYNAMIC_VRAM=1 $(VENV)/bin/pytest $(WITH_DYNAMIC_VRAM)

test-any-vram: $(READY)
	$(VENV)/bin/pytest $(ANY_VRAM) $(HOST_DEPENDENT)

test-server: $(READY)
	$(VENV)/bin/pytest tests/server

test-browser: $(READY)
	$(VENV)/bin/pytest tests/browser

test-host-independent: $(READY)
	$(VENV)/bin/pytest $(HOST_INDEPENDENT)

# samples some hundred clips of the tiny model, and measures what they show
measure: $(READY)
	$(VENV)/bin/pytest -m "measured and not nightly" --ignore=$(COMPILED)
	DYNAMIC_VRAM=1 $(VENV)/bin/pytest -m measured $(COMPILED)

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	@$(RUN) -m tests.host.obtain 0.30.0
	$(VENV)/bin/pyright

$(READY): tests/requirements.txt tests/requirements-no-deps.txt
	@echo "Setting up $(VENV): some minutes the first time"
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps -r tests/requirements-no-deps.txt
	@touch $@

clean:
	rm -rf $(VENV) .comfyui output
