#include "launcher/doctor/judge_hosts.h"

#include "tests/launcher/doctor/world.h"

using namespace llmrun;

namespace {

constexpr double kMiB = 1 << 20;

/// The report of four sound hosts, a rank each, as `llmrun-rank diagnose` writes it.
json sound_report() {
  json report{{"version", 1}, {"communicator", "tcp"}, {"why", "communicator as configured"}, {"device", "cpu"}};
  for (int i = 0; i < 4; ++i) {
    const std::string host = "n" + std::to_string(i), next = "n" + std::to_string((i + 1) % 4);
    report["ranks"].push_back({{"rank", i},
                               {"host", host},
                               {"cores", 32},
                               {"gpus", 0},
                               {"gpu", nullptr},
                               {"limits", {{"open_files", 4096}, {"locked_bytes", nullptr}, {"core_bytes", 0}}},
                               {"run_directory", {{"directory", "/runs"}, {"bytes_per_s", 500 * kMiB}}},
                               {"tmp", {{"directory", "/tmp"}, {"bytes_per_s", 1000 * kMiB}}}});
    report["links"].push_back({{"hosts", {host, next}}, {"bytes_per_s", 1000 * kMiB}});
    if (i > 0) report["clocks"].push_back({{"host", host}, {"offset_s", 0.002}, {"error_s", 0.0001}});
  }
  report["all_reduce"] = {{{"bytes", 65536}, {"busbw_bytes_per_s", 1e8}, {"wrong", 0}},
                          {{"bytes", 8388608}, {"busbw_bytes_per_s", 1e9}, {"wrong", 0}}};
  return report;
}

const Expected kFour{{"n0", "n1", "n2", "n3"}};

Result judged(const json& report, const std::string& name, const Expected& expected = kFour) {
  for (const Finding& finding : judge_hosts(report, expected))
    if (finding.name == name) return finding.result;
  FAIL("no finding '", name, "'");
  return {};
}

json on_gpus(double free_GiB) {
  json report = sound_report();
  report["device"] = "cuda";
  for (json& rank : report["ranks"]) {
    rank["gpus"] = 4;
    rank["gpu"] = {
        {"name", "NVIDIA A100-SXM4-40GB"}, {"index", 0}, {"memory_bytes", 40 * 1024 * kMiB}, {"free_bytes", free_GiB * 1024 * kMiB}};
  }
  return report;
}

}  // namespace

TEST_CASE("four sound hosts: nothing to complain of") {
  const std::vector<Finding> findings = judge_hosts(sound_report(), kFour);
  CHECK(worst(findings) == Verdict::ok);
  CHECK(judged(sound_report(), "links").seen == "median between two hosts 0.977 GiB/s");
  CHECK(judged(sound_report(), "all-reduce").seen == "bus bandwidth 954 MiB/s at 8 MiB over 'tcp'; llmrun bench comm shows more");
  CHECK(judged(sound_report(), "cores").seen == "cores of a rank: 32 everywhere");
}

TEST_CASE("a host that did not come is a failure") {
  CHECK(judged(sound_report(), "ranks", {{"n0", "n1", "n2", "n3", "n4"}}).verdict == Verdict::fail);
  CHECK(judged(sound_report(), "ranks").verdict == Verdict::ok);
}

TEST_CASE("a disk that is slower than half the median is named with its host, one at half of it is not") {
  json report = sound_report();
  report["ranks"][2]["run_directory"]["bytes_per_s"] = 250 * kMiB;
  CHECK(judged(report, "run directory speed").verdict == Verdict::ok);
  report["ranks"][2]["run_directory"]["bytes_per_s"] = 249 * kMiB;
  const Result slow = judged(report, "run directory speed");
  CHECK(slow.verdict == Verdict::warn);
  CHECK(slow.seen == "median of '/runs' 500 MiB/s; 1 of 4 are slower than half of that: n2 (249 MiB/s)");
}

TEST_CASE("of two hosts one is slow where it has less than a third of the other's speed") {
  json report = sound_report();
  report["ranks"].erase(3);
  report["ranks"].erase(2);
  report["ranks"][1]["tmp"]["bytes_per_s"] = 334 * kMiB;
  CHECK(judged(report, "TMPDIR speed").verdict == Verdict::ok);
  report["ranks"][1]["tmp"]["bytes_per_s"] = 333 * kMiB;
  CHECK(judged(report, "TMPDIR speed").verdict == Verdict::warn);
}

