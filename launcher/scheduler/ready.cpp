#include "launcher/scheduler/ready.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>

#include "engine/core/dataset_prefix.h"
#include "engine/core/flops.h"
#include "engine/core/run_paths.h"
#include "engine/core/units.h"
#include "launcher/follow/metrics_follower.h"
#include "launcher/plan/critic.h"
#include "launcher/plan/queue_limits.h"
#include "launcher/rundir/room.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSentencePiece = "spm:";
constexpr int64_t kTailBytes = 64 * 1024;  // of metrics.jsonl: a hundred steps and more
constexpr size_t kRecentJobs = 200;        // of the user's list: one that old has ended

void check_readable(const std::string& file, std::string_view key, Critic& critic) {
  if (::access(file.c_str(), R_OK) != 0)
    critic.say(fmt::format("cannot read '{}': {}", file, std::strerror(errno)), key, {key}, fmt::format("ls -l '{}'", file));
}

void check_dataset(const fs::path& prefix, std::string_view key, Critic& critic) {
  if (auto wrong = misnamed_dataset(prefix)) return critic.say(std::move(wrong->what), key, {key}, std::move(wrong->hint));
  for (const char* suffix : {".bin", ".idx"}) check_readable(prefix.string() + suffix, key, critic);
}

void check_data(const std::vector<DataSource>& sources, std::string_view key, Critic& critic) {
  for (const DataSource& source : sources)
    if (source.path != "synthetic") check_dataset(source.path, key, critic);
}

void check_directory(const std::string& directory, Critic& critic) {
  if (std::any_of(directory.begin(), directory.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }))
    critic.say(fmt::format("a job cannot be told of '{}': its name holds a line break or another control character", directory), "run.dir",
               {"run.dir"}, "--set run.dir=DIRECTORY, one without");
  const fs::path there = nearest_that_exists(directory);
  if (::access(there.c_str(), W_OK) != 0)
    critic.say(fmt::format("cannot write into '{}': {}", there.string(), std::strerror(errno)), "run.dir", {"run.dir"},
               "--set run.dir=DIRECTORY on a file system that compute nodes may write");
}

/// Those that wait or run in the queue, "27.server (king)"; elements of an array are part of it.
std::vector<std::string> jobs_in(const std::string& queue, const std::string& but_of, const std::vector<QueuedJob>& jobs,
                                 Scheduler& scheduler) {
  std::map<std::string, std::string> runs;
  for (auto job = jobs.rbegin(); job != jobs.rend() && runs.size() < kRecentJobs; ++job)
    if (job->scheduler == scheduler.name() && job->dir != but_of &&
        (job->id.find('[') == std::string::npos || job->id.find("[]") != std::string::npos))
      runs.emplace(job->id, job->run);
  std::vector<std::string> ids, there;
  for (const auto& [id, run] : runs) ids.push_back(id);
  for (const auto& [id, job] : scheduler.status(ids))
    if (!job.end && job.queue == queue && runs.contains(id)) there.push_back(fmt::format("{} ({})", id, runs.at(id)));
  return there;
}

/// The newest steps.
std::vector<StepMetrics> newest_steps(const fs::path& metrics) {
  std::ifstream in(metrics, std::ios::binary | std::ios::ate);
  if (!in) return {};
  const int64_t size = in.tellg(), from = std::max<int64_t>(0, size - kTailBytes);
  in.seekg(from);
  std::vector<StepMetrics> steps;
  std::string line;
  if (from > 0) std::getline(in, line);  // the rest of one
  while (std::getline(in, line))
    if (auto step = parse_step(line)) steps.push_back(*std::move(step));
  return steps;
}

double median_speed(std::vector<StepMetrics> steps) {
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end(),
                   [](const StepMetrics& a, const StepMetrics& b) { return a.tokens_per_s < b.tokens_per_s; });
  return middle->tokens_per_s;
}

