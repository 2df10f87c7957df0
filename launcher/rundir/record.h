#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json.h"
#include "launcher/rundir/git_state.h"
#include "launcher/rundir/rank_death.h"

namespace llmrun {

/// One launch of a run.
struct Attempt {
  int number = 1;          // from 1; names logs/attempt-01
  std::string id;          // unique: an old rank that wakes up cannot be taken for one of this attempt
  std::string start, end;  // UTC, "2023-10-11T09:29:06Z"; no end: it runs, or the machine went down
  std::string log;         // path of the combined log
  int64_t ranks = 0;
  std::optional<int> exit;
  std::string job = {};  // id of the batch job that it ran in; empty: in none, or an llmrun that did not write it down yet ran it
  std::optional<RankDeath> death = {};  // of a rank that left no word of its own: the launcher's
};

/// run.json: what became of the run, over all its attempts.
struct RunRecord {
  static constexpr int kVersion = 1;
  std::string name;
  GitState git;                   // of the directory that the newest attempt was started in
  std::string llmrun_version;     // of the newest attempt
  std::vector<std::string> argv;  // of a program that `llmrun launch` started, without secrets; empty for training
  int64_t finished_steps = 0;     // run.steps of an attempt that ended with 0
  std::vector<Attempt> attempts;

  bool finished(int64_t steps) const { return finished_steps > 0 && finished_steps >= steps; }
};

json to_json(const RunRecord& record);
/// The record of a directory that was never run is empty. Throws Error(Exit::preflight) on a damaged one.
RunRecord read_record(const std::filesystem::path& path);
/// Also where the disk has become full since an attempt began: its end finds the room that its beginning left in the file.
void write_record(const std::filesystem::path& path, const RunRecord& record);

}  // namespace llmrun
