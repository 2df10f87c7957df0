#include "launcher/scheduler/waiting_reasons.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "launcher/scheduler/dependency_text.h"

namespace llmrun {
namespace {

struct Row {
  std::string_view text;  // PBS: that the comment holds; Slurm: that the reason begins with
  std::string_view meaning;
  std::string_view remedy;  // {run} and {id} stand for the run's name and the job's id
  bool waits_alone;
};

constexpr std::string_view kSmaller = "llmrun cancel {run}; then submit again with fewer nodes or a shorter walltime";
constexpr std::string_view kAnotherQueue = "llmrun cancel {run}; then submit again with --set job.queue=NAME";

/// Comments of OpenPBS 23.06 and what ALCF's users report; the first row that fits is the one.
constexpr Row kPbs[] = {
    {"_fs (True != False)", "a file system that the job asked for is down; the job starts by itself when it is back",
     "does the run not need it? llmrun cancel {run}; then submit again with --set job.filesystems=[...]", true},
    {"too many failed attempts to run",
     "PBS tried to start it 21 times and failed each time: a bad node, or the folder of the job's output is not there",
     "see that the run's directory exists on every node, then: qrls {id}", false},
    {"allocation", "the project has no time left on this machine, or none at all",
     "llmrun cancel {run}; then submit again with --set job.account=PROJECT", false},
    {"balance", "the project has used up its time: such jobs run when nobody else wants the nodes",
     "llmrun cancel {run}; then submit again with --set job.account=PROJECT", true},
    {"Can Never Run: Not enough total nodes", "the machine has not so many nodes of that kind: it would wait for ever", kSmaller, false},
    {"Can Never Run", "no node of this machine has what the job asks for: it would wait for ever",
     "llmrun cancel {run}; compare job.sh with pbsnodes -aSj, and submit again", false},
    {"Not enough free nodes", "other jobs have the nodes; it starts when enough are free", "", true},
    {"exclusive node and node is in use", "it wants whole nodes, and other jobs hold parts of them", "", true},
    {"Queue not started", "the queue takes jobs and starts none: maintenance, or a reservation", kAnotherQueue, true},
    {"running job limit", "as many jobs of yours or of your project run in this queue as may", "", true},
    {"has reached", "a limit of the queue or the server is reached: it starts when one of the other jobs ends", "", true},
    {"would conflict with reservation or top job", "it would still run when a reservation or a job before it needs the nodes", kSmaller,
     true},
    {"would cross", "it would still run when maintenance begins", "a walltime that ends before it: qalter -l walltime=H:MM:SS {id}", true},
    {"edicated time", "it would still run when maintenance begins", "a walltime that ends before it: qalter -l walltime=H:MM:SS {id}",
     true},
    {"raining system", "the scheduler keeps nodes free for a job that waited long", kSmaller, true},
    {"ineligible state", "the nodes that it may use are down or offline", "pbsnodes -l tells why; another queue, or later", true},
    {"Insufficient amount of", "other jobs have what it asks for; it starts when enough is free", "", true},
    {"Job held by", "it is held by a person", "qrls {id}", false},
    {"sent for execution", "it is about to start", "", true},
};

/// Reasons of Slurm, as squeue prints them.
constexpr Row kSlurm[] = {
    {"Priority", "jobs of higher priority are before it in the queue", "", true},
    {"Resources", "other jobs have the nodes; it is among the next to start", "", true},
    {"DependencyNeverSatisfied", "a job that it depends on ended otherwise than it must have: it would wait for ever",
     "llmrun cancel {run}; then submit again", false},
    {"Dependency", "it waits for another job to end", "", true},
    {"QOSMaxWall", "its walltime is longer than its QOS allows", kSmaller, false},
    {"QOSMaxNode", "it asks for more nodes than its QOS allows a job", kSmaller, false},
    {"QOSMaxCpuPerJob", "it asks for more than its QOS allows a job", kSmaller, false},
    {"QOSMax", "you have as many jobs or nodes in this QOS as it allows", "", true},
    {"QOSGrp", "all users of this QOS together have as much as it allows", "", true},
    {"AssocGrp", "the account has used up its time, or has as much running as it may",
     "llmrun cancel {run}; then submit again with --set job.account=ACCOUNT", true},
    {"AssocMax", "you have as many jobs or nodes as the account allows", "", true},
    {"InvalidAccount", "Slurm does not know the account", "llmrun cancel {run}; then submit again with --set job.account=ACCOUNT", false},
    {"InvalidQOS", "the account may not use this QOS", kAnotherQueue, false},
    {"PartitionNodeLimit", "it asks for more nodes than its partition allows, or for nodes that are down", kSmaller, false},
    {"PartitionTimeLimit", "its walltime is longer than its partition allows", kSmaller, false},
    {"PartitionDown", "the partition takes jobs and starts none", kAnotherQueue, true},
    {"PartitionInactive", "the partition is inactive", kAnotherQueue, true},
    {"ReqNodeNotAvail", "nodes that it needs are down, drained or reserved: often maintenance", kSmaller, true},
    {"Reservation", "it waits for its reservation to begin", "", true},
    {"BeginTime", "it was put back, or is to begin later", "", true},
    {"BadConstraints", "no node has what the job asks for", "llmrun cancel {run}; compare job.sh with sinfo -o '%N %f'", false},
    {"JobArrayTaskLimit", "as many members of the array run as may at once", "", true},
    {"Licenses", "a licence or file system that it asked for is not free", "", true},
    {"JobHeldUser", "it is held by a person", "scontrol release {id}", false},
    {"JobHeldAdmin", "an administrator holds it", "ask the site's support", false},
    {"JobLaunchFailure", "its nodes could not start it", "scontrol release {id}", false},
    {"launch failed requeued held", "its nodes could not start it", "scontrol release {id}", false},
    {"NodeDown", "a node that it needs is down", "", true},
};

const Row* row_for(std::string_view scheduler, std::string_view comment) {
  const auto find = [&](const auto& rows, auto fits) {
    const auto row = std::find_if(std::begin(rows), std::end(rows), fits);
    return row == std::end(rows) ? nullptr : &*row;
  };
  if (comment.empty()) return nullptr;
  if (scheduler == "slurm") return find(kSlurm, [&](const Row& row) { return comment.starts_with(row.text); });
  return find(kPbs, [&](const Row& row) { return comment.find(row.text) != std::string_view::npos; });
}

std::string filled(std::string_view remedy, std::string_view id, std::string_view run) {
  return fmt::format(fmt::runtime(remedy), fmt::arg("run", run), fmt::arg("id", id));
}

std::string_view release_command(std::string_view scheduler) { return scheduler == "slurm" ? "scontrol release {id}" : "qrls {id}"; }

/// Where the scheduler says nothing, or nothing that the tables know.
WaitingReason by_state(std::string_view scheduler, const Job& job, std::string_view run) {
  if (job.hold == JobHold::dependency)
    return {job.depends.empty() ? "it waits for another job" : "it waits for other jobs: " + waited_for_text(job.depends), "", true};
  if (job.hold == JobHold::person) return {"it is held by a person", filled(release_command(scheduler), job.id, run), false};
  if (job.hold == JobHold::system)
    return {"the scheduler itself holds it", filled(release_command(scheduler), job.id, run) + ", or the site's support", false};
  if (job.phase == JobPhase::suspended) return {"its nodes were lent to another job; it goes on by itself", "", true};
  if (job.phase == JobPhase::waiting && job.comment.empty()) return {"the scheduler has not looked at it yet", "", true};
  return {"", "", true};
}

/// The comment is of the time before the job came to wait for others.
bool is_outdated(std::string_view scheduler, const Job& job) { return scheduler == "pbs" && job.hold == JobHold::dependency; }

}  // namespace

WaitingReason waiting_reason(std::string_view scheduler, const Job& job, std::string_view run) {
  const Row* row = row_for(scheduler, job.comment);
  if (row == nullptr || is_outdated(scheduler, job)) return by_state(scheduler, job, run);
  return {std::string(row->meaning), filled(row->remedy, job.id, run), row->waits_alone};
}

std::string short_reason(std::string_view scheduler, const Job& job) {
  if (job.phase == JobPhase::ended || (!job.comment.empty() && !is_outdated(scheduler, job))) return job.comment;
  switch (job.hold) {
    case JobHold::person:
      return "by a person";
    case JobHold::dependency:
      return "waits for " + (job.depends.empty() ? "another job" : waited_for_text(job.depends));
    case JobHold::system:
      return "by the scheduler itself";
    case JobHold::none:
      break;
  }
  return "";
}

}  // namespace llmrun