/// Tokens a second if every GPU of the run did nothing but the model's products, at its data sheet's rate: nothing is faster. 0: not known.
double speed_at_peak(const Plan& plan) {
  if (plan.device != Device::cuda) return 0;
  const double peak = peak_tflops(plan.config.machine.node, plan.config.train.precision) * 1e12;
  const TokenFlops flops = flops_per_token(plan);
  return static_cast<double>(plan.ranks()) * peak / flops.hardware;
}

}  // namespace

void check_data_files(const Resolved& resolved, std::vector<Complaint>& complaints) {
  Critic critic(resolved, complaints);
  const DataConfig& data = resolved.config.data;
  check_data(data.train, "data.train", critic);
  check_data(data.valid, "data.valid", critic);
  if (data.tokenizer.starts_with(kSentencePiece)) check_readable(data.tokenizer.substr(kSentencePiece.size()), "data.tokenizer", critic);
}

void check_files(const Resolved& resolved, const Plan& plan, const fs::path& rank_program, std::vector<Complaint>& complaints) {
  check_data_files(resolved, complaints);
  Critic critic(resolved, complaints);
  check_directory(plan.dir, critic);
  if (::access(rank_program.c_str(), X_OK) != 0)
    complaints.push_back(
        {fmt::format("cannot execute '{}': {}", rank_program.string(), std::strerror(errno)), {}, {}, "./bootstrap build"});
}

void check_own_jobs(const Resolved& resolved, const Plan& plan, const std::vector<QueuedJob>& jobs, Scheduler& scheduler,
                    std::vector<Complaint>& complaints) {
  const QueueLimits* queue = find_queue(resolved.config.machine, queue_of(resolved.config));
  if (queue == nullptr || queue->jobs_of_user == 0) return;
  Critic critic(resolved, complaints);
  const auto most = static_cast<size_t>(queue->jobs_of_user);
  const std::string takes = fmt::format("queue '{}' takes {} job{} of yours", queue->name, most, most == 1 ? "" : "s");
  const std::vector<std::string> there = jobs_in(queue->name, plan.dir, jobs, scheduler);
  if (there.size() >= most)
    critic.say(fmt::format("{}, and holds {}", takes, fmt::join(there, ", ")), "job.queue", {"job.queue"},
               "wait for it, llmrun cancel it, or --set job.queue=another");
  const bool chain = resolved.config.run.until_done || resolved.config.job.chain > 0;
  if (chain && most == 1)
    critic.say(takes + ": the next job of a chain cannot be queued while this one runs", "job.queue", {"job.queue", "job.chain"},
               "--set job.queue=another");
}

std::string node_local(const fs::path& program) {
  for (const char* directory : {"/tmp", "/var/tmp", "/dev/shm", "/run"})
    if (program.string().starts_with(std::string(directory) + "/")) return directory;
  return {};
}

std::optional<TimeNeeded> time_needed(const Plan& plan) {
  if (!plan.config.job.walltime_s) return std::nullopt;
  const std::vector<StepMetrics> done = newest_steps(RunPaths(plan.dir).metrics());
  const double speed = done.empty() ? speed_at_peak(plan) : median_speed(done);
  const int64_t left = plan.steps - (done.empty() ? 0 : done.back().step), each_s = *plan.config.job.walltime_s - plan.config.job.margin();
  if (speed <= 0 || left <= 0 || each_s <= 0) return std::nullopt;
  const auto need_s = static_cast<int64_t>(std::ceil(static_cast<double>(left * plan.tokens_per_step()) / speed));
  return TimeNeeded{speed, !done.empty(), left, need_s, (need_s + each_s - 1) / each_s};
}

std::string time_needed_text(const TimeNeeded& needed, int64_t walltime_s) {
  return fmt::format("at {} {} tokens/s the {} steps{} take {}, {} jobs of {}",
                     needed.measured ? "the last attempt's" : "no less than the whole peak of its GPUs,", human_count(needed.tokens_per_s),
                     needed.steps, needed.measured ? " left" : "", format_duration(needed.seconds), needed.jobs,
                     format_duration(walltime_s));
}

}  // namespace llmrun
