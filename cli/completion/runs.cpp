#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <set>

#include "cli/completion/sources.h"
#include "engine/core/error.h"
#include "engine/core/run_paths.h"
#include "launcher/report/run_history.h"
#include "launcher/rundir/checkpoints.h"
#include "launcher/rundir/find_run.h"
#include "launcher/rundir/record.h"
#include "launcher/scheduler/queued_job.h"

namespace llmrun::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostRanks = 64;  // as many are offered one by one

std::string launch_time(const fs::file_time_type& launched) {
  if (launched == fs::file_time_type::min()) return "never launched";
  const std::time_t time = std::chrono::system_clock::to_time_t(std::chrono::file_clock::to_sys(launched));
  char text[32];
  std::strftime(text, sizeof text, "%F %R", std::localtime(&time));
  return fmt::format("launched {}", text);
}

/// The run that the words before name, else the newest one; none where there is no such run.
std::optional<RunPaths> named_run(const Typed& typed) {
  const std::vector<std::string> words = typed.values("RUN");
  try {
    return RunPaths(find_run(words.empty() ? "last" : words.front(), fs::current_path()));
  } catch (const Error&) {
    return {};
  }
}

/// "0,8-" of "0,8-1": what stays while the next rank is typed.
std::string before_last_rank(const std::string& text) { return text.substr(0, text.find_last_of(",-") + 1); }

}  // namespace

void offer_runs(const Typed& typed, Offers& offers) {
  std::set<std::string> seen;
  const auto offer = [&](const std::string& word, const std::string& about) {
    if (!word.empty() && seen.insert(word).second) offers.candidates.push_back({word, about});
  };
  const auto jobs = read_jobs(job_list_file(Variables::of_this_process()));
  for (const KnownRun& run : known_runs(fs::current_path())) offer(run.directory.filename().string(), launch_time(run.launched));
  for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) offer(job->run, fmt::format("job {}, queued {}", job->id, job->submitted));
  if (!typed.text.empty() && std::isdigit(static_cast<unsigned char>(typed.text[0])))
    for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) offer(job->id, fmt::format("{}, queued {}", job->run, job->submitted));
  if (!seen.empty()) offer("last", "the newest");
  const bool is_name = std::any_of(seen.begin(), seen.end(), [&](const std::string& run) { return run.starts_with(typed.text); });
  if (!is_name && typed.text.find_first_of("/.~") != std::string::npos) offers.files = "directories";
}

void offer_ranks(const Typed& typed, Offers& offers) {
  offers.candidates.push_back({"all", "every rank"});
  const auto run = named_run(typed);
  if (!run) return;
  int64_t ranks = 0;
  try {
    const RunRecord record = read_record(run->record());
    ranks = record.attempts.empty() ? 0 : record.attempts.back().ranks;
  } catch (const Error&) {  // a damaged record: tail will say so
    return;
  }
  const std::string before = before_last_rank(typed.text);
  for (int64_t rank = 0; rank < ranks && ranks <= kMostRanks; ++rank) offers.candidates.push_back({before + std::to_string(rank), ""});
}

void offer_hosts(const Typed& typed, Offers& offers) {
  const auto run = named_run(typed);
  if (!run) return;
  std::ifstream hostfile(run->hostfile());
  for (std::string line; std::getline(hostfile, line);)
    if (!line.empty() && line[0] != '#') offers.candidates.push_back({line.substr(0, line.find_first_of(" :")), ""});
}

void offer_steps(const Typed& typed, Offers& offers) {
  if (const auto run = named_run(typed))
    for (const int64_t step : whole_checkpoint_steps(*run)) offers.candidates.push_back({std::to_string(step), ""});
}

void offer_states(const Typed&, Offers& offers) {
  for (const std::string_view state : run_states()) offers.candidates.push_back({std::string(state), ""});
}

}  // namespace llmrun::cli
