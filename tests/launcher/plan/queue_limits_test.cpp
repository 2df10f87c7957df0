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
  machine.default_queue = "prod";
  machine.queues = {{"debug", {1, 2}, {300, 3600}},
                    {"prod", {10, 496}, {300, 86400}},
                    {"small", {10, 24}, {300, 10800}, "prod"},
                    {"medium", {25, 99}, {300, 21600}, "prod"},
                    {"large", {100, 496}, {300, 86400}, "prod"},
                    {"backfill-medium", {25, 99}, {300, 21600}, "prod"}};
  resolved.config.job.account = "datascience";
  resolved.config.job.queue = queue;
  resolved.config.job.walltime_s = walltime_s;
  return resolved;
}

std::string complaints(const Resolved& resolved, int64_t nodes, int64_t ranks_per_node = 4) {
  std::vector<Complaint> all;
  check_job(resolved, {nodes, nodes * ranks_per_node}, all);
  std::string text;
  for (const Complaint& complaint : all) text += complaint.what + " -> " + complaint.hint + "\n";
  return text;
}

}  // namespace

TEST_CASE("a job inside its queue's limits is not complained of") {
  CHECK(complaints(polaris("debug", 3600), 2).empty());
  CHECK(complaints(polaris("prod", 86400), 496).empty());
}

TEST_CASE("a job that names no queue is checked against the machine's default queue") {
  CHECK(complaints(polaris("", 3600), 10).empty());
  CHECK(complaints(polaris("", 3600), 4) ==
        "queue 'prod' takes 10 to 496 nodes, not 4 -> --set job.nodes=10 --set job.walltime=01:00:00\n");
  Resolved open = polaris("", 3600);
  open.config.machine.default_queue.clear();
  CHECK(complaints(open, 4).empty());  // the server's to choose
}

TEST_CASE("a queue that only a routing queue leads to names that one") {
  CHECK(complaints(polaris("small", 3600), 10) ==
        "queue 'small' takes no jobs itself: 'prod' hands them on to it -> --set job.queue=prod\n");
}

TEST_CASE("what no queue behind a routing queue takes is refused, though the routing queue itself would take it") {
  CHECK(complaints(polaris("prod", 21600), 24) ==
        "no queue behind 'prod' takes 24 nodes for 06:00:00: the server would give an id, and the job would vanish -> "
        "--set job.walltime=03:00:00 or --set job.nodes=25 or --set job.nodes=100\n");
  CHECK(complaints(polaris("prod", 86400), 4) ==
        "queue 'prod' takes 10 to 496 nodes, not 4 -> --set job.nodes=10 --set job.walltime=03:00:00\n");
  CHECK(complaints(polaris("prod", 86400), 10).starts_with("no queue behind 'prod' takes 10 nodes for 24:00:00"));
  CHECK(complaints(polaris("prod", 10800), 24).empty());
  CHECK(complaints(polaris("prod", std::nullopt), 24) == "job.walltime is not set -> --set job.walltime=01:00:00\n");
}

TEST_CASE("nodes and walltime outside a queue's limits name the queue that takes them, or what this one takes") {
  CHECK(complaints(polaris("debug", 7200), 20) ==
        "queue 'debug' takes 1 to 2 nodes, not 20 -> --set job.queue=prod, which takes 20 nodes for 02:00:00\n"
        "queue 'debug' takes 00:05:00 to 01:00:00, not 02:00:00 -> --set job.queue=prod, which takes 20 nodes for 02:00:00\n");
  CHECK(complaints(polaris("prod", 3600), 4) ==
        "queue 'prod' takes 10 to 496 nodes, not 4 -> --set job.nodes=10 --set job.walltime=01:00:00\n");
}

TEST_CASE("a limit that the profile does not say is none") {
  Resolved open = polaris("open", 30 * 86400);
  open.config.machine.queues.push_back({"open", {1, 0}, {0, 0}});
  CHECK(complaints(open, 500).empty());
  Resolved two = polaris("two", 30 * 86400);
  two.config.machine.queues = {{"two", {1, 2}, {0, 0}}};
  CHECK(complaints(two, 3) == "queue 'two' takes 1 to 2 nodes, not 3 -> --set job.nodes=2 --set job.walltime=720:00:00\n");
}

