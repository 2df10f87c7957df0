#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iterator>

#include <fmt/ranges.h>

#include "engine/core/run_paths.h"
#include "launcher/process/ask.h"
#include "launcher/scheduler/dependency_text.h"
#include "launcher/scheduler/scheduler.h"
#include "launcher/scheduler/slurm_errors.h"
#include "launcher/scheduler/slurm_status.h"

namespace llmrun {
namespace {

constexpr int64_t kClockSkew_s = 60;  // between a login node and the controller, at most

/// "123", "123;cluster": what sbatch --parsable prints, whatever a plug-in of the site printed around it.
std::string job_id_in(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view id = line.substr(0, line.find(';'));
    if (!id.empty() && id.find_first_not_of("0123456789") == std::string_view::npos) return std::string(id);
  }
  return {};
}

/// A job whose output has no directory ends at once, and says nothing.
void make_logs(const std::filesystem::path& run) { std::filesystem::create_directories(RunPaths(run).logs()); }

/// A job that queues another has variables of its own, which sbatch would hand on: the next one would take itself for an element of this
/// array, or for its nodes. What the user says about queues or output formats by variables would change the question.
Variables without_job(const Variables& environment) {
  Variables kept;
  for (const auto& [name, value] : environment.all())
    if (!(name.starts_with("SLURM") || name.starts_with("SQUEUE_")) || name == "SLURM_CONF" || name == "SLURM_CLUSTERS")
      kept.set(name, value);
  return kept;
}

class Slurm final : public Scheduler {
 public:
  Slurm(const Variables& environment, std::chrono::milliseconds patience) : environment_(without_job(environment)), patience_(patience) {}

  std::string_view name() const override { return "slurm"; }

  /// The job's WorkDir is the script's directory: by that and its age a job is known whose id was lost.
  std::string submit(const Submission& job) override {
    const std::filesystem::path directory = job.script.parent_path();
    const int64_t since = std::time(nullptr);
    make_logs(directory);
    std::vector<std::string> argv{"sbatch", "--parsable"};
    if (job.held) argv.emplace_back("--hold");
    if (!job.after.empty()) argv.push_back("--dependency=afterany:" + job.after);
    argv.push_back(job.script.filename().string());
    const Answer answer = run(std::move(argv), directory.string());
    const bool lost = answer_was_lost(answer);
    if (!lost && !answer.status.clean()) throw slurm_error("sbatch", answer);
    if (std::string id = job_id_in(answer.out); !id.empty()) return id;
    if (std::string id = find(directory, since, job.known); !id.empty()) return id;
    if (lost) throw slurm_error("sbatch", answer);
    throw Error(Exit::failed, "sbatch ended well and gave no job id: '{}'", answer.out.substr(0, 200)).hint("squeue --me");
  }

  /// "Job 4 to start at 2026-11-24T11:30:19 using 8 processors on nodes n[1-2] in partition debug", and no job.
  std::string rehearse(const std::filesystem::path& script) override {
    make_logs(script.parent_path());
    const Answer answer = run({"sbatch", "--test-only", script.filename().string()}, script.parent_path().string());
    if (answer.late || !answer.status.clean()) throw slurm_error("sbatch", answer);
    const size_t start = answer.err.rfind("sbatch: ");
    return start == std::string::npos ? answer.err : answer.err.substr(start + 8, answer.err.find('\n', start) - start - 8);
  }

  /// Jobs that ended meanwhile count too: a short one may be over before sbatch is given up.
  std::string find(const std::filesystem::path& directory, int64_t since, const std::vector<std::string>& known) override {
    const auto same = [&](const std::string& other) {
      std::error_code gone;
      return std::filesystem::weakly_canonical(other, gone) == std::filesystem::weakly_canonical(directory, gone);
    };
    std::string newest;
    since -= kClockSkew_s;
    const Answer answer = asked(
        {"squeue", "--noheader", "--states=all", fmt::format("--user={}", ::geteuid()), fmt::format("--Format={}", kSqueueOriginFormat)});
    for (const SlurmOrigin& origin : origins_of_squeue(answer.out)) {
      if (origin.time < since || std::find(known.begin(), known.end(), origin.id) != known.end() || !same(origin.directory)) continue;
      newest = origin.id;
      since = origin.time;
    }
    return newest;
  }

