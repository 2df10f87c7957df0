#include "launcher/scheduler/slurm_errors.h"

#include "launcher/scheduler/refusal.h"

namespace llmrun {
namespace {

/// Texts of Slurm 22.05 (slurm_errno.c), as its commands print them.
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

constexpr std::string_view kNoServer[] = {"Unable to contact slurm controller",
                                          "Could not establish a configuration source",
                                          "Unable to process configuration file",
                                          "Connection refused",
                                          "Socket timed out",
                                          "Zero Bytes were transmitted or received",
                                          "Protocol authentication error",
                                          "Munge encode failed",
                                          "Slurm backup controller in standby mode"};
constexpr std::string_view kLost[] = {"Socket timed out", "Zero Bytes were transmitted or received"};

}  // namespace

Error slurm_error(std::string_view command, const Answer& answer) {
  return refusal(command, answer,
                 {kRemedies, kNoServer, "scontrol ping shows whether Slurm is there; then again",
                  "Slurm does not answer: scontrol ping, and again in some minutes"});
}

bool answer_was_lost(const Answer& answer) { return answer.late || answer.status.signal != 0 || speaks_of(answer, kLost); }

}  // namespace llmrun
