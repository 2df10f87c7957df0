#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "engine/core/json.h"
#include "tests/cli/command.h"
#include "tests/support/test.h"

using namespace llmrun;

// E1 of the promises: a host's clock may be wrong, or be set while it trains. Nothing but the times that are shown may follow it.
namespace {

constexpr int64_t kHour = 3600;

/// A machine whose ranks do not agree about the time: libfaketime moves the clock of the ranks in $SKEWED as the file `clock` says, now
/// and whenever it changes. It leaves the monotonic clock alone, as setting a clock does. Each such rank writes down what time it has.
class SkewedRanks {
 public:
  SkewedRanks() {
    const Outcome found = shell("faketime -f +0 sh -c 'printf %s \"$LD_PRELOAD\"'");
    REQUIRE_MESSAGE(found.exit == 0, "faketime is not there: ./bootstrap build installs it");
    const std::string programs = std::filesystem::path(LLMRUN_PROGRAM).parent_path().string();
    std::filesystem::create_directory(shell.path("bin"));
    std::filesystem::copy_file(LLMRUN_PROGRAM, shell.path("bin/llmrun"));
    shell.write("bin/llmrun-rank", fmt::format(R"(#!/bin/sh
rank=${{OMPI_COMM_WORLD_RANK:-$RANK}}
case ",$SKEWED," in
  *",$rank,"*) export {0}; date +%s > '{1}'/seen-$rank ;;
  *) unset LD_PRELOAD ;;
esac
exec '{2}/llmrun-rank' "$@"
)",
                                               clock_words(found.out), shell.path(""), programs));
    std::filesystem::permissions(shell.path("bin/llmrun-rank"), std::filesystem::perms::owner_all);
    preload = clock_words(found.out);
  }

  std::string clock_words(const std::string& library) const {
    return fmt::format("LD_PRELOAD='{}' FAKETIME_TIMESTAMP_FILE='{}' FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1", library,
                       shell.path("clock"));
  }
  void set_clock(int64_t seconds) const {
    shell.write("clock.new", fmt::format("{:+}\n", seconds));
    std::filesystem::rename(shell.path("clock.new"), shell.path("clock"));
  }
  /// `skewed`: ranks, "0,1"; `more`: words before `llmrun`; `options` behind.
  Outcome train(const std::string& skewed, const std::string& more, const std::string& options) const {
    return shell("export PATH=\"$PWD/bin:$PATH\" SKEWED=" + skewed + "; " + more +
                 " llmrun train --ranks 2 --set model=gpt-tiny --set train.seq_len=32 --set train.precision=fp32 --set run.name=king " +
                 options);
  }
  std::vector<json> metrics() const {
    std::vector<json> lines;
    std::istringstream text(shell.read("outputs/king/metrics.jsonl"));
    for (std::string line; std::getline(text, line);)
      if (json one = json::parse(line, nullptr, false); !one.is_discarded()) lines.push_back(std::move(one));
    return lines;
  }
  /// Trains, and sets the clock once the run has made five steps.
  Outcome train_and_set_clock(int64_t seconds, const std::string& skewed, const std::string& more, const std::string& options) const {
    std::atomic<bool> over{false};
    std::thread hand([&] {
      while (metrics().size() < 5 && !over) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      set_clock(seconds);
    });
    const Outcome outcome = train(skewed, more, options);
    over = true;
    hand.join();
    return outcome;
  }

  CommandLine shell;
  std::string preload;  // assignments that give llmrun itself the moved clock
};

int64_t now() { return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// Steps 1, 2, 3...; durations that fit into the time that the whole took, by a clock that nobody moved.
void check_durations(const std::vector<json>& metrics, std::chrono::steady_clock::time_point begin) {
  const double whole = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  double sum = 0;
  for (size_t i = 0; i < metrics.size(); ++i) {
    CHECK(metrics[i].at("step") == i + 1);
    const auto step = metrics[i].at("step_time_s").get<double>(), comm = metrics[i].at("comm_time_s").get<double>();
    CHECK(step > 0);
    CHECK(comm >= 0);
    CHECK(comm <= step);
    CHECK(metrics[i].at("data_time_s").get<double>() >= 0);
    sum += step;
  }
  CHECK(sum <= whole);
}

bool steps_back(const std::vector<json>& metrics) {
  for (size_t i = 1; i < metrics.size(); ++i)
    if (metrics[i].at("time").get<double>() < metrics[i - 1].at("time").get<double>() - 3000) return true;
  return false;
}

const std::string kInJob = " --set job.walltime=01:00:00 --set job.margin=00:05:00";

}  // namespace