  std::map<std::string, Job> status(const std::vector<std::string>& ids) override {
    if (ids.empty()) return {};
    std::map<std::string, Job> known =
        jobs_of_squeue(asked({"squeue", "--noheader", "--array", "--states=all", fmt::format("--jobs={}", fmt::join(ids, ",")),
                              fmt::format("--Format={}", kSqueueFormat)})
                           .out,
                       ids);
    std::vector<std::string> forgotten;
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(forgotten), [&](const std::string& id) { return !known.contains(id); });
    known.merge(ended(forgotten));
    return known;
  }

  QueueLine waiting_in(const std::string& queue) override {
    return line_of_squeue(asked({"squeue", "--noheader", "--states=PENDING", "--partition=" + queue, "--sort=-p,i",
                                 fmt::format("--Format={}", kSqueueLineFormat)})
                              .out);
  }

  void hand_over(const std::string& from, const std::string& to) override {
    const Answer answer = asked({"squeue", "--noheader", "--states=PENDING", fmt::format("--user={}", ::geteuid()),
                                 fmt::format("--Format={}", kSqueueDependencyFormat)});
    for (const auto& [id, told] : dependencies_of_squeue(answer.out)) {
      const std::optional<HandedOver> change = id == to ? std::nullopt : handed_over(told, from, to);
      if (!change) continue;
      const Answer changed = run({"scontrol", "update", "JobId=" + id, "Dependency=" + change->depends});
      if (changed.late || !changed.status.clean()) throw slurm_error("scontrol", changed);
    }
  }

  /// scancel says nothing of a job that has ended, nor of one that was forgotten.
  void cancel(const std::string& id) override {
    const Answer answer = run({"scancel", id});
    if (answer.late || !answer.status.clean()) throw slurm_error("scancel", answer);
  }

 private:
  Command made(std::vector<std::string> argv, std::string directory) const {
    Command command;
    command.argv = std::move(argv);
    command.environment = environment_;
    command.directory = std::move(directory);
    return command;
  }

  Answer run(std::vector<std::string> argv, std::string directory = "") const {
    return ask(made(std::move(argv), std::move(directory)), patience_);
  }

  /// Jobs that Slurm does not know any more are left out, unless there is no other.
  Answer asked(std::vector<std::string> argv) const {
    Command command = made(std::move(argv), "");
    command.environment.set("SLURM_TIME_FORMAT", "%s");  // seconds since 1970, in no time zone
    Answer answer = ask(std::move(command), patience_);
    const bool unknown = answer.err.find("Invalid job id specified") != std::string::npos;
    if (answer.late || (!answer.status.clean() && !unknown)) throw slurm_error("squeue", answer);
    return answer;
  }

  /// Those of `ids` whose end accounting knows. Many clusters keep none, and say so: then what is unknown stays unknown.
  std::map<std::string, Job> ended(const std::vector<std::string>& ids) const {
    if (ids.empty() || find_on_path("sacct", environment_).empty()) return {};
    Command command = made({"sacct", "--noheader", "--parsable2", "--allocations", fmt::format("--jobs={}", fmt::join(ids, ",")),
                            fmt::format("--format={}", kSacctFormat)},
                           "");
    command.environment.set("SLURM_TIME_FORMAT", "%s");
    const Answer answer = ask(std::move(command), patience_);
    if (answer.late || !answer.status.clean()) return {};
    return ended_jobs_of_sacct(answer.out, ids);
  }

  Variables environment_;
  std::chrono::milliseconds patience_;
};

}  // namespace

std::unique_ptr<Scheduler> make_slurm(const Variables& environment, std::chrono::milliseconds patience) {
  return std::make_unique<Slurm>(environment, patience);
}

}  // namespace llmrun
