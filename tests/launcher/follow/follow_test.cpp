#include <fstream>

#include "engine/core/error.h"
#include "engine/core/file.h"
#include "launcher/follow/console.h"
#include "launcher/follow/rank_list.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

void append(const std::string& file, const std::string& text) { std::ofstream(file, std::ios::app | std::ios::binary) << text; }

/// A console whose screen and log are strings.
struct Screen {
  std::string shown, logged;
  size_t columns = 80;
  Console console(bool terminal, const std::string& metrics, int64_t steps, int64_t every) {
    ConsoleStyle style;
    style.terminal = terminal;
    style.columns = [this] { return columns; };
    style.write = [this](std::string_view text) { shown += text; };
    style.log = [this](std::string_view text) { logged += std::string(text) + "\n"; };
    style.harmless = [](std::string_view text) { return std::string(text); };
    return Console(std::move(style), metrics, steps, every);
  }
};

std::string step_line(int64_t step, const char* more = "") {
  return fmt::format(R"({{"step": {}, "loss": 2.5, "tokens_per_s": 12345.0, "step_time_s": 0.5, "mfu": 0.412{}}})", step, more) + "\n";
}

}  // namespace

TEST_CASE("ranks are named by numbers, ranges or all") {
  CHECK(parse_ranks("0", 4) == std::vector<int64_t>{0});
  CHECK(parse_ranks("3,0-1,1", 4) == std::vector<int64_t>{0, 1, 3});
  CHECK(parse_ranks("all", 3) == std::vector<int64_t>{0, 1, 2});
  for (const char* text : {"4", "2-1", "x", "-1", "0-", "0-4"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_ranks(text, 4), Error);
  }
}

TEST_CASE("hosts are named by patterns, and their ranks follow the hosts' order") {
  const std::vector<PlanHost> hosts = {{"x3001c0s1b0n0.hsn.cm", 4}, {"x3001c0s7b0n0", 4}, {"x3002c0s1b0n0", 2}};
  CHECK(ranks_on_hosts("x3001*", hosts) == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(ranks_on_hosts("x3001c0s1b0n0", hosts) == std::vector<int64_t>{0, 1, 2, 3});
  CHECK(ranks_on_hosts("x3002*,*s7*", hosts) == std::vector<int64_t>{4, 5, 6, 7, 8, 9});
  CHECK_THROWS_WITH_AS(ranks_on_hosts("x9*", hosts), "no host fits 'x9*'", Error);
}

TEST_CASE("progress away from a terminal is a line every few steps and at the end") {
  TemporaryDirectory directory;
  const std::string metrics = directory / "metrics.jsonl";
  append(metrics, step_line(1));  // of an attempt before
  Screen screen;
  Console console = screen.console(false, metrics, 7, 3);
  for (int64_t step = 2; step <= 7; ++step) append(metrics, step_line(step));
  console.tick();
  console.line("hello");
  console.finish();
  CHECK(screen.shown ==
        "step 3/7  loss 2.5000  12.3k tokens/s  MFU 41.2%  ETA 00:00:02\n"
        "step 6/7  loss 2.5000  12.3k tokens/s  MFU 41.2%  ETA 00:00:01\n"
        "step 7/7  loss 2.5000  12.3k tokens/s  MFU 41.2%  ETA 00:00:00\n"
        "hello\n");
  CHECK(screen.logged == screen.shown);
}

TEST_CASE("progress on a terminal is one line below what ranks print") {
  TemporaryDirectory directory;
  const std::string metrics = directory / "metrics.jsonl";
  Screen screen;
  Console console = screen.console(true, metrics, 4, 1);
  append(metrics, step_line(1));
  console.tick();
  console.line("hello");
  append(metrics, step_line(2, R"(, "valid_loss": 3.0)"));
  console.finish();
  const std::string first = "step 1/4  loss 2.5000  12.3k tokens/s  MFU 41.2%  ETA 00:00:02";
  const std::string second = "step 2/4  loss 2.5000  12.3k tokens/s  MFU 41.2%  ETA 00:00:01  valid_loss 3.0000";
  const std::string erase = "\r\033[K";
  CHECK(screen.shown == first + erase + "hello\n" + first + erase + second + "\n");
}

TEST_CASE("a live line is cut at the width of the terminal, what stays on the screen is whole") {
  TemporaryDirectory directory;
  const std::string metrics = directory / "metrics.jsonl";
  Screen screen;
  screen.columns = 20;
  Console console = screen.console(true, metrics, 4, 1);
  append(metrics, step_line(1));
  console.tick();
  CHECK(screen.shown == "step 1/4  loss 2.50");
  console.finish();
  CHECK(screen.shown == "step 1/4  loss 2.50\r\033[Kstep 1/4  loss 2.5000  12.3k tokens/s  MFU 41.2%  ETA 00:00:02\n");
  CHECK(screen.logged == "step 1/4  loss 2.5000  12.3k tokens/s  MFU 41.2%  ETA 00:00:02\n");
}

TEST_CASE("W3: torn and foreign lines of metrics are passed over") {
  CHECK(!parse_step("{\"step\": 3, \"lo"));
  CHECK(!parse_step("[]"));
  CHECK(!parse_step("{\"step\": \"x\"}"));
  CHECK(parse_step("{\"step\": 3, \"mfu\": null}")->step == 3);
  CHECK(!parse_step("{\"step\": 3, \"mfu\": null}")->mfu);
  TemporaryDirectory directory;
  const std::string metrics = directory / "metrics.jsonl";
  append(metrics, step_line(1) + step_line(2));
  MetricsFollower follower(metrics);
  write_file_atomically(metrics, step_line(1));  // a resume cut it back to its checkpoint
  REQUIRE(follower.next().size() == 1);
  append(metrics, step_line(2));
  CHECK(follower.next().at(0).step == 2);
}

TEST_CASE("W3: a torn end that the next attempt takes away shows no step of the attempts before again") {
  TemporaryDirectory directory;
  const std::string metrics = directory / "metrics.jsonl";
  append(metrics, step_line(1) + step_line(2) + "{\"step\": 3, \"lo");
  MetricsFollower follower(metrics);
  CHECK(follower.next().empty());
  std::filesystem::resize_file(metrics, 2 * step_line(1).size());
  CHECK(follower.next().empty());
  append(metrics, step_line(3));
  const auto steps = follower.next();
  REQUIRE(steps.size() == 1);
  CHECK(steps[0].step == 3);
}

}  // namespace llmrun
