#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "launcher/profile/resolved.h"
#include "launcher/scheduler/queued_job.h"
#include "launcher/scheduler/scheduler.h"

namespace llmrun {

/// A job that must end first.
struct Dependency {
  std::string kind;           // afterok, afterany, afternotok
  std::string id;             // in full where the user's list knows it, else as it was typed
  std::string said;           // "afterok:king", as job.depends says it
  std::filesystem::path run;  // directory, where the user's list knows it
};

/// job.depends: "afterok:RUN", "afterany:ID", "afternotok:last"; a RUN alone means afterok. A run is its newest job in the user's list.
/// Complains of words that are neither.
std::vector<Dependency> read_dependencies(const Resolved& resolved, const std::vector<QueuedJob>& jobs, std::vector<Complaint>& complaints);

/// Those that are still open. One that is met already is left out: PBS forgets ended jobs after two weeks and then waits for ever.
/// Complains of those that can never be met, because the job ended otherwise or is not known: PBS would take them, and the job would never
/// run; and of those that the scheduler takes no word for.
std::vector<Dependency> open_dependencies(const std::vector<Dependency>& dependencies, Scheduler& scheduler, const Resolved& resolved,
                                          std::vector<Complaint>& complaints);

/// Where the scheduler is not asked about those jobs: complains of what it would refuse, whether it is met or not.
void check_dependencies(const std::vector<Dependency>& dependencies, const Scheduler& scheduler, const Resolved& resolved,
                        std::vector<Complaint>& complaints);

/// What a person should know of those that wait for a run of several jobs (run.until_done, job.chain), where the scheduler cannot make a
/// job that waits so wait for the next of them: a sentence each.
std::vector<std::string> fragile_dependencies(const std::vector<Dependency>& dependencies, const Scheduler& scheduler);

/// "afterok:27.server" of each, for the job script.
std::vector<std::string> dependency_words(const std::vector<Dependency>& dependencies);

}  // namespace llmrun
