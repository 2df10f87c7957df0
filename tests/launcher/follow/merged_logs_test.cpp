#include "launcher/follow/merged_logs.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

void append(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::app | std::ios::binary) << text; }

std::string at(int second, const std::string& text) {
  return fmt::format("2023-10-11 09:{:02}:{:02}.000 {}\n", second / 60, second % 60, text);
}

/// Logs of some ranks, and what was handed out of them: the last word of each line, '.' at the end of a look.
struct Logs {
  explicit Logs(size_t count, LogStart start = {}) {
    for (size_t i = 0; i < count; ++i) paths.push_back(directory.path() / std::to_string(i));
    merged.emplace(paths, start);
  }
  MergedLogs::Take take() {
    return [this](size_t, const LogLine& line) {
      told += std::string(line.text.substr(line.text.rfind(' ') + 1)) + " ";
      return true;
    };
  }
  std::string look() {
    told.clear();
    merged->advance(take());
    return told;
  }
  std::string finish() {
    told.clear();
    merged->finish(take());
    return told;
  }
  TemporaryDirectory directory;
  std::vector<fs::path> paths;
  std::optional<MergedLogs> merged;
  std::string told;
};

}  // namespace

TEST_CASE("lines of several logs come in the order of their times, those without one behind the line they belong to") {
  Logs logs(3);
  append(logs.paths[0], at(1, "a1") + at(4, "a4"));
  append(logs.paths[1], at(2, "b2") + "  traceback\n  of-b\n" + at(5, "b5"));
  append(logs.paths[2], "start\n" + at(3, "c3"));
  CHECK(logs.look() == "start a1 b2 traceback of-b c3 a4 b5 ");
  CHECK(!logs.merged->holding());
}

TEST_CASE("a line waits for one look, so that those which were written meanwhile elsewhere come before it") {
  Logs logs(2);
  CHECK(logs.look() == "");
  append(logs.paths[0], at(2, "a2"));
  CHECK(logs.look() == "");
  CHECK(logs.merged->holding());
  append(logs.paths[1], at(1, "b1") + at(3, "b3"));
  CHECK(logs.look() == "b1 a2 ");
  CHECK(logs.look() == "b3 ");
  CHECK(!logs.merged->holding());
}

TEST_CASE("a log alone waits for nobody") {
  Logs logs(1);
  logs.look();
  append(logs.paths[0], at(2, "a2"));
  CHECK(logs.look() == "a2 ");
}

TEST_CASE("E1: a clock that is an hour ahead, or steps back, holds nothing up and turns no log around") {
  Logs logs(3);
  logs.look();
  append(logs.paths[0], at(3000, "ahead1"));
  append(logs.paths[1], at(1, "b1"));
  logs.look();
  append(logs.paths[0], at(3001, "ahead2"));
  append(logs.paths[1], at(2, "b2"));
  CHECK(logs.look() == "b1 b2 ahead1 ");  // b2 is new, and older than what is due
  append(logs.paths[1], at(3, "b3"));
  CHECK(logs.look() == "b3 ahead2 ");
  append(logs.paths[2], at(2000, "c1") + at(100, "c2-stepped-back") + at(101, "c3"));
  append(logs.paths[1], at(102, "b4"));
  logs.look();
  CHECK(logs.look() == "b4 c1 c2-stepped-back c3 ");
}

TEST_CASE("at the end everything is handed out, torn lines too, and a rotated log whole") {
  Logs logs(2);
  logs.look();
  append(logs.paths[0], at(1, "a1") + "torn");
  append(logs.paths[1], at(2, "b2"));
  CHECK(logs.finish() == "a1 b2 torn ");
  Logs rotated(2);
  append(rotated.paths[0], at(1, "old1"));
  CHECK(rotated.look() == "old1 ");
  append(rotated.paths[0], at(2, "old2"));
  fs::rename(rotated.paths[0], rotated.paths[0].string() + ".1");
  append(rotated.paths[0], at(3, "new"));
  append(rotated.paths[1], at(2, "b"));
  CHECK(rotated.finish() == "old2 b new ");
}

