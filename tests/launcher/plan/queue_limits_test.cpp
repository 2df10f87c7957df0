#include "launcher/plan/queue_limits.h"

#include "tests/support/test.h"

using namespace llmrun;

namespace {

Resolved polaris(const std::string& queue, std::optional<int64_t> walltime_s) {
  Resolved resolved;
  MachineConfig& machine = resolved.config.machine;
  machine.profile = "polaris";
  machine.scheduler = "pbs";
  machine.filesystems = {"home", "eagle"};
  machine.queues = {{"debug", {1, 2}, {300, 3600}}, {"prod", {10, 496}, {300, 86400}}};
  resolved.config.job.account = "datascience";
  resolved.config.job.queue = queue;
  resolved.config.job.walltime_s = walltime_s;
  return resolved;
}

std::string complaints(const Resolved& resolved, int64_t nodes) {
  std::vector<Complaint> all;
  check_job(resolved, nodes, all);
  std::string text;
  for (const Complaint& complaint : all) text += complaint.what + " -> " + complaint.hint + "\n";
  return text;
}

}  // namespace

TEST_CASE("a job inside its queue's limits is not complained of") {
  CHECK(complaints(polaris("debug", 3600), 2).empty());
  CHECK(complaints(polaris("prod", 86400), 496).empty());
  CHECK(complaints(polaris("", 3600), 3).empty());  // the default queue is the server's to choose
}

TEST_CASE("nodes and walltime outside a queue's limits name the queue that takes them, or what this one takes") {
  CHECK(complaints(polaris("debug", 7200), 20) ==
        "queue 'debug' takes 1 to 2 nodes, not 20 -> --set job.queue=prod, which takes 20 nodes for 02:00:00\n"
        "queue 'debug' takes 00:05:00 to 01:00:00, not 02:00:00 -> --set job.queue=prod, which takes 20 nodes for 02:00:00\n");
  CHECK(complaints(polaris("prod", 3600), 4) ==
        "queue 'prod' takes 10 to 496 nodes, not 4 -> --set job.nodes=10 --set job.walltime=01:00:00\n");
}

TEST_CASE("a queue that is not there is told with the nearest one") {
  CHECK(complaints(polaris("debgu", 3600), 2) == "machine 'polaris' has no queue 'debgu' -> --set job.queue=debug\n");
  CHECK(complaints(polaris("nightly", 3600), 2) == "machine 'polaris' has no queue 'nightly' -> it has debug, prod\n");
}

TEST_CASE("a margin that leaves nothing of the walltime is refused") {
  Resolved resolved = polaris("debug", 600);
  resolved.config.job.margin_s = 600;
  CHECK(complaints(resolved, 2) == "job.margin 00:10:00 leaves nothing of job.walltime 00:10:00 -> --set job.margin=00:01:00\n");
}

TEST_CASE("everything that a job lacks is told at once") {
  Resolved resolved = polaris("debug", std::nullopt);  // whose nodes are too many, too
  resolved.config.job.account.clear();
  resolved.config.machine.filesystems.clear();
  CHECK(complaints(resolved, 20) ==
        "job.account is not set: somebody must pay for the job -> --set job.account=PROJECT\n"
        "job.walltime is not set -> --set job.walltime=01:00:00\n"
        "job.filesystems is not set -> --set job.filesystems=[home]\n"
        "queue 'debug' takes 1 to 2 nodes, not 20 -> --set job.queue=prod, which takes 20 nodes\n");
}
