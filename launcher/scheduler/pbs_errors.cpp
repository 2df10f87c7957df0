#include "launcher/scheduler/pbs_errors.h"

#include "launcher/scheduler/refusal.h"

namespace llmrun {
namespace {

/// Texts of OpenPBS 23.06 and of the submit hooks at ALCF, as they were recorded.
constexpr Remedy kRemedies[] = {
    {"Account_Name is required", "--set job.account=PROJECT, one that sbank or your project page lists"},
    {"Resource: filesystems is required", "--set job.filesystems=[home,eagle]"},
    {"Resource: walltime is required", "--set job.walltime=01:00:00"},
    {"Invalid filesystem", "--set job.filesystems=[...] with the names that the message lists"},
    {"Unknown queue", "qstat -Q lists the queues: --set job.queue=NAME"},
    {"Access to queue is denied", "submit to the queue that routes there: --set job.queue=prod"},
    {"Queue is not enabled", "another queue, or later: qstat -Q shows which take jobs"},
    {"violates queue and/or server resource limits",
     "nodes or walltime are outside the queue's limits: qstat -Qf QUEUE, --set job.nodes=N --set job.walltime=H:MM:SS"},
    {"per-user limit", "the queue takes no more of your jobs now: qstat -u $USER, or --set job.queue=NAME"},
    {"No active allocation found", "--set job.account=PROJECT, one that has time on this machine"},
    {"rejected by all possible destinations",
     "no execution queue takes this many nodes for this long: --set job.nodes=N --set job.walltime=H:MM:SS"},
    {"Unauthorized Request", "it belongs to somebody else, or the project may not use this queue"},
    {"Unknown Job Id", "qstat -x -u $USER lists the jobs of the last weeks"},
    {"script contains cr, lf", "the script was edited with DOS line ends: sed -i 's/\\r$//' job.sh"},
};

/// ECONNREFUSED and its kin: 15008 (no such host), 15010 (refused), 15031..: exit codes are the low byte, 255 where there is no code.
constexpr std::string_view kNoServer[] = {"cannot connect to server", "Couldn't connect to cluster", "Connection refused",
                                          "Communication failure", "No default server name"};

}  // namespace

Error pbs_error(std::string_view command, const Answer& answer) {
  return refusal(command, answer,
                 {kRemedies, kNoServer, "qstat -B shows whether the server is there; then again",
                  "the PBS server does not answer: again in some minutes"});
}

}  // namespace llmrun