TEST_CASE("E1: a rank whose clock is an hour ahead or behind stops no job, and no duration shows it") {
  for (const char* communicator : {"tcp", "mpi"})
    for (const int64_t skew : {kHour, -kHour}) {
      CAPTURE(communicator);
      CAPTURE(skew);
      const SkewedRanks ranks;
      ranks.set_clock(skew);
      const auto begin = std::chrono::steady_clock::now();
      const Outcome done = ranks.train("1", fmt::format("LLMRUN_STARTED_AT={}", now()),
                                       fmt::format("--set run.steps=20 --set parallel.communicator={}{}", communicator, kInJob));
      CHECK_MESSAGE(done.exit == 0, done.err);
      CHECK(std::abs(std::stoll(ranks.shell.read("seen-1")) - now() - skew) < 600);  // it did have another time
      CHECK(ranks.metrics().size() == 20);
      check_durations(ranks.metrics(), begin);
    }
}

TEST_CASE("E1: where the clock of the job's first host is an hour ahead, its own walltime counts, and the other ranks follow") {
  for (const int64_t seconds_ago : {int64_t{0}, 3300L}) {  // 3300: the margin has begun
    const SkewedRanks ranks;
    ranks.set_clock(kHour);
    const Outcome done = ranks.train("0", fmt::format("LLMRUN_STARTED_AT={} {}", now() + kHour - seconds_ago, ranks.preload),
                                     "--set run.steps=20 --set parallel.communicator=tcp --set machine.launcher=local" + kInJob);
    CHECK_MESSAGE(done.exit == (seconds_ago == 0 ? 0 : 75), done.err);
    CHECK(ranks.metrics().size() == (seconds_ago == 0 ? 20 : 1));
    CHECK(ranks.metrics().at(0).at("time").get<double>() > static_cast<double>(now()) + 3000);
  }
}

TEST_CASE("E1: a clock that steps back while it trains turns neither steps nor durations nor the log around") {
  for (const char* skewed : {"0", "1"}) {
    CAPTURE(skewed);
    const SkewedRanks ranks;
    ranks.set_clock(0);
    const auto begin = std::chrono::steady_clock::now();
    const Outcome done =
        ranks.train_and_set_clock(-kHour, skewed, skewed == std::string("0") ? ranks.preload : "",
                                  "--set run.steps=300 --set checkpoint.every_steps=100 --set parallel.communicator=tcp --set "
                                  "machine.launcher=local");
    CHECK_MESSAGE(done.exit == 0, done.err);
    CHECK(ranks.metrics().size() == 300);
    CHECK(steps_back(ranks.metrics()) == (skewed == std::string("0")));
    check_durations(ranks.metrics(), begin);
    const std::string log = ranks.shell("bin/llmrun tail king -r all -n 100").out;
    const auto line = [&](int step) { return log.find(fmt::format("saved checkpoint of step {}", step)); };
    CHECK_MESSAGE(line(300) != std::string::npos, log);
    CHECK(line(100) < line(200));
    CHECK(line(200) < line(300));
    for (const json& run : json::parse(ranks.shell("bin/llmrun history --json").out).at("runs"))
      CHECK(run.at("seconds").get<double>() >= 0);
  }
}

TEST_CASE("E1, T1: a clock that steps back in a job moves no deadline: the run stops its margin before the walltime") {
  const SkewedRanks ranks;
  ranks.set_clock(0);
  const auto begin = std::chrono::steady_clock::now();
  const Outcome stopped = ranks.train_and_set_clock(
      -kHour, "0", fmt::format("LLMRUN_STARTED_AT={} {}", now() - 3300 + 10, ranks.preload),  // ten seconds until the margin begins
      "--set run.steps=1000000 --set parallel.communicator=tcp --set machine.launcher=local" + kInJob);
  CHECK_MESSAGE(stopped.exit == 75, stopped.err);
  CHECK_MESSAGE(stopped.err.find("before the walltime") != std::string::npos, stopped.err);
  CHECK(steps_back(ranks.metrics()));
  check_durations(ranks.metrics(), begin);
}