TEST_CASE("a directory that a host cannot write is a failure with the system's words") {
  json report = sound_report();
  report["ranks"][1]["tmp"] = {{"directory", "/tmp"}, {"bytes_per_s", nullptr}, {"error", "No space left on device"}};
  const Result full = judged(report, "TMPDIR speed");
  CHECK(full.verdict == Verdict::fail);
  CHECK(has(full.seen, "n1 (No space left on device)"));
}

TEST_CASE("a slow link names the host that has it and not its neighbours") {
  json report = sound_report();
  report["links"][0]["bytes_per_s"] = 100 * kMiB;  // n0-n1
  report["links"][1]["bytes_per_s"] = 100 * kMiB;  // n1-n2
  const Result slow = judged(report, "links");
  CHECK(slow.verdict == Verdict::warn);
  CHECK(has(slow.seen, "n1 (100 MiB/s)"));
  CHECK_FALSE(has(slow.seen, "n0 ("));
  CHECK_FALSE(has(slow.seen, "n2 ("));
}

TEST_CASE("a clock that is off by more than a second is named (E1)") {
  json report = sound_report();
  report["clocks"][0]["offset_s"] = -3600.5;
  const Result off = judged(report, "clocks");
  CHECK(off.verdict == Verdict::warn);
  CHECK(has(off.seen, "n1 (-3.6e+03 s)"));
}

TEST_CASE("a host that differs in cores or limits is named") {
  json report = sound_report();
  report["ranks"][3]["cores"] = 16;
  report["ranks"][0]["limits"]["open_files"] = 1024;
  CHECK(judged(report, "cores").seen == "cores of a rank: 32 on most hosts, but not on n3 (16)");
  CHECK(has(judged(report, "rank limits").seen, "n0 (open files 1024"));
}

TEST_CASE("GPUs: free ones are ok, one in use is a warning that names it, and on CPUs nobody asks") {
  CHECK(judged(on_gpus(39), "GPUs").verdict == Verdict::ok);
  CHECK(judged(on_gpus(39), "GPUs").seen == "4 GPUs: NVIDIA A100-SXM4-40GB of 40 GiB");
  json used = on_gpus(39);
  used["ranks"][2]["gpu"]["free_bytes"] = 12 * 1024 * kMiB;
  CHECK(judged(used, "GPUs").verdict == Verdict::warn);
  CHECK(has(judged(used, "GPUs").seen, "n2 GPU 0 (12 GiB free)"));
  CHECK(judged(sound_report(), "GPUs").verdict == Verdict::not_applicable);
}

TEST_CASE("a host that shows fewer GPUs than its node should have is a failure, one that shows each rank its own is not") {
  const Expected four_gpus{kFour.hosts, /*gpus=*/4};
  json report = on_gpus(39);
  CHECK(judged(report, "GPUs", four_gpus).verdict == Verdict::ok);
  report["ranks"][1]["gpus"] = 1;
  CHECK(judged(report, "GPUs", four_gpus).verdict == Verdict::ok);
  report["ranks"][1]["gpus"] = 3;
  CHECK(judged(report, "GPUs", four_gpus).verdict == Verdict::fail);
  CHECK(has(judged(report, "GPUs", four_gpus).seen, "missing on n1 (3 of 4)"));
}

TEST_CASE("wrong sums are a failure") {
  json report = sound_report();
  report["all_reduce"][1]["wrong"] = 3;
  CHECK(judged(report, "all-reduce").verdict == Verdict::fail);
}

TEST_CASE("of many bad hosts eight are named") {
  json report = sound_report();
  for (int i = 0; i < 4; ++i)
    for (int more = 1; more < 20; ++more) {
      json rank = report["ranks"][static_cast<size_t>(i)];
      rank["host"] = fmt::format("n{}-{}", i, more);
      if (i == 0) rank["cores"] = 1;
      report["ranks"].push_back(rank);
    }
  CHECK(has(judged(report, "cores").seen, " and 11 more"));
}
