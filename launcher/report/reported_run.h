#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "engine/core/error.h"
#include "engine/core/plan.h"
#include "engine/core/spec/config.h"
#include "launcher/report/run_history.h"

namespace llmrun {

/// All that is known of one run: what `show` and `explain` tell from.
struct ReportedRun {
  RunHistory history;
  KnownJobs jobs;                // oldest first
  std::optional<Plan> plan;      // of the newest launch
  std::optional<Error> unheard;  // why nothing is known of its jobs; empty: something is, or it has none
};

/// `word`: what a person means by RUN, seen from `directory` (find_followed). Asks the run's scheduler, through the shared answers. One
/// that does not answer, or whose commands this machine has not, is told in `unheard` where the directory is there; else throws its Error.
ReportedRun report_run(const std::string& word, const std::filesystem::path& directory, const Variables& environment, int64_t now);

/// Of a sweep, those that were queued last, in their order; none of any other run. One whose scheduler does not answer is what its
/// directory knows.
std::vector<RunHistory> members_of_sweep(const std::filesystem::path& sweep, const Variables& environment, int64_t now);

/// The machine that the run is planned for: of its last launch, else of the config.yaml that was queued. Empty where neither can be read.
std::optional<MachineConfig> machine_of(const ReportedRun& run);

}  // namespace llmrun