TEST_CASE("logs much longer than what is kept of them in memory are merged whole and in order") {
  constexpr int kLogs = 50, kLines = 3000;
  Logs logs(kLogs);
  for (int log = 0; log < kLogs; ++log) {
    std::string text;
    for (int i = 0; i < kLines; ++i) text += at((i * kLogs + log) / 50, "x" + std::string(100, 'y')) + (i % 7 == 0 ? " more\n" : "");
    append(logs.paths[static_cast<size_t>(log)], text);
  }
  WallTime newest = kNoTime;
  std::vector<int> lines(kLogs);
  int64_t disorder = 0, total = 0;
  logs.merged->advance([&](size_t file, const LogLine& line) {
    if (line.time != kNoTime) {
      disorder += line.time < newest;
      newest = std::max(newest, line.time);
      ++lines[file];
    }
    ++total;
    return true;
  });
  CHECK(disorder == 0);
  CHECK(std::all_of(lines.begin(), lines.end(), [](int count) { return count == kLines; }));
  CHECK(total == kLogs * (kLines + (kLines + 6) / 7));
}

TEST_CASE("thousands of logs need no more than the usual descriptors, and lose no line") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit usual{std::min<rlim_t>(1024, before.rlim_max), before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  constexpr size_t kLogs = 3000;
  Logs logs(kLogs);
  int64_t total = 0;
  const auto count = [&](size_t, const LogLine&) { return ++total, true; };
  for (int round = 0; round < 3; ++round) {
    for (size_t log = 0; log < kLogs; ++log) append(logs.paths[log], at(round, "x"));
    logs.merged->advance(count);
    const auto open = std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
    CHECK(open <= static_cast<std::ptrdiff_t>(MergedLogs::kMostOpen) + 50);
  }
  logs.merged->finish(count);
  CHECK(total == 3 * kLogs);
  CHECK(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("whatever is written in whatever pieces, rotated or not, every line of every log comes once and in its order") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    constexpr size_t kLogs = 5;
    Logs logs(kLogs);
    std::vector<std::string> written(kLogs), shown(kLogs);
    std::vector<int> looks(kLogs);  // since its file is there: one that comes and goes between looks cannot be seen
    const auto take = [&](size_t file, const LogLine& line) { return shown[file] += std::string(line.text) + "\n", true; };
    for (int event = 0; event < 400; ++event) {
      const size_t log = random() % kLogs;
      if (random() % 5 == 0) {
        logs.merged->advance(take);
        for (int& count : looks) ++count;
      } else if (random() % 20 == 0 && looks[log] > 3 && fs::exists(logs.paths[log])) {
        if (!written[log].ends_with('\n')) append(logs.paths[log], "\n"), written[log] += "\n";
        fs::rename(logs.paths[log], logs.paths[log].string() + "." + std::to_string(event));
      } else {
        std::string text = random() % 3 == 0 ? at(static_cast<int>(random() % 3000), "x") : std::string(random() % 40, 'y') + "\n";
        if (random() % 4 == 0) text.resize(random() % text.size() + 1);
        if (!fs::exists(logs.paths[log])) looks[log] = 0;
        append(logs.paths[log], text);
        written[log] += text;
      }
    }
    logs.merged->finish(take);
    for (size_t log = 0; log < kLogs; ++log) {
      if (!written[log].empty() && !written[log].ends_with('\n')) written[log] += "\n";
      CHECK(shown[log] == written[log]);
    }
  }
}

TEST_CASE("whoever wants no more lines gets none") {
  Logs logs(2);
  append(logs.paths[0], at(1, "a") + at(2, "b") + at(3, "c"));
  int taken = 0;
  logs.merged->finish([&](size_t, const LogLine&) { return ++taken < 2; });
  CHECK(taken == 2);
}

}  // namespace llmrun
