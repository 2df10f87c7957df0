#include "launcher/rundir/run_dir.h"

#include <fmt/ranges.h>

#include <optional>
#include <random>

#include "engine/core/file.h"
#include "engine/core/file_modes.h"
#include "launcher/rundir/find_run.h"
#include "launcher/rundir/log_name.h"
#include "launcher/rundir/saved_environment.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

void create(const fs::path& directory) {
  std::error_code failure;
  fs::create_directories(directory, failure);
  if (failure)
    throw Error(Exit::preflight, "cannot make directory '{}': {}", directory.string(), failure.message())
        .hint("--set run.dir=DIRECTORY puts the run elsewhere");
}

/// A directory that no run has used keeps what it holds.
void refuse_others_files(const RunPaths& paths) {
  std::error_code none;
  if (fs::exists(paths.lock(), none) || fs::exists(paths.record(), none)) return;
  std::vector<std::string> found;
  for (const fs::path& path : paths.common_names())
    if (fs::exists(path, none)) found.push_back(fmt::format("'{}'", path.filename().string()));
  if (found.empty()) return;
  throw Error(Exit::preflight, "'{}' is not a run's directory, and a run would write over what it holds: {}", paths.root().string(),
              fmt::join(found, ", "))
      .hint("--set run.dir={}", (paths.root() / "my-run").string());
}

std::string nonce() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

/// Writing before anything has started: what fails is the directory's fault, not the run's.
template <typename Work>
void before_start(Work work) {
  try {
    work();
  } catch (const Error& error) {
    throw Error(Exit::preflight, error.complaints());
  }
}

}  // namespace

RunDir::RunDir(const fs::path& root, std::chrono::milliseconds patience) : paths_(root) {
  create(root);
  refuse_others_files(paths_);
  lock_ = std::make_unique<RunLock>(paths_.lock(), patience);
  record_ = read_record(paths_.record());
}

void RunDir::write(const fs::path& file, const std::string& content, FileKind kind) {
  std::optional<OwnerOnly> alone;
  if (kind != FileKind::shown) alone.emplace();
  before_start([&] { write_file_atomically(file, content); });
  if (kind == FileKind::script) fs::permissions(file, fs::perms::owner_exec, fs::perm_options::add);
}

namespace {

/// events.jsonl, for people and programs: what counts stands in run.json, so a disk that is full loses a line of it.
void tell(const RunPaths& paths, const json& event) {
  try {
    append_line(paths.events(), event.dump(-1, ' ', false, json::error_handler_t::replace));
  } catch (const Error&) {
  }
}

}  // namespace

Attempt RunDir::begin_attempt(const std::string& log, int64_t ranks, std::time_t now, std::string& warning, const std::string& job) {
  Attempt attempt{
      static_cast<int>(record_.attempts.size()) + 1, nonce(), utc_time(now), "", (paths_.logs() / log).string(), ranks, {}, job};
  create(paths_.attempt(attempt.number));
  record_.attempts.push_back(attempt);
  before_start([&] { write_record(paths_.record(), record_); });
  try {
    append_line(logfiles_of(paths_.root()), attempt.log);
  } catch (const Error& error) {
    warning = error.what();
  }
  tell(paths_, {{"event", "attempt_begun"}, {"time", attempt.start}, {"attempt", attempt.number}, {"ranks", ranks}, {"log", attempt.log}});
  return attempt;
}

void RunDir::end_attempt(int exit, int64_t steps, std::time_t now, const std::optional<RankDeath>& death) {
  Attempt& attempt = record_.attempts.back();
  attempt.end = utc_time(now);
  attempt.exit = exit;
  attempt.death = death;
  if (exit == 0) record_.finished_steps = steps;
  write_record(paths_.record(), record_);
  tell(paths_, {{"event", "attempt_ended"}, {"time", attempt.end}, {"attempt", attempt.number}, {"exit", exit}});
}

void RunDir::describe(const std::string& name, const std::string& version, const Variables& environment,
                      const std::vector<std::string>& argv) {
  record_.name = name;
  record_.llmrun_version = version;
  // A job has not the secrets of the shell that queued it, and could not leave them out of a diff: what that shell saw stands.
  const bool queued = environment.get("LLMRUN_STARTED_AT") && fs::exists(paths_.git());
  record_.git = queued ? git_state_from(read_json_file(paths_.git())) : git_state(environment);
  record_.argv.clear();
  for (const std::string& word : argv) record_.argv.push_back(without_secrets(word, environment));
}

}  // namespace llmrun
