#include <fmt/ranges.h>

#include <fstream>

#include "engine/core/error.h"
#include "engine/core/file.h"
#include "launcher/follow/console.h"
#include "launcher/follow/file_tail.h"
#include "launcher/follow/rank_list.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

void append(const std::string& file, const std::string& text) { std::ofstream(file, std::ios::app | std::ios::binary) << text; }

std::string joined(const std::vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, "|")); }

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

TEST_CASE("a tail starts with the last lines and goes on with what comes") {
  TemporaryDirectory directory;
  const std::string file = directory / "log";
  append(file, "1\n2\n3\n4\n");
  FileTail tail(file, 2);
  CHECK(joined(tail.next()) == "3|4");
  CHECK(tail.next().empty());
  append(file, "5\nsi");
  CHECK(joined(tail.next()) == "5");
  append(file, "x\n");
  CHECK(joined(tail.next()) == "six");
  append(file, "rest");
  CHECK(tail.next().empty());
  CHECK(tail.take_rest() == "rest");
}

TEST_CASE("a tail of more history than there is, of none, and of long files") {
  TemporaryDirectory directory;
  append(directory / "log", "1\n2\n");
  CHECK(joined(FileTail(directory / "log", 10).next()) == "1|2");
  CHECK(FileTail(directory / "log", 0).next().empty());
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += fmt::format("line {}\n", i);
  append(directory / "long", many);
  const std::vector<std::string> last = FileTail(directory / "long", 20'000).next();
  REQUIRE(last.size() == 20'000);
  CHECK(last.front() == "line 80000");
  CHECK(last.back() == "line 99999");
}

TEST_CASE("a tail survives a file that appears late, is cut, or is replaced") {
  TemporaryDirectory directory;
  const std::string file = directory / "log";
  FileTail tail(file, 1);
  CHECK(tail.next().empty());
  append(file, "a\nb\n");
  CHECK(joined(tail.next()) == "a|b");
  std::filesystem::resize_file(file, 0);
  append(file, "c\n");
  CHECK(joined(tail.next()) == "c");
  write_file_atomically(file, "new\nfile\n");
  CHECK(joined(tail.next()) == "new|file");
}

TEST_CASE("a watcher wakes when a file changes") {
  TemporaryDirectory directory;
  ChangeWatcher watcher;
  watcher.watch(directory.path());
  append(directory / "log", "x");
  watcher.wait(60'000);  // returns at once, or the test runs into its time limit
}

TEST_CASE("ranks are named by numbers, ranges or all") {
  CHECK(parse_ranks("0", 4) == std::vector<int64_t>{0});
  CHECK(parse_ranks("3,0-1,1", 4) == std::vector<int64_t>{0, 1, 3});
  CHECK(parse_ranks("all", 3) == std::vector<int64_t>{0, 1, 2});
  for (const char* text : {"4", "2-1", "x", "-1", "0-", "0-4"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_ranks(text, 4), Error);
  }
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

}  // namespace llmrun
