#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace llmrun {

/// What `bench comm` takes. `llmrun` refuses what is wrong in it before any rank starts, and `llmrun-rank` does the work: one declaration
/// for both.
struct BenchCommArguments {
  std::vector<std::string> sizes{"1KiB", "64KiB", "1MiB", "16MiB"};
  std::vector<std::string> collectives{"all_reduce", "all_gather", "reduce_scatter"};
  int iterations = 10;
};

void add_bench_comm_options(CLI::App& command, BenchCommArguments& arguments);

/// The sizes in bytes. Throws Error(Exit::usage) where one is none.
std::vector<int64_t> sizes_of(const BenchCommArguments& arguments);

}  // namespace llmrun
