#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/launch/launch.h"
#include "launcher/plan/make_plan.h"
#include "launcher/process/variables.h"

namespace llmrun {

/// A command of llmrun-rank that measures, to be run on every rank: `bench comm ...`, `diagnose ...` (engine/rank/probe.h).
struct RankProbe {
  std::vector<std::string> words;                                           // what stands behind "llmrun-rank"
  std::string rank_program;                                                 // its absolute path
  std::string here;                                                         // this machine's name
  std::chrono::seconds most{300};                                           // for the whole of it
  std::function<void(std::string_view)> on_line = [](std::string_view) {};  // what ranks and launcher say; foreign text
};

/// Rank 0's answer, and how the launch ended: with 0, or with the exit code of the first rank that failed.
struct ProbeAnswer {
  std::string text;  // empty: it came to none
  int exit_code = 0;
  std::string cause;  // the last error that a rank told, else the last line of ranks and launcher; foreign text
};

/// Ranks where nothing says how many: one a GPU, else one a host; on this machine alone one a core, and two at least.
PlanInput with_default_ranks(PlanInput input);

/// Starts the probe as training would be started: same hosts, launcher, variables and communicator (parallel.communicator). What it needs
/// on disk lies in a directory of its own beside the runs, so that every host sees it, and is gone afterwards. Throws
/// Error(Exit::preflight) where nothing can start the ranks, Error(Exit::hang) where they take longer than `most`.
ProbeAnswer run_rank_probe(const PlanInput& input, const RankProbe& probe, const Variables& environment);

/// The nearest directory that exists to where runs of this configuration are written.
std::filesystem::path place_of_runs(const std::filesystem::path& directory, const Config& config);

}  // namespace llmrun
