#include "launcher/scheduler/slurm_errors.h"

#include <algorithm>

namespace llmrun {
namespace {

/// Texts of Slurm 22.05 (slurm_errno.c), as its commands print them.
struct Remedy {
  std::string_view text;  // that the error line holds
  std::string_view hint;
};
constexpr Remedy kRemedies[] = {
    {"Invalid partition name", "sinfo --summarize lists the partitions: --set job.queue=NAME"},
    {"Invalid account or account/partition combination",
     "--set job.account=PROJECT, one that `sacctmgr show associations user=$USER` lists, in a partition that it may use"},
    {"Invalid qos", "sacctmgr show qos lists them: --set job.queue=NAME"},
    {"Requested time limit is invalid", "sinfo --format='%P %l' shows the limits: --set job.walltime=H:MM:SS"},
    {"Requested node configuration is not available", "the partition has no such nodes: --set job.nodes=N --set job.ranks_per_node=N"},
    {"Node count specification invalid", "sinfo --format='%P %s %D' shows how many nodes a job may have: --set job.nodes=N"},
    {"Requested partition configuration not available now",
     "nodes or walltime are outside the partition's limits: scontrol show partition"},
    {"Job violates accounting/QOS policy",
     "too many jobs, nodes or hours for this account or QOS: squeue --me, --set job.nodes=N --set job.walltime=H:MM:SS"},
    {"Invalid feature specification", "sinfo --format='%f %D' lists the features of nodes: --set machine.select=NAME"},
    {"Invalid license specification", "scontrol show licenses lists them: --set job.filesystems=[NAME]"},
    {"Invalid generic resource (gres) specification", "sinfo --format='%G %D' shows the GPUs of nodes: --set machine.node.gpus=N"},
    {"Job dependency problem", "llmrun status shows which jobs there are: --set job.depends=[RUN]"},
    {"User's group not permitted to use this partition", "another partition: --set job.queue=NAME"},
    {"Required partition not available", "the partition takes no jobs now: sinfo --summarize, --set job.queue=NAME"},
    {"Access/permission denied", "it belongs to somebody else"},
    {"Job violates", "squeue --me; scontrol show partition"},
    {"contains DOS line breaks", "the script was edited with DOS line ends: sed -i 's/\\r$//' job.sh"},
};

bool speaks_of(const Answer& answer, std::initializer_list<std::string_view> texts) {
  return std::any_of(texts.begin(), texts.end(), [&](std::string_view text) { return answer.err.find(text) != std::string::npos; });
}

bool unreachable(const Answer& answer) {
  return answer.late || speaks_of(answer, {"Unable to contact slurm controller", "Could not establish a configuration source",
                                           "Unable to process configuration file", "Connection refused", "Socket timed out",
                                           "Zero Bytes were transmitted or received", "Protocol authentication error",
                                           "Munge encode failed", "Slurm backup controller in standby mode"});
}

/// The last line that says something.
std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const size_t end_of_previous = text.rfind('\n');
  return end_of_previous == std::string::npos ? text : text.substr(end_of_previous + 1);
}

}  // namespace

Error slurm_error(std::string_view command, const Answer& answer) {
  const std::string said = last_line(answer.err);
  if (answer.late)
    return std::move(
        Error(Exit::unreachable, "{} did not answer in time", command).hint("scontrol ping shows whether Slurm is there; then again"));
  if (unreachable(answer))
    return std::move(Error(Exit::unreachable, "{}", said).hint("Slurm does not answer: scontrol ping, and again in some minutes"));
  Error error(Exit::preflight, "{}",
              said.empty() ? fmt::format("{} ended with exit code {} and said nothing", command, answer.status.exit_code()) : said);
  for (const Remedy& remedy : kRemedies)
    if (said.find(remedy.text) != std::string::npos) return std::move(error.hint("{}", remedy.hint));
  return error;
}

bool answer_was_lost(const Answer& answer) {
  return answer.late || answer.status.signal != 0 || speaks_of(answer, {"Socket timed out", "Zero Bytes were transmitted or received"});
}

}  // namespace llmrun
