#pragma once
#include <CLI/CLI.hpp>

namespace llmrun::rank {

// What llmrun-rank does. Each adds its options to `app` and, when chosen, sets `exit_code`. What a person gives `llmrun` for
// them is declared in engine/core/command_line, once for both programs.

void add_train(CLI::App& app, int& exit_code);     // llmrun-rank --plan FILE
void add_generate(CLI::App& app, int& exit_code);  // llmrun-rank generate RUN|HF_DIR
void add_bench(CLI::App& app, int& exit_code);     // llmrun-rank bench step|ops|comm
void add_diagnose(CLI::App& app, int& exit_code);  // llmrun-rank diagnose
void add_trace(CLI::App& app, int& exit_code);     // llmrun-rank trace

void add_bench_comm(CLI::App& bench, int& exit_code);  // of `bench`

}  // namespace llmrun::rank
