#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>

#include "engine/core/json.h"
#include "launcher/process/ask.h"
#include "launcher/scheduler/dependency_text.h"
#include "launcher/scheduler/pbs_errors.h"
#include "launcher/scheduler/pbs_status.h"
#include "launcher/scheduler/scheduler.h"

namespace llmrun {
namespace {

constexpr int64_t kClockSkew_s = 60;                 // between a login node and the server, at most
constexpr int kUnknownJob = 153, kJobFinished = 35;  // exit codes: PBSE_UNKJOBID, PBSE_HISTJOBID & 0xff

/// "27.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov", "94[].server": qsub's answer, whatever a hook printed around it.
std::string job_id_in(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
    const std::string_view rest = line.substr(digits);
    const bool array = rest.starts_with("[].");
    const std::string_view server = rest.substr(array ? 3 : std::min<size_t>(1, rest.size()));
    if (digits == 0 || !(array || rest.starts_with('.')) || server.empty()) continue;
    if (std::all_of(server.begin(), server.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-'; }))
      return std::string(line);
  }
  return {};
}

/// "94[1].server", and a range of them: "94[1-3].server".
bool is_element(const std::string& id) { return id.find('[') != std::string::npos && id.find("[]") == std::string::npos; }

class Pbs final : public Scheduler {
 public:
  Pbs(Variables environment, std::chrono::milliseconds patience) : environment_(std::move(environment)), patience_(patience) {}

  std::string_view name() const override { return "pbs"; }

  /// The job's PBS_O_WORKDIR is the script's directory: by that and its age a job is known whose id was lost.
  std::string submit(const Submission& job) override {
    const std::string directory = job.script.parent_path().string();
    const int64_t since = std::time(nullptr);
    std::vector<std::string> argv{"qsub", "-f"};  // no process that stays behind, with our pipe and a server of its own
    if (job.held) argv.push_back("-h");
    if (!job.after.empty() && !is_element(job.after)) argv.insert(argv.end(), {"-W", "depend=afterany:" + job.after});
    argv.push_back(job.script.filename().string());
    const Answer answer = run(std::move(argv), directory);
    const bool died = answer.late || answer.status.signal != 0;  // on the way, before the server's word or behind it
    if (!died && !answer.status.clean()) throw pbs_error("qsub", answer);
    if (std::string id = job_id_in(answer.out); !id.empty()) return id;
    if (std::string id = find(directory, since, job.known); !id.empty()) return id;
    if (died) throw pbs_error("qsub", answer);
    throw Error(Exit::failed, "qsub ended well and gave no job id: '{}'", answer.out.substr(0, 200)).hint("qstat -u $USER");
  }

  std::string find(const std::filesystem::path& directory, int64_t since, const std::vector<std::string>& known) override {
    std::string newest;
    since -= kClockSkew_s;
    for (const auto& [id, origin] : origins_of_qstat(asked({"qstat", "-f", "-F", "json"}).out)) {
      if (origin.directory != directory || origin.time < since || std::find(known.begin(), known.end(), id) != known.end()) continue;
      newest = id;
      since = origin.time;
    }
    return newest;
  }

  std::map<std::string, Job> status(const std::vector<std::string>& ids) override {
    if (ids.empty()) return {};
    // -E asks for all in one request; without it qstat 23.06 asks for each and prints the JSON of the first alone.
    std::vector<std::string> argv{"qstat", "-E", "-x", "-f", "-F", "json"};
    if (std::any_of(ids.begin(), ids.end(), is_element)) argv.push_back("-t");  // without it, only whole arrays are told
    argv.insert(argv.end(), ids.begin(), ids.end());
    return jobs_of_qstat(asked(std::move(argv)).out);
  }

  /// A server tells of all jobs or, with query_other_jobs off, of the user's own.
  QueueLine waiting_in(const std::string& queue) override { return line_of_qstat(asked({"qstat", "-f", "-F", "json"}).out, queue); }

  std::string_view cannot_be_waited_for(const std::string& id) const override {
    return is_element(id) ? "PBS lets a job wait for a whole array, and for no element of it" : "";
  }

  void hand_over(const std::string& from, const std::string& to) override {
    std::vector<std::string> stuck;
    for (const auto& [id, job] : jobs_of_qstat(asked({"qstat", "-f", "-F", "json"}).out)) {
      const std::optional<HandedOver> change = id == to ? std::nullopt : handed_over(job.depends, from, to);
      if (!change) continue;
      if (!cannot_hand_over(change->kind).empty()) {
        stuck.push_back(id);
        continue;
      }
      const Answer answer = run({"qalter", "-W", "depend=" + change->depends, id});
      if (answer.late || !answer.status.clean()) throw pbs_error("qalter", answer);
    }
    if (!stuck.empty())
      throw Error(Exit::preflight, "{} ended with {}: {}", fmt::join(stuck, ", "), from, cannot_hand_over("afterok"))
          .hint("llmrun submit again; afterany waits for the last job of a run");
  }

  /// Seen of OpenPBS 23.06: qalter gives the waiting job another dependency and does not tell the old parent, which deletes it when it ends
  /// otherwise. Of an `afterany` there is nothing to delete for.
  std::string_view cannot_hand_over(std::string_view kind) const override {
    return kind == "afterany" ? ""
                              : "PBS deletes what waits for a job with afterok or afternotok when it ends otherwise, whatever qalter says";
  }

  void cancel(const std::string& id) override {
    const Answer answer = run({"qdel", id});
    if (answer.late) throw pbs_error("qdel", answer);
    if (!answer.status.clean() && answer.status.code != kJobFinished) throw pbs_error("qdel", answer);
  }

 private:
  Answer run(std::vector<std::string> argv, std::string directory = "") const {
    Command command;
    command.argv = std::move(argv);
    command.environment = environment_;
    if (!directory.empty()) command.environment.set("PWD", directory);  // a job's PBS_O_WORKDIR is what the shell says, as after a cd
    command.directory = std::move(directory);
    return ask(std::move(command), patience_);
  }

  /// A qstat that names a job which is gone still answers for the others.
  Answer asked(std::vector<std::string> argv) const {
    Answer answer = run(std::move(argv));
    const bool answered = answer.status.clean() || answer.status.code == kUnknownJob || answer.status.code == kJobFinished;
    if (answer.late || !answered) throw pbs_error("qstat", answer);
    return answer;
  }

  Variables environment_;
  std::chrono::milliseconds patience_;
};

}  // namespace

std::unique_ptr<Scheduler> make_pbs(Variables environment, std::chrono::milliseconds patience) {
  return std::make_unique<Pbs>(std::move(environment), patience);
}

}  // namespace llmrun