TEST_CASE("a queue that is not there is told with the nearest one") {
  CHECK(complaints(polaris("debgu", 3600), 2) == "machine 'polaris' has no queue 'debgu' -> --set job.queue=debug\n");
  CHECK(complaints(polaris("nightly", 3600), 2) == "machine 'polaris' has no queue 'nightly' -> it has debug, prod\n");
}

TEST_CASE("a queue that shares its nodes takes some numbers of GPUs, of one node") {
  Resolved resolved = polaris("by-gpu", 3600);
  resolved.config.machine.queues.push_back({.name = "by-gpu", .nodes = {1, 1}, .walltime_s = {300, 86400}, .gpus = {1, 2, 4, 8}});
  for (const int64_t gpus : {1, 2, 4, 8}) CHECK(complaints(resolved, 1, gpus).empty());
  CHECK(complaints(resolved, 1, 3) == "queue 'by-gpu' takes 1, 2, 4, 8 GPUs of a node, not 3 -> --set job.ranks_per_node=4\n");
  CHECK(complaints(resolved, 1, 9) == "queue 'by-gpu' takes 1, 2, 4, 8 GPUs of a node, not 9 -> --set job.ranks_per_node=8\n");
  CHECK(complaints(resolved, 2, 8) ==
        "queue 'by-gpu' takes 1 to 1 nodes, not 2 -> --set job.queue=debug, which takes 2 nodes for 01:00:00\n");
}

TEST_CASE("a margin that leaves nothing of the walltime is refused") {
  Resolved resolved = polaris("debug", 600);
  resolved.config.job.margin_s = 600;
  CHECK(complaints(resolved, 2) == "job.margin 00:10:00 leaves nothing of job.walltime 00:10:00 -> --set job.margin=00:01:00\n");
}

TEST_CASE("a margin that nobody sets leaves most of the shortest job") {
  CHECK(complaints(polaris("debug", 300), 2).empty());
  CHECK(polaris("debug", 300).config.job.margin() == 30);
  CHECK(polaris("debug", 3600).config.job.margin() == 300);
}

TEST_CASE("everything that a job lacks is told at once") {
  Resolved resolved = polaris("debug", std::nullopt);  // whose nodes are too many, too
  resolved.config.job.account.clear();
  resolved.config.job.filesystems = {"home", "eagel", "flare"};
  CHECK(complaints(resolved, 20) ==
        "job.account is not set: somebody must pay for the job -> --set job.account=PROJECT\n"
        "job.walltime is not set -> --set job.walltime=01:00:00\n"
        "job.filesystems: machine 'polaris' has no file system 'eagel' -> did you mean 'eagle'?\n"
        "job.filesystems: machine 'polaris' has no file system 'flare' -> it has home, eagle; where there are others: --set "
        "machine.filesystems=[home,eagle,flare]\n"
        "queue 'debug' takes 1 to 2 nodes, not 20 -> --set job.queue=prod, which takes 20 nodes\n");
}

TEST_CASE("a server of one's own may know no file systems") {
  Resolved resolved = polaris("debug", 3600);
  resolved.config.machine.filesystems.clear();
  CHECK(complaints(resolved, 2).empty());
}

TEST_CASE("an array of more members than the queue takes jobs of a user is told with what it takes") {
  Resolved resolved = polaris("capacity", 3600);
  resolved.config.machine.queues.push_back({"capacity", {1, 4}, {300, 604800}, "", 2});
  const auto told = [&](const ArraySize& array) {
    std::vector<Complaint> all;
    check_array(resolved, array, all);
    return all.empty() ? "" : all.at(0).what + " -> " + all.at(0).hint;
  };
  CHECK(told({3, 5}) ==
        "queue 'capacity' takes 2 jobs of yours, and the 5 members of the sweep are a job each -> --set job.array=3-4, and later the "
        "others; or --set job.queue=another");
  CHECK(told({3, 2}) == "");
  CHECK(told({3, 1}) == "");  // no array
  resolved.config.job.queue = "medium";
  CHECK(told({0, 1000}) == "");
}
