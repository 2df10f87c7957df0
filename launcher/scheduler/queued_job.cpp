#include "launcher/scheduler/queued_job.h"

#include <fmt/ranges.h>

#include <fstream>
#include <map>
#include <ranges>

#include "engine/core/file.h"
#include "engine/core/file_modes.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

std::string names(const std::vector<QueuedJob>& jobs) {
  std::vector<std::string> newest;
  for (auto job = jobs.rbegin(); job != jobs.rend() && newest.size() < 5; ++job)
    newest.push_back(fmt::format("{} ({})", job->run, job->id));
  return newest.empty() ? "no job was queued yet: llmrun submit" : fmt::format("newest: {}", fmt::join(newest, ", "));
}

}  // namespace

bool is_id(const QueuedJob& job, const std::string& word) { return job.id == word || job.id.starts_with(word + "."); }

fs::path job_list_file(const Variables& environment) {
  const auto state = environment.get("XDG_STATE_HOME"), home = environment.get("HOME");
  if (state && !state->empty()) return fs::path(*state) / "llmrun/jobs.jsonl";
  if (home && !home->empty()) return fs::path(*home) / ".local/state/llmrun/jobs.jsonl";
  return {};
}

void check_job_list(const fs::path& list) {
  if (list.empty()) return;
  const OwnerOnly alone;
  std::error_code failed;
  fs::create_directories(list.parent_path(), failed);
  if (const std::ofstream writable(list, std::ios::app); writable.good()) return;
  throw Error(Exit::preflight, "cannot write '{}', where your jobs are written down", list.string())
      .hint("export XDG_STATE_HOME=DIR, a directory that you may write to");
}

void append_job(const fs::path& list, const QueuedJob& job) {
  const OwnerOnly alone;
  fs::create_directories(list.parent_path());
  append_line(list, json{{"event", "submitted"},
                         {"job_id", job.id},
                         {"scheduler", job.scheduler},
                         {"run", job.run},
                         {"dir", job.dir},
                         {"time", job.submitted},
                         {"by", job.by}}
                        .dump(-1, ' ', false, json::error_handler_t::replace));
}

QueuedJob queued_job_of(const json& line) {
  const auto text = [&](const char* key) {
    const auto found = line.find(key);
    return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  return {text("job_id"), text("scheduler"), text("run"), text("dir"), text("time"), text("by")};
}

std::vector<QueuedJob> read_jobs(const fs::path& list) {
  std::vector<QueuedJob> jobs;
  std::ifstream in(list);
  for (std::string line; std::getline(in, line);) {
    const json entry = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!entry.is_object() || entry.value("event", json()) != "submitted") continue;
    jobs.push_back(queued_job_of(entry));
  }
  return jobs;
}

QueuedJob find_job(const std::vector<QueuedJob>& jobs, const std::string& word) {
  std::error_code ignored;
  const std::string directory = fs::weakly_canonical(word, ignored).string();
  std::map<std::string, const QueuedJob*> fitting;  // the newest job of each run; of a sweep, whose members stand for it
  for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) {
    const bool member = job->run.ends_with("/" + word);  // of a sweep, by its own name
    if (word == "last" || is_id(*job, word) || job->run == word || member || job->dir == directory) return *job;
    if (word.empty() || !job->run.starts_with(word)) continue;
    const std::string run = job->run.substr(0, job->run.find('/', word.size()));
    const QueuedJob*& newest = fitting[run];
    if (newest == nullptr || (newest->run != run && job->run == run)) newest = &*job;
  }
  if (fitting.size() == 1) return *fitting.begin()->second;
  if (fitting.size() > 1)
    throw Error(Exit::usage, "'{}' fits {} runs: {}", word, fitting.size(), fmt::join(std::views::keys(fitting), ", "))
        .hint("more of the name, or the job's id");
  throw Error(Exit::usage, "no job '{}'", word).hint("{}", names(jobs));
}

}  // namespace llmrun
