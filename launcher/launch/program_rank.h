#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/plan.h"

namespace llmrun {

/// What `llmrun __rank` must know to run a program that is none of ours as one rank: all of it stands on the launch line, so that ten
/// thousand ranks need not open a file to learn it.
struct ProgramRank {
  std::filesystem::path run;            // the run directory
  std::vector<int64_t> ranks_of_hosts;  // host by host, in the order in which ranks fill them
  bool keeps_log = true;                // of what the program prints, in the run directory; false: it has one of its own
  int64_t gpus = 0;                     // of a node, to be shared out; 0: leave them alone
  std::string accelerator;              // cuda, xpu, rocm
  std::string affinity;                 // linear, reversed
  std::vector<std::string> argv;        // the program's, byte for byte
};

/// The command of a rank: `llmrun __rank --run DIR --hosts 4*2 ... -- PROGRAM...`. Every word of the program stands there as it is, but
/// for a lone ":", which every mpiexec takes for the start of another program: program_words() undoes that.
std::vector<std::string> rank_command(const std::string& llmrun, const ProgramRank& rank);

/// What stood behind the "--" of rank_command(), as the user wrote it.
std::vector<std::string> program_words(std::vector<std::string> words);

/// "4*128,2": 128 hosts of four ranks, and one of two.
std::string host_counts_text(const std::vector<int64_t>& counts);
/// Throws Error(Exit::usage) where it is not of that form.
std::vector<int64_t> parse_host_counts(const std::string& text);

}  // namespace llmrun
