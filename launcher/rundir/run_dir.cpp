#include "launcher/rundir/run_dir.h"

#include <random>

#include "engine/core/file.h"
#include "launcher/process/subprocess.h"
#include "launcher/rundir/log_name.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

void create(const fs::path& directory) {
  std::error_code failure;
  fs::create_directories(directory, failure);
  if (failure) throw Error(Exit::preflight, "cannot make directory '{}': {}", directory.string(), failure.message());
}

std::string nonce() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

RunDir::RunDir(const fs::path& root) : paths_(root) {
  create(root);
  lock_ = std::make_unique<RunLock>(paths_.lock());
  record_ = read_record(paths_.record());
}

void RunDir::write(const fs::path& file, const std::string& content, bool executable) {
  write_file_atomically(file, content);
  if (executable) fs::permissions(file, fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec, fs::perm_options::add);
}

Attempt RunDir::begin_attempt(const std::string& log, int64_t ranks, std::time_t now, std::string& warning) {
  Attempt attempt{static_cast<int>(record_.attempts.size()) + 1, nonce(), utc_time(now), "", (paths_.logs() / log).string(), ranks, {}};
  create(paths_.attempt(attempt.number));
  record_.attempts.push_back(attempt);
  write_record(paths_.record(), record_);
  const fs::path logfiles = paths_.root().parent_path().parent_path() / "logfiles";
  try {
    append_line(logfiles, attempt.log);
  } catch (const Error& error) {
    warning = error.what();
  }
  return attempt;
}

void RunDir::end_attempt(int exit, int64_t steps, std::time_t now) {
  Attempt& attempt = record_.attempts.back();
  attempt.end = utc_time(now);
  attempt.exit = exit;
  if (exit == 0) record_.finished_steps = steps;
  write_record(paths_.record(), record_);
}

void RunDir::describe(const std::string& name, const std::string& version, const Variables& environment) {
  record_.name = name;
  record_.llmrun_version = version;
  const auto git = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "git");
    return capture({std::move(words), environment}, std::chrono::milliseconds(500));
  };
  const auto sha = git({"rev-parse", "HEAD"});
  record_.git_sha = sha ? first_line(*sha) : "";
  record_.git_dirty = sha && !git({"diff", "--quiet", "HEAD"});
}

}  // namespace llmrun
